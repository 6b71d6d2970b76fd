"""The teacher of pre-training: an image transformer whose tokens are learned.

Its last blocks make of the tokens what the classes of its own training need. So it is asked for what
they are some blocks before.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._backbone import OPTIONS
from .._certain import usual_heads
from .._refused import Refused
from .album import HALF
from .checkpoint import check_stated, fill, read_weights, sizes_of
from .config import Config
from .model import VisionTransformer


class Teacher:
    """With erf GELU, heads of 64 channels, and for pixels in -1 to 1; what states something else, or
    has the form of CLIP, is refused. It says tokens ``[n][1 + G * G][D]`` after so many blocks, each
    with a mean of 0 and a variance of 1."""

    def __init__(self, path: str, patches_a_side: int, blocks: int) -> None:
        weights, half = read_weights(path), (HALF, HALF, HALF)
        sizes = sizes_of(weights)
        if sizes["pre_norm"]:
            raise Refused(f"{path} has a norm before its blocks, as CLIP has: it is no teacher")
        if blocks > sizes["blocks"]:
            raise ValueError(
                f"images.teacher_blocks = {blocks}, and {path} has {sizes['blocks']} blocks")
        heads = usual_heads(sizes["width"])
        if heads is None:
            raise Refused(f"{path} has {sizes['width']} channels, which are not known to be heads of "
                          "64: it is no teacher")
        self.side = patches_a_side * sizes["patch_size"]  # of what it looks at, in pixels
        config = Config(**sizes, heads=heads, image_size=self.side, grid=1,
                        position_grid=False, mean=half, std=half)
        check_stated(path, weights.stated, config, OPTIONS, "a teacher")
        self.visual = VisionTransformer(config).eval().requires_grad_(False)
        fill(self.visual, weights)
        del self.visual.transformer.resblocks[blocks:]
        self.visual.ln_post = nn.LayerNorm(config.width, elementwise_affine=False)
        self.width = config.width

    @torch.no_grad()
    def tokens(self, images: Tensor) -> Tensor:
        """What it says of images ``[n][3][side][side]``."""
        return self.visual.image_tokens(images).float()
