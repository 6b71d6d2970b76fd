"""DualPath in PyTorch, for training: the same blocks with the adapters of either path.

Module names are those of the released code, so a state_dict is what a checkpoint holds under
``model``. The independent network in ``tests/reference`` is held against this one by tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AnyConfig, Config
from .pixels import Views, framesets
from .positions import sincos_3d, sincos_time


def quick_gelu(x: Tensor) -> Tensor:
    """The activation of CLIP."""
    return x * torch.sigmoid(1.702 * x)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "quick_gelu": quick_gelu,
    "gelu": F.gelu,
    "relu": F.relu,
}


class Adapter(nn.Module):
    """``A(x) = act(x Wd + bd) Wu + bu``, times a scale. It begins as zero."""

    def __init__(self, config: AnyConfig, bottleneck: int, scale: float) -> None:
        super().__init__()
        self.down_proj = nn.Linear(config.width, bottleneck)
        self.up_proj = nn.Linear(bottleneck, config.width)
        self.activation = _ACTIVATIONS[config.adapter_activation]
        self.scale = scale
        nn.init.xavier_uniform_(self.down_proj.weight)
        nn.init.zeros_(self.down_proj.bias)
        nn.init.zeros_(self.up_proj.weight)
        nn.init.zeros_(self.up_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.up_proj(self.activation(self.down_proj(x)))
        return y * self.scale if self.scale != 1 else y


def _adapter(config: Config, name: str) -> Adapter | None:
    bottleneck = config.adapters.get(name)
    return Adapter(config, bottleneck, config.adapter_scale) if bottleneck else None


class Attention(nn.Module):
    """Multi-head self-attention among the tokens of an image."""

    def __init__(self, config: AnyConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * config.width, config.width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * config.width))
        self.out_proj = nn.Linear(config.width, config.width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # On a CPU this is twice as fast, forward and backward, as scaled_dot_product_attention.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        a = scores.softmax(dim=-1, dtype=scores.dtype) @ v
        y: Tensor = self.out_proj(a.transpose(1, 2).reshape(n, tokens, width))
        return y


class MLP(nn.Module):
    """Two layers with an activation between them."""

    def __init__(self, config: AnyConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.width, config.mlp_width)
        self.c_proj = nn.Linear(config.mlp_width, config.width)
        self.activation = _ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.c_proj(self.activation(self.c_fc(x)))
        return y


class PlainBlock(nn.Module):
    """A transformer block, as it was trained on images and stays frozen."""

    def __init__(self, config: AnyConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = MLP(config)

    def plain(self, x: Tensor) -> Tensor:
        """Tokens of images ``[n][N][D]``."""
        x = x + self.attn(self.ln_1(x))
        y: Tensor = x + self.mlp(self.ln_2(x))
        return y


class Block(PlainBlock):
    """A block of DualPath. What is frozen serves all three ways through it; the adapters have the
    names of the released code."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.serial_skip = config.serial_skip
        self.s_adapter_attn = _adapter(config, "s1")
        self.s_adapter_mlp = _adapter(config, "s2")
        self.t_adapter_attn_b = _adapter(config, "t0")
        self.t_adapter_attn = _adapter(config, "t1")
        self.t_adapter_mlp = _adapter(config, "t2")

    def spatial(self, x: Tensor) -> Tensor:
        """With adapters beside attention and MLP."""
        x = _beside(self.s_adapter_attn, self.attn, self.ln_1(x), x)
        return _beside(self.s_adapter_mlp, self.mlp, self.ln_2(x), x)

    def temporal(self, x: Tensor) -> Tensor:
        """With adapters before and behind attention, and behind the MLP."""
        n = self._behind(self.t_adapter_attn_b, self.ln_1(x))
        x = x + self._behind(self.t_adapter_attn, self.attn(n))
        return x + self._behind(self.t_adapter_mlp, self.mlp(self.ln_2(x)))

    def _behind(self, adapter: nn.Module | None, z: Tensor) -> Tensor:
        if adapter is None:
            return z
        y: Tensor = adapter(z)
        return z + y if self.serial_skip else y


