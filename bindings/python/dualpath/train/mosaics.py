"""A lesson of pre-training: how the picture moves from tile to tile.

A frameset of a camera that moves over a photograph is an image as well. Each of its patches tells
how the picture moves there, so the blocks learn to look from tile to tile, which photographs do not
teach. What kind of movement it is they are not told.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .camera import flow_lesson
from .config import Config
from .loop import seeded
from .model import Attention, VisionTransformer
from .pixels import framesets
from .positions import sincos_3d, waves_3d
from .video import MovingCamera

HELD_OUT, HELD_OUT_SEED = 100, 20240301


SHARPNESS = 4.0  # of the first look, in logits for each wave


@torch.no_grad()
def look_ahead(visual: VisionTransformer, config: Config) -> None:
    """Lets two heads of the first block begin with looking at the same place in the tile below and
    in the tile above, a row of the grid later and earlier, as positions tell. Left to itself,
    attention does not find that out in tens of thousands of clips."""
    attention = visual.transformer.resblocks[0].attn
    assert isinstance(attention, Attention)
    D, size = config.width, config.width // config.heads
    time, *axes = [waves[: size // 6] for waves in waves_3d(D)]
    gain = (SHARPNESS * size**0.5 / 1.5) ** 0.5  # the first norm scales waves by about 1.5, squared
    for head, shift in zip(range(config.heads), (config.grid, -config.grid)):
        query, key = torch.zeros(size, D), torch.zeros(size, D)
        for row, wave in enumerate([*time, *axes[0], *axes[1]]):
            angle = wave.frequency * shift if wave in time else 0.0
            pair, channels = slice(2 * row, 2 * row + 2), [wave.sine, wave.cosine]
            cos, sin = math.cos(angle), math.sin(angle)
            query[pair, channels] = gain * torch.tensor([[cos, sin], [-sin, cos]])
            key[pair, channels] = gain * torch.eye(2)
        rows = slice(head * size, (head + 1) * size)
        attention.in_proj_weight[:D][rows] = query
        attention.in_proj_weight[D : 2 * D][rows] = key
    for wave in [*time, *axes[0], *axes[1]]:  # positions alone, at first
        for channel in (wave.sine, wave.cosine):
            visual.conv1.weight[channel] = 0
            if visual.conv1.bias is not None:
                visual.conv1.bias[channel] = 0


class Mosaics(nn.Module):
    """The lesson, and its matrix, which is dropped when it has been learned."""

    position: Tensor

    def __init__(self, config: Config, camera: MovingCamera, unseen: MovingCamera, count: int
                 ) -> None:
        super().__init__()
        self.config, self.camera, self.unseen, self.count = config, camera, unseen, count
        self.moved = nn.Linear(config.width, 2)
        self.register_buffer("position", sincos_3d(config).float(), persistent=False)

    def draw(self, camera: MovingCamera, count: int, draw: torch.Generator
             ) -> tuple[Tensor, Tensor]:
        """Framesets ``[n * Tg][3][R][R]`` in -1 to 1, and how they move ``[n * Tg][N - 1][2]``."""
        kinds = torch.randint(1000, (count,), generator=draw).tolist()
        clips, _, windows = zip(*[camera.clip_and_windows(kind, draw) for kind in kinds])
        tiles = torch.stack([clip.tiles for clip in clips]) / 127.5 - 1
        moved = flow_lesson(windows, self.config.side, self.config.grid)
        return (
            framesets(tiles, self.config.grid).flatten(0, 1),
            moved.view(-1, self.config.tokens - 1, 2),
        )

    def told(self, visual: VisionTransformer, images: Tensor) -> Tensor:
        """What the patches tell, ``[n * Tg][N - 1][2]``."""
        position = self.position.repeat(len(images) // self.config.framesets, 1, 1)
        moved: Tensor = self.moved(visual.image_tokens(images, position=position)[:, 1:])
        return moved.float()

    def loss(self, visual: VisionTransformer, images: Tensor, moved: Tensor) -> Tensor:
        return F.smooth_l1_loss(self.told(visual, images), moved)

    @torch.inference_mode()
    def evaluate(self, visual: VisionTransformer) -> str:
        """Which part of the movements' variance is told."""
        images, moved = self.draw(self.unseen, HELD_OUT, seeded(HELD_OUT_SEED))
        images, moved = images.to(self.position.device), moved.to(self.position.device)
        wrong = (self.told(visual, images) - moved).square().mean() / moved.var()
        return f"movement {1 - float(wrong):.1%}"
