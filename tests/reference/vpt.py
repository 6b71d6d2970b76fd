"""
Visual prompt tuning: learned tokens among those of each image.
"""

import torch
from torch import nn

from . import vit


class Block(vit.Block):
    """Puts its prompts between class token and patches, in place of those that were there."""

    def __init__(self, config):
        super().__init__(config)
        self.patch_count = config.tokens - 1
        self.prompt = nn.Parameter(torch.zeros(config.prompts, config.width))

    def forward(self, x):
        prompts = self.prompt.expand(len(x), -1, -1)
        patches = x[:, -self.patch_count :]
        return super().forward(torch.cat([x[:, :1], prompts, patches], dim=1))


def blocks(config):
    """Deep: prompts in all blocks; shallow: in the first, and the others keep them."""
    prompted = config.blocks if config.deep else 1
    return [Block(config) if i < prompted else vit.Block(config) for i in range(config.blocks)]