def _beside(adapter: nn.Module | None, layer: nn.Module, n: Tensor, x: Tensor) -> Tensor:
    y: Tensor = x + layer(n)
    return y if adapter is None else y + adapter(n)


class Transformer(nn.Module):
    """The blocks, under the name that checkpoints have for them."""

    def __init__(self, blocks: Iterable[PlainBlock]) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(blocks)


class Head(nn.Module):
    """``logits = GELU([y_t ; y_s] V1 + c1) V2 + c2``"""

    def __init__(self, config: Config) -> None:
        super().__init__()
        if config.head_width is None or config.classes < 1:
            raise ValueError("a head needs head_width and classes of at least 1")
        self.linear1 = nn.Linear(2 * config.feature_size, config.head_width)
        self.linear2 = nn.Linear(config.head_width, config.classes)

    def forward(self, temporal: Tensor, spatial: Tensor) -> Tensor:
        y: Tensor = self.linear2(F.gelu(self.linear1(torch.cat([temporal, spatial], dim=-1))))
        return y


class ImageTransformer(nn.Module):
    """The image transformer around its blocks, of which there is one for each number; ``tables``
    are the rows of other tables of positions."""

    spatial_positional_embedding: nn.Parameter
    temporal_positional_embedding: nn.Parameter
    temporal_embedding: nn.Parameter

    def __init__(self, config: AnyConfig, tables: dict[str, int],
                 block: Callable[[int], PlainBlock]) -> None:
        super().__init__()
        D, N, p = config.width, config.tokens, config.patch_size
        self.conv1 = nn.Conv2d(3, D, kernel_size=p, stride=p, bias=config.patch_bias)
        self.class_embedding = nn.Parameter(0.02 * torch.randn(D))
        self.positional_embedding = nn.Parameter(0.02 * torch.randn(N, D))
        for name, rows in tables.items():
            self.register_parameter(name, nn.Parameter(0.02 * torch.randn(rows, D)))
        eps = config.layer_norm_eps
        self.ln_pre = nn.LayerNorm(D, eps=eps) if config.pre_norm else nn.Identity()
        self.transformer = Transformer(map(block, range(config.blocks)))
        self.ln_post = nn.LayerNorm(D, eps=eps)
        self.proj: nn.Parameter | None = None
        if config.projection is not None:
            self.proj = nn.Parameter(D**-0.5 * torch.randn(D, config.projection))

    def embed(self, images: Tensor, position: Tensor) -> Tensor:
        """``[n][3][R][R]`` and positions ``[N][D]`` or ``[n][N][D]`` to tokens ``[n][N][D]``."""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        token = self.class_embedding.to(patches.dtype).expand(len(images), 1, -1)
        x: Tensor = self.ln_pre(torch.cat([token, patches], dim=1) + position)
        return x

    def feature(self, x: Tensor) -> Tensor:
        """What the class token says at the end: ``[n][N][D]`` to ``[n][O]``."""
        y: Tensor = self.ln_post(x[:, 0])
        return y if self.proj is None else y @ self.proj

    def image_tokens(self, images: Tensor, keep: Tensor | None = None,
                     position: Tensor | None = None) -> Tensor:
        """Images through the blocks without adapters, ``[n][N][D]``, after the last norm. Of the
        tokens only those of the indices ``keep`` ``[n][k]``, if given; at other positions than
        those of images, if given."""
        x = self.embed(images, self.positional_embedding if position is None else position)
        if keep is not None:
            x = x.gather(1, keep[..., None].expand(-1, -1, x.shape[-1]))
        for block in self.transformer.resblocks:
            assert isinstance(block, PlainBlock)
            x = block.plain(x)
        y: Tensor = self.ln_post(x)
        return y


class VisionTransformer(ImageTransformer):
    """The image transformer, with the tables and the head that make it a video model."""

    def __init__(self, config: Config) -> None:
        tables = {}
        if config.position == "sincos-time" and config.position_grid:
            tables["spatial_positional_embedding"] = config.tokens
        if config.position == "table":
            tables["temporal_positional_embedding"] = config.framesets * config.tokens
        super().__init__(config, tables, lambda _: Block(config))
        self.head = Head(config) if config.head_width else None


