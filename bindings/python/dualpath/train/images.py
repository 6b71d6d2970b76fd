"""Pre-training of a small image transformer on pictures, with a teacher.

The teacher looks at each picture once, uncropped: what it says is its class token and a map of its
patch tokens. The student sees crops. Its class token learns the teacher's, each of its patches what
the teacher's map says at the same place of the crop. Pictures without a label are for the patches
alone. Labels only serve to measure what has been learned: the head that learns them changes nothing
of the transformer, of which tasks want more than the classes of some photographs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import pixels
from .album import Photographs
from .config import Config
from .loop import Outcome
from .model import VisionTransformer
from .mosaics import Mosaics, look_ahead
from .recipe import Recipe

# Weights of the lessons: so large that the gradient is clipped, and the head's loss adds nothing to it.
PATCHES, CLASS_TOKEN, MOSAICS = 100, 60, 40


def random_crops(n: int, smallest: float, draw: torch.Generator) -> Tensor:
    """Maps ``[n][2][3]`` from a crop to its square image, half of them mirrored."""
    crops = torch.stack([pixels.random_view(1, 1, smallest, draw) for _ in range(n)])
    mirrored = torch.rand(n, 1, 1, generator=draw) < 0.5
    return torch.where(mirrored, pixels.mirror(crops), crops)


def jitter(images: Tensor, strength: float, draw: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation, each image by its own; one in ten is grey."""
    u = 2 * torch.rand(3, len(images), 1, 1, 1, generator=draw) - 1
    grey = images.mean(1, keepdim=True)
    colourful = 1 + strength * u[0]
    colourful[torch.rand(len(images), generator=draw) < 0.1] = 0
    images = grey + (images - grey) * colourful
    middle = images.mean((1, 2, 3), keepdim=True)
    return middle + (images - middle) * (1 + strength * u[1]) + strength * u[2]


class Student(nn.Module):
    """The image transformer, and heads that are dropped when it has learned."""

    def __init__(self, config: Config, classes: int, teacher_width: int) -> None:
        super().__init__()
        self.visual = VisionTransformer(config)
        self.image_head = nn.Linear(config.width, classes)
        self.teacher_class = nn.Linear(config.width, teacher_width)
        self.teacher_patch = nn.Linear(config.width, teacher_width)


class Lesson(NamedTuple):
    """A batch of crops, and what there is to learn of each."""

    images: Tensor  # [n][3][R][R]
    labels: Tensor  # [n]; -1: not known
    class_tokens: Tensor  # [n][D]
    patches: Tensor  # [n][G * G][D], where the student's patches are


