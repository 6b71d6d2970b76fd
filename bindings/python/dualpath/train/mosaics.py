"""A lesson of pre-training: how the picture moves from tile to tile.

A frameset of a camera that moves over a photograph is an image as well. Each of its patches tells
how the picture moves there, so the blocks learn to look from tile to tile, which photographs do not
teach. What kind of movement it is they are not told.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .camera import flow_lesson
from .config import Config
from .loop import seeded
from .model import VisionTransformer
from .pixels import framesets
from .positions import sincos_3d
from .video import MovingCamera

HELD_OUT, HELD_OUT_SEED = 100, 20240301


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
