"""
Sizes of models by name: the paper's two, and tiny ones that the golden cases vary.
"""

from dataclasses import replace

from .config import ADAPTERS, Config


def released(width):
    """The adapters of the released code: all five, of one width."""
    return dict.fromkeys(ADAPTERS, width)


B16 = Config(
    image_size=224,
    patch_size=16,
    width=768,
    heads=12,
    blocks=12,
    mlp_width=3072,
    frames=16,
    projection=512,
    head_width=512,
    classes=400,
    adapters=released(192),
    position_grid=True,
)

L14 = replace(
    B16,
    patch_size=14,
    width=1024,
    heads=16,
    blocks=24,
    mlp_width=4096,
    projection=768,
    head_width=768,
    adapters=released(256),
)

TINY = Config(
    image_size=32,
    patch_size=8,
    width=32,
    heads=2,
    blocks=2,
    mlp_width=128,
    frames=16,
    projection=16,
    head_width=24,
    classes=10,
    adapters=released(8),
    position_grid=True,
)

PRESETS = {
    "b16": B16,
    "b16-t32": replace(B16, frames=32),
    "l14": L14,
    "tiny": TINY,
    "tiny-t32": replace(TINY, frames=32),
}