class School:
    """Sets of photographs, the first of which says what the teacher's channels usually are."""

    def __init__(self, sets: list[Photographs], classes: int) -> None:
        self.sets = sets
        width = sets[0].tokens.shape[2]
        for s in sets:
            if int(s.labels.max()) >= classes:
                raise ValueError(f"{s.prefix}_y.npy has the class {int(s.labels.max())}, and "
                                 f"data.classes = {classes}")
            if s.tokens.shape[2] != width:
                raise ValueError(f"{s.prefix}_tokens.npy has {s.tokens.shape[2]} channels, and "
                                 f"{sets[0].prefix}_tokens.npy {width}")
        self.starts = torch.tensor([0] + [len(s) for s in sets]).cumsum(0)
        tokens = sets[0].tokens
        sample = torch.from_numpy(tokens[:: max(len(tokens) // 1000, 1)].astype(np.float32))
        self.mean, self.std = sample.mean((0, 1)), sample.std((0, 1))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def lesson(self, indices: Tensor, smallest: float, config: Config, draw: torch.Generator
               ) -> Lesson:
        """Random crops of these photographs of all sets, in the order of the sets."""
        parts = []
        for photographs, start in zip(self.sets, self.starts.tolist()):
            inside = indices - start
            inside = inside[(inside >= 0) & (inside < len(photographs))]
            if len(inside):
                parts.append(self._lesson(photographs, inside, smallest, config, draw))
        return Lesson(*map(torch.cat, zip(*parts)))

    def _lesson(self, photographs: Photographs, indices: Tensor, smallest: float, config: Config,
                draw: torch.Generator) -> Lesson:
        crops = random_crops(len(indices), smallest, draw)
        images = pixels.look(photographs.images(indices), crops, config.image_size)
        tokens = (photographs.answers(indices) - self.mean) / self.std
        side = round((tokens.shape[1] - 1) ** 0.5)
        maps = tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)
        patches = pixels.look(maps, crops, config.side).flatten(2).transpose(1, 2)
        return Lesson(images, photographs.labels[indices], tokens[:, 0], patches)


class ImageJob:
    """Pre-training as a job of the loop."""

    name = "image"

    def __init__(self, config: Config, school: School, held_out: Photographs,
                 mosaics: Mosaics | None, recipe: Recipe, device: str = "cpu") -> None:
        self.config, self.school, self.held_out = config, school, held_out
        self.model = Student(config, recipe.data.classes, len(school.mean))
        self.mosaics = mosaics
        if mosaics is not None:
            self.model.add_module("mosaics", mosaics)
            look_ahead(self.model.visual, mosaics.config)
        self.size, self.device = len(school), torch.device(device)
        self.augment, self.drop_until = recipe.augment, recipe.images.drop_until

    def step(self, indices: Tensor, progress: float, draw: torch.Generator) -> Outcome:
        lesson = self.school.lesson(indices, self.augment.smallest_crop, self.config, draw)
        images = jitter(lesson.images, self.augment.colour, draw)
        lesson = Lesson(*(part.to(self.device) for part in lesson._replace(images=images)))
        keep = self._keep(len(indices), progress, draw)
        tokens = self.model.visual.image_tokens(lesson.images, keep)
        loss = PATCHES * self._patch_lesson(tokens, lesson, keep)
        right, known = 0, lesson.labels >= 0
        if known.any():
            class_tokens, labels = tokens[known, 0], lesson.labels[known]
            loss = loss + CLASS_TOKEN * self._class_lesson(class_tokens, lesson.class_tokens[known])
            logits = self.model.image_head(class_tokens.detach()).float()
            loss = loss + F.cross_entropy(logits, labels)
            right = int((logits.argmax(-1) == labels).sum())
        if self.mosaics is not None:
            loss = loss + MOSAICS * self._mosaics(self.mosaics, draw)
        return Outcome(loss, right, int(known.sum()))

    def _mosaics(self, mosaics: Mosaics, draw: torch.Generator) -> Tensor:
        images, moved = mosaics.draw(mosaics.camera, mosaics.count, draw)
        images = jitter(images, self.augment.colour, draw)
        return mosaics.loss(
            self.model.visual, images.to(self.device), moved.to(self.device))

    def _keep(self, n: int, progress: float, draw: torch.Generator) -> Tensor | None:
        """Early in the run half of the patches do: the class token's index and theirs."""
        if progress >= self.drop_until:
            return None
        patches = self.config.tokens - 1
        order = torch.rand(n, patches, generator=draw).argsort(1)[:, : patches // 2] + 1
        return F.pad(order, (1, 0)).to(self.device)

    def _patch_lesson(self, tokens: Tensor, lesson: Lesson, keep: Tensor | None) -> Tensor:
        there = lesson.patches
        if keep is not None:
            there = there.gather(1, keep[:, 1:, None].expand(-1, -1, there.shape[-1]) - 1)
        return F.smooth_l1_loss(self.model.teacher_patch(tokens[:, 1:]).float(), there)

    def _class_lesson(self, class_tokens: Tensor, there: Tensor) -> Tensor:
        """Of photographs only: of the few scenes of a set of clips it is learned by heart."""
        return F.smooth_l1_loss(self.model.teacher_class(class_tokens).float(), there)

    @torch.inference_mode()
    def evaluate(self, views: int = 1) -> str:
        right = 0
        for indices in torch.split(torch.arange(len(self.held_out)), 250):
            images = self.held_out.images(indices).to(self.device)
            answers = self.model.image_head(self.model.visual.image_tokens(images)[:, 0])
            right += int((answers.argmax(-1).cpu() == self.held_out.labels[indices]).sum())
        words = f"held out {right} of {len(self.held_out)}, {right / len(self.held_out):.2%}"
        if self.mosaics is None:
            return words
        return f"{words}, {self.mosaics.evaluate(self.model.visual)}"

    def arguments(self) -> dict[str, Any]:
        return {"input_size": self.config.image_size}
