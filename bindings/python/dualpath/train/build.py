"""From a recipe to the job that it describes: the model, its frozen backbone, the data."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .album import Photographs
from .camera import LABELS
from .checkpoint import fill, freeze, read_tensors, sizes_of
from .clips import Cache, Clip, class_folders, read_clips
from .config import Config
from .images import ImageJob, School
from .loop import Job
from .model import DualPath
from .mosaics import Mosaics
from .recipe import Model, Recipe
from .video import CameraJob, Fixed, MovingCamera, RealClips, VideoJob

HELD_OUT_CAMERA = 400  # clips of a moving camera that are held out
HELD_OUT_SEED = 20240229


@dataclass(frozen=True)
class Folders:
    """Where data are found, and where products go: checkpoints, decoded frames."""

    data: str
    work: str

    def of_data(self, name: str) -> str:
        return os.path.join(self.data, name)

    def of_work(self, name: str) -> str:
        return os.path.join(self.work, name)


def network_config(model: Model, sizes: dict[str, Any], classes: int) -> Config:
    """The shape of the network of a recipe on a backbone of these sizes."""
    sizes = dict(sizes)
    heads = model.heads or sizes.pop("heads", None) or max(sizes["width"] // 64, 1)
    return Config(
        **sizes,
        heads=heads,
        image_size=model.image_size,
        frames=model.frames,
        spatial_frames=model.spatial_frames,
        sampling_rate=model.sampling_rate,
        grid=model.grid,
        mean=_triple("mean", model.mean),
        std=_triple("std", model.std),
        head_width=model.head_width if classes else None,
        classes=classes,
        adapters=model.adapters,
        serial_skip=model.serial_skip,
        activation=model.activation,
        layer_norm_eps=model.layer_norm_eps,
        position=model.position,
    )


def _triple(name: str, values: list[float]) -> tuple[float, float, float]:
    if len(values) != 3:
        raise ValueError(f"model.{name} is not three numbers")
    return values[0], values[1], values[2]


def video_model(recipe: Recipe, folders: Folders, classes: int) -> DualPath:
    """The network of a recipe, its backbone filled and frozen."""
    if recipe.model.backbone is None:
        raise ValueError("model.backbone is missing")
    path = folders.of_work(recipe.model.backbone)
    if not os.path.exists(path):
        path = folders.of_data(recipe.model.backbone)
    tensors = read_tensors(path)
    torch.manual_seed(recipe.train.seed)
    config = network_config(recipe.model, sizes_of(tensors), classes)
    model = DualPath(config, recipe.model.paths)
    fill(model.visual, tensors, path)
    freeze(model, recipe.model.head_only)
    return model


def frozen_backbone(recipe: Recipe, folders: Folders) -> dict[str, Tensor]:
    """What a recipe freezes, positions resized to its images: a model without adapters and head."""
    plain = dataclasses.replace(recipe.model, adapters={}, position="sincos-3d")
    model = video_model(dataclasses.replace(recipe, model=plain), folders, 0)
    return model.state_dict()


def labels_of(recipe: Recipe, folders: Folders) -> list[str]:
    """The names of the classes: of a file, of the folders, or of the camera."""
    data = recipe.data
    if recipe.kind == "camera":
        return list(LABELS)
    if data.labels is not None:
        with open(folders.of_data(data.labels), encoding="utf-8") as file:
            return file.read().splitlines()
    source = folders.of_data(_needed(data.clips, "data.clips"))
    if not os.path.exists(source):
        raise ValueError(f"data.clips: there is no {source}")
    if not os.path.isdir(source):
        raise ValueError("data.labels is missing: a list of clips does not name its classes")
    return class_folders(os.path.join(source, data.train) if data.train else source)


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise ValueError(f"{name} is missing")
    return value


def build_job(recipe: Recipe, folders: Folders, device: str = "cpu") -> Job:
    """The job of a recipe."""
    if recipe.kind == "images":
        return _image_job(recipe, folders, device)
    labels = labels_of(recipe, folders)
    model = video_model(recipe, folders, len(labels))
    rest = recipe.augment, recipe.smoothing, device
    if recipe.kind == "camera":
        camera, unseen = _moving_camera(recipe, folders, model.config)
        return CameraJob(recipe.name, model, camera, unseen, *rest)
    clips, held_out = _real_clips(recipe, folders, model.config, labels)
    return VideoJob(recipe.name, model, clips, held_out, *rest)


def _image_job(recipe: Recipe, folders: Folders, device: str) -> Job:
    data = recipe.data
    torch.manual_seed(recipe.train.seed)
    config = network_config(recipe.model, recipe.model.sizes, 0)
    names = [_needed(data.photographs, "data.photographs"), *data.more_photographs]
    sets = [Photographs(folders.of_work(name), taught=True) for name in names]
    school = School(sets, data.classes)
    held_out = Photographs(
        folders.of_work(_needed(data.held_out_photographs, "held_out_photographs")))
    mosaics = None
    if recipe.images.mosaics:
        mosaics = _mosaics(recipe, folders, config, school.sets[0], held_out)
    return ImageJob(config, school, held_out, mosaics, recipe, device)


def _mosaics(recipe: Recipe, folders: Folders, config: Config, seen: Photographs,
             unseen: Photographs) -> Mosaics:
    images = recipe.images
    config = dataclasses.replace(config, image_size=images.mosaic_size, spatial_frames=1)
    clips, cache = _seen_clips(recipe, folders), _cache(recipe, folders)
    camera = MovingCamera(config, seen, clips, cache, len(seen), recipe.camera)
    other = MovingCamera(config, unseen, [], None, len(unseen), recipe.camera)
    return Mosaics(config, camera, other, images.mosaics)


def _cache(recipe: Recipe, folders: Folders) -> Cache:
    rate = recipe.data.cache_rate or recipe.model.sampling_rate
    return Cache(folders.of_work("frames"), rate, recipe.data.cache_side)


def _split(recipe: Recipe, folders: Folders, split: str | None, labels: list[str]) -> list[Clip]:
    clips = read_clips(folders.of_data(_needed(recipe.data.clips, "data.clips")), split, labels)
    for clip in clips:
        if not 0 <= clip.label < len(labels):
            raise ValueError(f"{clip.path}: the label {clip.label} has no name among {len(labels)}")
    return clips


def _real_clips(recipe: Recipe, folders: Folders, config: Config, labels: list[str]
                ) -> tuple[RealClips, RealClips | None]:
    cache, data = _cache(recipe, folders), recipe.data
    train = _split(recipe, folders, data.train, labels)
    source = RealClips(train, cache, config, labels, recipe.augment)
    if data.held_out is None:
        return source, None
    held_out = _split(recipe, folders, data.held_out, labels)
    return source, RealClips(held_out, cache, config, labels, recipe.augment)


def _seen_clips(recipe: Recipe, folders: Folders) -> list[Clip]:
    """What a moving camera sees beside photographs."""
    data = recipe.data
    return [] if data.clips is None else read_clips(folders.of_data(data.clips), data.train)


def _moving_camera(recipe: Recipe, folders: Folders, config: Config
                   ) -> tuple[MovingCamera, Fixed]:
    data = recipe.data
    photographs = Photographs(folders.of_work(data.photographs)) if data.photographs else None
    clips, cache = _seen_clips(recipe, folders), _cache(recipe, folders)
    train = MovingCamera(config, photographs, clips, cache, data.size, recipe.camera)
    held_out = train
    if data.held_out_photographs:
        unseen = Photographs(folders.of_work(data.held_out_photographs))
        held_out = MovingCamera(config, unseen, [], None, data.size, recipe.camera)
    return train, Fixed(held_out, HELD_OUT_CAMERA, HELD_OUT_SEED)