class DualPath(nn.Module):
    """Both paths' views of clips, normalised, to logits ``[B][C]``.

    ``paths`` is ``both``, ``spatial`` or ``temporal``. The features of a path that is left out are
    zeros, and so is what the head makes of them: the library, which computes both paths, gives the
    same answer.
    """

    fixed_position: Tensor | None

    def __init__(self, config: Config, paths: str = "both") -> None:
        super().__init__()
        if paths not in ("both", "spatial", "temporal"):
            raise ValueError(f"paths: {paths!r} is not 'both', 'spatial' or 'temporal'")
        self.config = config
        self.paths = paths
        self.visual = VisionTransformer(config)
        self.forget_missing_path()
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda model, _: model.forget_missing_path())
        fixed = {"sincos-time": sincos_time, "sincos-3d": sincos_3d}.get(config.position)
        table = fixed(config).float() if fixed else None
        self.register_buffer("fixed_position", table, persistent=False)

    @torch.no_grad()
    def forget_missing_path(self) -> None:
        """Zeroes what the head makes of a path that is left out; no gradient will change that."""
        O = self.config.feature_size
        if self.visual.head is not None and self.paths == "spatial":
            self.visual.head.linear1.weight[:, :O] = 0
        if self.visual.head is not None and self.paths == "temporal":
            self.visual.head.linear1.weight[:, O:] = 0

    def forward(self, clips: Views) -> Tensor:
        temporal, spatial = self.features(clips)
        if self.visual.head is None:
            raise ValueError("a model without a head has no logits")
        logits: Tensor = self.visual.head(temporal, spatial)
        return logits

    def features(self, clips: Views) -> tuple[Tensor, Tensor]:
        """``y_t`` and ``y_s`` of a batch of normalised clips, ``[B][O]`` each."""
        zeros = clips.tiles.new_zeros(len(clips.tiles), self.config.feature_size)
        temporal, spatial = zeros, zeros
        if self.paths != "spatial":
            temporal = self.temporal(framesets(clips.tiles, self.config.grid))
        if self.paths != "temporal":
            spatial = self.spatial(clips.spatial)
        return temporal, spatial

    def temporal_position(self) -> Tensor:
        """Positions of the temporal path, ``[Tg][N][D]``."""
        visual, config = self.visual, self.config
        if self.fixed_position is None:
            table = visual.temporal_positional_embedding
            return table.view(config.framesets, config.tokens, config.width)
        if config.position == "sincos-3d":
            return self.fixed_position
        if config.position_grid:
            return self.fixed_position + visual.spatial_positional_embedding
        return self.fixed_position + visual.positional_embedding

    def spatial(self, frames: Tensor) -> Tensor:
        """Frames ``[B][Ts][3][R][R]`` to ``[B][O]``."""
        x = self.visual.embed(frames.flatten(0, 1), self.visual.positional_embedding)
        for block in self.visual.transformer.resblocks:
            assert isinstance(block, Block)
            x = block.spatial(x)
        return self.visual.feature(x).view(*frames.shape[:2], -1).mean(1)

    def temporal_tokens(self, framesets: Tensor) -> Tensor:
        """Framesets ``[n * Tg][3][R][R]`` through the temporal path: ``[n * Tg][N][D]``."""
        position = self.temporal_position().repeat(len(framesets) // self.config.framesets, 1, 1)
        x = self.visual.embed(framesets, position)
        for block in self.visual.transformer.resblocks:
            assert isinstance(block, Block)
            x = block.temporal(x)
        return x

    def temporal(self, framesets: Tensor) -> Tensor:
        """Framesets ``[B][Tg][3][R][R]`` to ``[B][O]``."""
        x = self.temporal_tokens(framesets.flatten(0, 1))
        return self.visual.feature(x).view(*framesets.shape[:2], -1).mean(1)
