"""
The network, section by section as the model's formulas have it. Module and parameter names are
those of the released checkpoints, so that a state_dict is what such a file holds under 'model'.
Symbols and shapes: config.py.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .positions import sincos_3d, sincos_time
from .video import framesets


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": F.gelu, "relu": F.relu}

# What the released checkpoints call the adapters of the paper.
ADAPTER_MODULES = {
    "s1": "s_adapter_attn",
    "s2": "s_adapter_mlp",
    "t0": "t_adapter_attn_b",
    "t1": "t_adapter_attn",
    "t2": "t_adapter_mlp",
}


class Adapter(nn.Module):
    """A(x) = GELU(x Wd + bd) Wu + bu, times an optional scale"""

    def __init__(self, config, width):
        super().__init__()
        self.down_proj = nn.Linear(config.width, width)
        self.up_proj = nn.Linear(width, config.width)
        self.activation = ACTIVATIONS[config.adapter_activation]
        self.scale = config.adapter_scale

    def forward(self, x):
        return self.scale * self.up_proj(self.activation(self.down_proj(x)))


class Attention(nn.Module):
    """Multi-head self-attention over the tokens of each image."""

    def __init__(self, config):
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * D, D))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * D))
        self.out_proj = nn.Linear(D, D)

    def forward(self, x):
        images, tokens, D = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        qkv = qkv.reshape(images, tokens, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [images][heads][tokens][D/H]
        scores = q @ k.transpose(-1, -2) / math.sqrt(D // self.heads)
        out = scores.softmax(dim=-1) @ v
        return self.out_proj(out.transpose(1, 2).reshape(images, tokens, D))


class MLP(nn.Module):
    """MLP(n) = QG(n W1 + b1) W2 + b2"""

    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.width, config.mlp_width)
        self.c_proj = nn.Linear(config.mlp_width, config.width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x):
        return self.c_proj(self.activation(self.c_fc(x)))


class Block(nn.Module):
    """One transformer block: frozen weights that both paths share, adapters that they do not."""

    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = MLP(config)
        self.serial_skip = config.serial_skip
        for adapter, module in ADAPTER_MODULES.items():
            width = config.adapters.get(adapter)
            setattr(self, module, Adapter(config, width) if width else None)

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


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(config) for _ in range(config.blocks))


class Head(nn.Module):
    """logits = GELU([y_t ; y_s] V1 + c1) V2 + c2"""

    def __init__(self, config):
        super().__init__()
        self.linear1 = nn.Linear(2 * config.feature_size, config.head_width)
        self.linear2 = nn.Linear(config.head_width, config.classes)

    def forward(self, y_t, y_s):
        return self.linear2(F.gelu(self.linear1(torch.cat([y_t, y_s], dim=-1))))


class VisionTransformer(nn.Module):
    """What both paths share: an image transformer, and the tables that tell the paths apart."""

    def __init__(self, config):
        super().__init__()
        D, N, p, eps = config.width, config.tokens, config.patch_size, config.layer_norm_eps
        self.conv1 = nn.Conv2d(3, D, kernel_size=p, stride=p, bias=config.patch_bias)
        self.class_embedding = nn.Parameter(torch.zeros(D))
        self.positional_embedding = nn.Parameter(torch.zeros(N, D))
        if config.position == "sincos-time" and config.position_grid:
            self.spatial_positional_embedding = nn.Parameter(torch.zeros(N, D))
        if config.position == "table":
            table = torch.zeros(config.framesets * N, D)
            self.temporal_positional_embedding = nn.Parameter(table)
        self.ln_pre = nn.LayerNorm(D, eps=eps) if config.pre_norm else nn.Identity()
        self.transformer = Transformer(config)
        self.ln_post = nn.LayerNorm(D, eps=eps)
        has_projection = config.projection is not None
        self.proj = nn.Parameter(torch.zeros(D, config.projection)) if has_projection else None
        self.head = Head(config) if config.head_width else None

    def tokens(self, images):
        """[n][3][R][R] -> [n][N][D], the class token first"""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        class_token = self.class_embedding.expand(len(images), 1, -1)
        return torch.cat([class_token, patches], dim=1)

    def feature(self, x):
        """[n][N][D] -> [n][O], read off the class token"""
        y = self.ln_post(x[:, 0])
        return y if self.proj is None else y @ self.proj


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
        return self.visual.feature(x).reshape(B, Ts, -1).mean(dim=1)

    def temporal_path(self, frames):
        B, Tg = frames.shape[0], self.config.framesets
        x = self.visual.tokens(framesets(frames, self.config.grid).flatten(0, 1))
        x = self.visual.ln_pre(x + self.temporal_position().repeat(B, 1, 1))
        for block in self.visual.transformer.resblocks:
            x = block.temporal(x)
        return self.visual.feature(x).reshape(B, Tg, -1).mean(dim=1)

    def forward(self, frames):
        y_t = self.temporal_path(frames)
        y_s = self.spatial_path(frames)
        logits = self.visual.head(y_t, y_s) if self.visual.head else None
        return logits, y_t, y_s
