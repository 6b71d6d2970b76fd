"""
DualPath, section by section as the model's formulas have it. Module and parameter names are those
of the released checkpoints, so that a state_dict is what such a file holds under 'model'.
Symbols and shapes: config.py.
"""

import torch
import torch.nn.functional as F
from torch import nn

from . import vit
from .positions import sincos_3d, sincos_time
from .video import framesets

# What the released checkpoints call the adapters of the paper.
ADAPTER_MODULES = {
    "s1": "s_adapter_attn",
    "s2": "s_adapter_mlp",
    "t0": "t_adapter_attn_b",
    "t1": "t_adapter_attn",
    "t2": "t_adapter_mlp",
}


class Block(vit.Block):
    """Frozen weights that both paths share, adapters that they do not."""

    def __init__(self, config):
        super().__init__(config)
        self.serial_skip = config.serial_skip
        for name, module in ADAPTER_MODULES.items():
            width = config.adapters.get(name)
            adapter = vit.Adapter(config, width, config.adapter_scale) if width else None
            setattr(self, module, adapter)

    def parallel(self, adapter, n):
        return adapter(n) if adapter else 0

    def serial(self, adapter, z):
        if not adapter:
            return z
        return z + adapter(z) if self.serial_skip else adapter(z)

    def spatial(self, x):
        n = self.ln_1(x)
        x = x + self.attn(n) + self.parallel(self.s_adapter_attn, n)
        n = self.ln_2(x)
        return x + self.mlp(n) + self.parallel(self.s_adapter_mlp, n)

    def temporal(self, x):
        n = self.serial(self.t_adapter_attn_b, self.ln_1(x))
        x = x + self.serial(self.t_adapter_attn, self.attn(n))
        return x + self.serial(self.t_adapter_mlp, self.mlp(self.ln_2(x)))


class Head(nn.Module):
    """logits = GELU([y_t ; y_s] V1 + c1) V2 + c2"""

    def __init__(self, config):
        super().__init__()
        self.linear1 = nn.Linear(2 * config.feature_size, config.head_width)
        self.linear2 = nn.Linear(config.head_width, config.classes)

    def forward(self, y_t, y_s):
        return self.linear2(F.gelu(self.linear1(torch.cat([y_t, y_s], dim=-1))))


class VisionTransformer(vit.VisionTransformer):
    """What both paths share: an image transformer, and the tables that tell the paths apart."""

    def __init__(self, config):
        super().__init__(config, [Block(config) for _ in range(config.blocks)])
        self.head = Head(config) if config.head_width else None

    def position_tables(self, config):
        tables = super().position_tables(config)
        if config.position == "sincos-time" and config.position_grid:
            tables["spatial_positional_embedding"] = config.tokens
        if config.position == "table":
            tables["temporal_positional_embedding"] = config.framesets * config.tokens
        return tables


class DualPath(nn.Module):
    """Normalised frames [B][T][3][R][R] -> logits [B][C] (None without a head), y_t and y_s, each
    [B][O]"""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.visual = VisionTransformer(config)
        fixed = {"sincos-time": sincos_time, "sincos-3d": sincos_3d}.get(config.position)
        self.register_buffer("fixed_position", fixed(config) if fixed else None, persistent=False)

    def temporal_position(self):
        """pos_t + pos_xy, [Tg][N][D]"""
        visual, config = self.visual, self.config
        if config.position == "table":
            table = visual.temporal_positional_embedding
            return table.reshape(config.framesets, config.tokens, config.width)
        fixed = self.fixed_position.to(visual.positional_embedding.dtype)
        if config.position == "sincos-3d":
            return fixed
        if config.position_grid:
            return fixed + visual.spatial_positional_embedding
        return fixed + visual.positional_embedding

    def spatial_path(self, frames):
        B, T = frames.shape[:2]
        Ts = self.config.spatial_frames
        x = self.visual.tokens(frames[:, :: T // Ts].flatten(0, 1))
        x = self.visual.ln_pre(x + self.visual.positional_embedding)
        for block in self.visual.transformer.resblocks:
            x = block.spatial(x)
        return self.visual.feature(x[:, 0]).reshape(B, Ts, -1).mean(dim=1)

    def temporal_path(self, frames):
        B, Tg = frames.shape[0], self.config.framesets
        images = framesets(frames, self.config.grid, self.config.protocol)
        x = self.visual.tokens(images.flatten(0, 1))
        x = self.visual.ln_pre(x + self.temporal_position().repeat(B, 1, 1))
        for block in self.visual.transformer.resblocks:
            x = block.temporal(x)
        return self.visual.feature(x[:, 0]).reshape(B, Tg, -1).mean(dim=1)

    def forward(self, frames):
        y_t = self.temporal_path(frames)
        y_s = self.spatial_path(frames)
        logits = self.visual.head(y_t, y_s) if self.visual.head else None
        return logits, y_t, y_s
