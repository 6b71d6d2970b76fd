"""The blocks of the methods with one path: what is frozen, and what each method adds to it. Each of
them begins as the frozen block, but for prompts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import OnePathConfig
from .model import Adapter, PlainBlock


class FrozenBlock(PlainBlock):
    """A linear probe's."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``[B * T][N][D]``, as in all methods here."""
        return self.plain(x)


class PromptedBlock(FrozenBlock):
    """VPT's: learned tokens between class token and patches, in place of those of the block
    before."""

    def __init__(self, config: OnePathConfig) -> None:
        super().__init__(config)
        self.patches = config.tokens - 1
        self.prompt = nn.Parameter(torch.empty(config.prompts, config.width))
        bound = (6 / (3 * config.patch_size**2 + config.width)) ** 0.5
        nn.init.uniform_(self.prompt, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        prompt = self.prompt.to(x.dtype).expand(len(x), -1, -1)
        return self.plain(torch.cat([x[:, :1], prompt, x[:, -self.patches :]], dim=1))


class AdaptFormerBlock(PlainBlock):
    """With an adapter beside the MLP that reads what the norm reads."""

    def __init__(self, config: OnePathConfig) -> None:
        super().__init__(config)
        adapter = Adapter(config, config.adapters["mlp"], config.adapter_scale)
        self.adapters = nn.ModuleDict({"mlp": adapter})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        y: Tensor = x + self.mlp(self.ln_2(x)) + self.adapters["mlp"](x)
        return y


class ConvolutionAdapter(nn.Module):
    """``B(x) = conv(x Wd + bd) Wu + bu`` of the patches, with a depthwise convolution over frames,
    rows and columns; the class token gets nothing."""

    def __init__(self, config: OnePathConfig, bottleneck: int) -> None:
        super().__init__()
        self.places = config.frames, config.side, config.side
        self.down_proj = nn.Linear(config.width, bottleneck)
        frames, rows, columns = config.kernel
        self.conv = nn.Conv3d(bottleneck, bottleneck, config.kernel, groups=bottleneck,
                              padding=(frames // 2, rows // 2, columns // 2))
        self.up_proj = nn.Linear(bottleneck, config.width)
        for tensor in (self.down_proj.bias, self.conv.weight, self.conv.bias, self.up_proj.bias):
            assert tensor is not None
            nn.init.zeros_(tensor)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.down_proj(x[:, 1:])
        volumes = z.reshape(-1, *self.places, z.shape[-1]).movedim(-1, 1)
        z = self.conv(volumes).movedim(1, -1).reshape(z.shape)
        return F.pad(self.up_proj(z), (0, 0, 1, 0))


class ConvolutionBlock(PlainBlock):
    """ST-Adapter's: such adapters before attention, before the MLP, or both."""

    def __init__(self, config: OnePathConfig) -> None:
        super().__init__(config)
        self.adapters = nn.ModuleDict({
            name: ConvolutionAdapter(config, bottleneck)
            for name, bottleneck in config.adapters.items()})

    def forward(self, x: Tensor) -> Tensor:
        x = self._adapted("conv_attn", x)
        x = x + self.attn(self.ln_1(x))
        x = self._adapted("conv_mlp", x)
        y: Tensor = x + self.mlp(self.ln_2(x))
        return y

    def _adapted(self, name: str, x: Tensor) -> Tensor:
        return x + self.adapters[name](x) if name in self.adapters else x


class TimedBlock(PlainBlock):
    """AIM's: the attention of the block first among the frames at each place, then among the places
    of each frame. Adapters follow both and stand beside the MLP; one may stand before the first.
    The scale is of that beside the MLP only."""

    def __init__(self, config: OnePathConfig) -> None:
        super().__init__(config)
        self.frames = config.frames
        self.adapters = nn.ModuleDict({
            name: Adapter(config, bottleneck, config.adapter_scale if name == "mlp" else 1.0)
            for name, bottleneck in config.adapters.items()})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._among_frames(x)
        z = self.attn(self.ln_1(x))
        x = x + z + self.adapters["space"](z)
        n = self.ln_2(x)
        y: Tensor = x + self.mlp(n) + self.adapters["mlp"](n)
        return y

    def _among_frames(self, x: Tensor) -> Tensor:
        tokens, width = x.shape[1:]
        h = self.ln_1(x).view(-1, self.frames, tokens, width).transpose(1, 2)
        h = h.reshape(-1, self.frames, width)  # [B * N][T][D]
        if "time_in" in self.adapters:
            h = h + self.adapters["time_in"](h)
        y: Tensor = self.adapters["time"](self.attn(h))
        return y.view(-1, tokens, self.frames, width).transpose(1, 2).reshape(x.shape)


def make_block(config: OnePathConfig, index: int) -> PlainBlock:
    """The block of a method with this number; those that the method leaves alone are frozen."""
    if config.method == "vpt" and (config.deep or index == 0):
        return PromptedBlock(config)
    if config.method == "adaptformer":
        return AdaptFormerBlock(config)
    if config.method == "st-adapter" and index >= config.first_block:
        return ConvolutionBlock(config)
    if config.method == "aim":
        return TimedBlock(config)
    return FrozenBlock(config)
