"""
ST-Adapter: bottlenecks with a depthwise convolution over frames, rows and columns, before
attention and before the MLP.
"""

import torch.nn.functional as F
from torch import nn

from . import vit


class ConvAdapter(nn.Module):
    """B(x) = conv(x Wd + bd) Wu + bu, of patches; 0 for the class token. There is no activation."""

    def __init__(self, config, width):
        super().__init__()
        self.volume = config.frames, config.patches, config.patches
        self.down_proj = nn.Linear(config.width, width)
        padding = tuple(side // 2 for side in config.kernel)
        self.conv = nn.Conv3d(width, width, config.kernel, padding=padding, groups=width)
        self.up_proj = nn.Linear(width, config.width)

    def forward(self, x):
        """[B*T][N][D] -> [B*T][N][D]"""
        d = self.down_proj(x[:, 1:])
        images, patches, width = d.shape
        d = d.reshape(-1, *self.volume, width).permute(0, 4, 1, 2, 3)
        d = self.conv(d).permute(0, 2, 3, 4, 1).reshape(images, patches, width)
        return F.pad(self.up_proj(d), (0, 0, 1, 0))


class Block(vit.Block):
    def __init__(self, config):
        super().__init__(config)
        self.adapters = nn.ModuleDict(
            {name: ConvAdapter(config, width) for name, width in config.adapters.items()}
        )

    def adapt(self, name, x):
        return x + self.adapters[name](x) if name in self.adapters else x

    def forward(self, x):
        x = self.adapt("conv_attn", x)
        x = x + self.attn(self.ln_1(x))
        x = self.adapt("conv_mlp", x)
        return x + self.mlp(self.ln_2(x))


def blocks(config):
    frozen = [vit.Block(config) for _ in range(config.first_block)]
    return frozen + [Block(config) for _ in range(config.first_block, config.blocks)]
