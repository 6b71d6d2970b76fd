"""Pre-training of a small image transformer on pictures, with a teacher.

Both look at the same random crop of a picture, in as many patches, each at its own size. The student's
class token and each of its patches learn what the teacher's say. Labels only serve to measure what
has been learned: the head that learns them changes nothing of the transformer, of which tasks want
more than the classes of some photographs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import pixels
from .album import Photographs
from .config import Config
from .loop import Outcome
from .model import VisionTransformer
from .mosaics import Mosaics, look_ahead
from .recipe import Augmentation, Recipe
from .teacher import Teacher

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


class Crops(NamedTuple):
    """What student and teacher see of pictures."""

    images: Tensor  # [n][3][R][R]
    for_teacher: Tensor  # [n][3][R'][R'], the same at its size
    labels: Tensor  # [n]; -1: not known


class School:
    """Sets of photographs, one after the other."""

    def __init__(self, sets: list[Photographs], classes: int) -> None:
        self.sets = sets
        for s in sets:
            if int(s.labels.max()) >= classes:
                raise ValueError(f"{s.labels_path} has the class {int(s.labels.max())}, and "
                                 f"data.classes = {classes}")
        self.starts = torch.tensor([0] + [len(s) for s in sets]).cumsum(0)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def crops(self, indices: Tensor, sides: tuple[int, int], augment: Augmentation,
              draw: torch.Generator) -> Crops:
        """Random crops of these photographs of all sets, in the order of the sets."""
        parts = []
        for photographs, start in zip(self.sets, self.starts.tolist()):
            inside = indices - start
            inside = inside[(inside >= 0) & (inside < len(photographs))]
            if len(inside):
                images = jitter(photographs.images(inside), augment.colour, draw)
                crops = random_crops(len(inside), augment.smallest_crop, draw)
                own, for_teacher = (pixels.look(images, crops, side) for side in sides)
                parts.append(Crops(own, for_teacher, photographs.labels[inside]))
        return Crops(*map(torch.cat, zip(*parts)))


class ImageJob:
    """Pre-training as a job of the loop."""

    name = "image"

    def __init__(self, config: Config, school: School, held_out: Photographs, teacher: Teacher,
                 mosaics: Mosaics | None, recipe: Recipe, device: str = "cpu") -> None:
        self.config, self.school, self.held_out = config, school, held_out
        self.model = Student(config, recipe.data.classes, teacher.width)
        self.mosaics, self.teacher = mosaics, teacher
        if mosaics is not None:
            self.model.add_module("mosaics", mosaics)
            look_ahead(self.model.visual, mosaics.config)
        self.size, self.device = len(school), torch.device(device)
        self.teacher.visual.to(self.device)
        self.augment, self.drop_until = recipe.augment, recipe.images.drop_until

    def step(self, indices: Tensor, progress: float, draw: torch.Generator) -> Outcome:
        sides = self.config.image_size, self.teacher.side
        crops = self.school.crops(indices, sides, self.augment, draw)
        crops = Crops(*(part.to(self.device) for part in crops))
        keep = self._keep(len(indices), progress, draw)
        there = self.teacher.tokens(crops.for_teacher)
        if keep is not None:
            there = there.gather(1, keep[..., None].expand(-1, -1, there.shape[-1]))
        tokens = self.model.visual.image_tokens(crops.images, keep)
        loss = self._lesson(tokens, there)
        right, known = 0, crops.labels >= 0
        if known.any():
            labels = crops.labels[known]
            logits = self.model.image_head(tokens[known, 0].detach()).float()
            loss = loss + F.cross_entropy(logits, labels)
            right = int((logits.argmax(-1) == labels).sum())
        if self.mosaics is not None:
            loss = loss + MOSAICS * self._mosaics(self.mosaics, draw)
        return Outcome(loss, right, int(known.sum()))

    def _lesson(self, tokens: Tensor, there: Tensor) -> Tensor:
        class_token, patches = self.model.teacher_class, self.model.teacher_patch
        return (
            CLASS_TOKEN * F.smooth_l1_loss(class_token(tokens[:, 0]).float(), there[:, 0])
            + PATCHES * F.smooth_l1_loss(patches(tokens[:, 1:]).float(), there[:, 1:])
        )

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

    @torch.inference_mode()
    def evaluate(self, views: int = 1) -> str:
        right, told, there = 0, [], []
        for indices in torch.split(torch.arange(len(self.held_out)), 250):
            images, labels = self.held_out.images(indices), self.held_out.labels[indices]
            images = images.to(self.device)
            class_tokens = self.model.visual.image_tokens(images)[:, 0]
            right += int((self.model.image_head(class_tokens).argmax(-1).cpu() == labels).sum())
            told.append(self.model.teacher_class(class_tokens).float())
            for_teacher = F.interpolate(images, (self.teacher.side,) * 2, mode="bilinear")
            there.append(self.teacher.tokens(for_teacher)[:, 0])
        words = (f"held out {right} of {len(self.held_out)}, {right / len(self.held_out):.2%}, "
                 f"told {part_told(torch.cat(told), torch.cat(there)):.1%}")
        if self.mosaics is None:
            return words
        return f"{words}, {self.mosaics.evaluate(self.model.visual)}"

    def arguments(self) -> dict[str, Any]:
        return {"input_size": self.config.image_size}


def part_told(told: Tensor, there: Tensor) -> float:
    """Which part of the variance of what there is ``[n][D]`` is told."""
    missed = (told - there).square().mean() / there.var(0, unbiased=False).mean()
    return 1 - float(missed)
