"""From a recipe to the job that it describes: the model, its frozen backbone, the data."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

import torch

from .._backbone import OPTIONS
from .._certain import likely_heads, usual_heads
from .._lists import read_labels
from .album import Photographs
from .camera import LABELS
from .checkpoint import check_stated, fill, freeze, read_weights, sizes_of
from .clips import Cache, Clip, class_folders, read_clips
from .config import ONE_PATH, AnyConfig, Config, OnePathConfig
from .images import ImageJob, School
from .loop import Job
from .model import DualPath
from .mosaics import Mosaics
from .one_path import OnePath
from .protocol import USUAL, Protocol
from .recipe import Model, Recipe
from .teacher import Teacher
from .video import CameraJob, Fixed, MovingCamera, RealClips, VideoJob

HELD_OUT_CAMERA = 400  # clips of a moving camera that are held out
HELD_OUT_SEED = 20240229
SIZES = {"width", "patch_size", "blocks", "mlp_width"}  # of a new backbone


@dataclass(frozen=True)
class Folders:
    """Where data are found, and where products go: checkpoints, decoded frames."""

    data: str
    work: str

    def of_data(self, name: str) -> str:
        return os.path.join(self.data, name)

    def of_work(self, name: str) -> str:
        return os.path.join(self.work, name)

    def found(self, name: str) -> str:
        """A product if there is one of this name, or else what the data have."""
        product = self.of_work(name)
        return product if os.path.exists(product) else self.of_data(name)


def network_config(model: Model, sizes: dict[str, Any], classes: int,
                   protocol: Protocol = USUAL) -> AnyConfig:
    """The shape of the network of a recipe on a backbone of these sizes."""
    if model.method in ONE_PATH:
        return _one_path_config(model, sizes, classes, protocol)
    return dualpath_config(model, sizes, classes, protocol)


def dualpath_config(model: Model, sizes: dict[str, Any], classes: int,
                    protocol: Protocol = USUAL) -> Config:
    return Config(
        **_common(model, sizes),
        protocol=protocol,
        classes=classes,
        spatial_frames=model.spatial_frames,
        grid=model.grid,
        head_width=model.head_width if classes else None,
        adapter_scale=1.0 if model.adapter_scale is None else model.adapter_scale,
        serial_skip=model.serial_skip,
        position=model.position,
    )


def _one_path_config(model: Model, sizes: dict[str, Any], classes: int, protocol: Protocol
                     ) -> OnePathConfig:
    """Its head reads what the blocks say, not the projection of a backbone."""
    method = ONE_PATH[model.method]
    scale = method.scale or 1.0 if model.adapter_scale is None else model.adapter_scale
    return OnePathConfig(
        **{**_common(model, sizes), "projection": None},
        protocol=protocol,
        classes=classes,
        method=model.method,
        adapter_activation=method.activation,
        adapter_scale=scale,
        kernel=(model.kernel[0], model.kernel[1], model.kernel[2]),
        first_block=model.first_block,
        prompts=model.prompts,
        deep=model.deep,
    )


def _common(model: Model, sizes: dict[str, Any]) -> dict[str, Any]:
    """What the networks of all methods have."""
    heads = model.heads or usual_heads(sizes["width"])
    if heads is None:
        raise ValueError(f"model.heads is missing: a width of {sizes['width']} does not tell them "
                         f"({likely_heads(sizes['width'])})")
    return {
        **sizes,
        "heads": heads,
        "image_size": model.image_size,
        "frames": model.frames,
        "sampling_rate": model.sampling_rate,
        "mean": _triple(model.mean),
        "std": _triple(model.std),
        "adapters": model.adapters,
        "activation": model.activation,
        "layer_norm_eps": model.layer_norm_eps,
    }


def _triple(values: list[float]) -> tuple[float, float, float]:
    return values[0], values[1], values[2]


def video_model(recipe: Recipe, folders: Folders, classes: int) -> DualPath | OnePath:
    """The network of a recipe, its backbone filled and frozen."""
    if recipe.model.backbone is None:
        raise ValueError("model.backbone is missing")
    path = folders.found(recipe.model.backbone)
    weights = read_weights(path)
    torch.manual_seed(recipe.train.seed)
    config = network_config(recipe.model, sizes_of(weights), classes, recipe.protocol)
    check_stated(path, weights.stated, config, OPTIONS)
    model: DualPath | OnePath
    if isinstance(config, OnePathConfig):
        is_resized = len(weights.tensors["positional_embedding"]) != config.tokens
        model = OnePath(dataclasses.replace(config, is_resized=is_resized))
    else:
        model = DualPath(config, recipe.model.paths)
    fill(model.visual, weights)
    freeze(model, recipe.model.head_only)
    return model


def frozen_backbone(recipe: Recipe, folders: Folders) -> dict[str, Any]:
    """What a recipe freezes, positions resized to its images: the checkpoint of a model without
    adapters and head."""
    plain = dataclasses.replace(
        recipe.model, adapters={}, adapter_scale=None, position="sincos-3d", method="dualpath",
        prompts=0, first_block=0, kernel=[3, 1, 1], deep=True)
    if recipe.model.method in ONE_PATH:  # whose number of frames need not make framesets
        plain = dataclasses.replace(plain, grid=1, spatial_frames=1)
    model = video_model(dataclasses.replace(recipe, model=plain), folders, 0)
    return {"model": model.state_dict(), "dualpath": model.config.stated()}


def labels_of(recipe: Recipe, folders: Folders) -> list[str]:
    """The names of the classes: of a file, of the folders, or of the camera."""
    data = recipe.data
    if recipe.kind == "camera":
        return list(LABELS)
    if data.labels is not None:
        path = folders.of_data(data.labels)
        labels = read_labels(path)
        if len(set(labels)) < len(labels):
            raise ValueError(f"{path} has a label twice")
        return labels
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
    if recipe.kind == "camera":
        camera, unseen = _moving_camera(recipe, folders, model.config)
        augment = dataclasses.replace(recipe.augment, mix=0.0)  # which is for real clips only
        if isinstance(model, OnePath) or model.paths == "spatial":
            return VideoJob(
                recipe.name, model, camera, unseen, augment, recipe.smoothing, device)
        return CameraJob(recipe.name, model, camera, unseen, augment, recipe.smoothing, device)
    clips, held_out = _real_clips(recipe, folders, model.config, labels)
    return VideoJob(
        recipe.name, model, clips, held_out, recipe.augment, recipe.smoothing, device)


def _image_job(recipe: Recipe, folders: Folders, device: str) -> Job:
    data = recipe.data
    torch.manual_seed(recipe.train.seed)
    if set(recipe.model.sizes) != SIZES:
        raise ValueError(f"model.sizes are to be {', '.join(sorted(SIZES))}")
    if data.classes < 1:
        raise ValueError("data.classes is missing")
    if recipe.model.method in ONE_PATH:
        raise ValueError(f"model.method = {recipe.model.method!r} is for clips, not for images")
    plain = dataclasses.replace(recipe.model, position="sincos-3d")  # no table but the images'
    config = dualpath_config(plain, recipe.model.sizes, 0)
    names = [_needed(data.photographs, "data.photographs"), *data.more_photographs]
    sets = [Photographs(folders.of_work(name)) for name in names]
    school = School(sets, data.classes)
    held_out = Photographs(
        folders.of_work(_needed(data.held_out_photographs, "data.held_out_photographs")))
    if held_out.pixels.shape[1:] != (config.image_size, config.image_size, 3):
        raise ValueError(
            f"data.held_out_photographs are of the shape {list(held_out.pixels.shape[1:])}; expected "
            f"[{config.image_size}, {config.image_size}, 3]")
    mosaics = None
    if recipe.images.mosaics:
        mosaics = _mosaics(recipe, folders, config, school.sets[0], held_out)
    teacher = Teacher(folders.found(_needed(recipe.images.teacher, "images.teacher")),
                      config.side, recipe.images.teacher_blocks)
    return ImageJob(config, school, held_out, teacher, mosaics, recipe, device)


def _mosaics(recipe: Recipe, folders: Folders, config: Config, seen: Photographs,
             unseen: Photographs) -> Mosaics:
    images = recipe.images
    config = dataclasses.replace(config, image_size=images.mosaic_size, spatial_frames=1)
    clips, cache = _clips_of(recipe, folders, recipe.data.train), _cache(recipe, folders)
    camera = MovingCamera(config, seen, clips, cache, len(seen), recipe.camera)
    other = MovingCamera(config, unseen, [], None, len(unseen), recipe.camera)
    return Mosaics(config, camera, other, images.mosaics)


def _cache(recipe: Recipe, folders: Folders) -> Cache:
    rate = recipe.data.cache_rate or recipe.model.sampling_rate
    return Cache(folders.of_work("frames"), rate, recipe.data.cache_side)


def _split(recipe: Recipe, folders: Folders, split: str | None, labels: list[str]) -> list[Clip]:
    return read_clips(folders.of_data(_needed(recipe.data.clips, "data.clips")), split, labels)


def _real_clips(recipe: Recipe, folders: Folders, config: AnyConfig, labels: list[str]
                ) -> tuple[RealClips, RealClips | None]:
    cache, data = _cache(recipe, folders), recipe.data
    train = _split(recipe, folders, data.train, labels)
    source = RealClips(train, cache, config, labels, recipe.augment)
    if data.held_out is None:
        return source, None
    held_out = _split(recipe, folders, data.held_out, labels)
    return source, RealClips(held_out, cache, config, labels, recipe.augment)


def _clips_of(recipe: Recipe, folders: Folders, split: str | None) -> list[Clip]:
    """What a moving camera sees beside photographs."""
    clips = recipe.data.clips
    return [] if clips is None else read_clips(folders.of_data(clips), split)


def _moving_camera(recipe: Recipe, folders: Folders, config: AnyConfig
                   ) -> tuple[MovingCamera, Fixed | None]:
    data = recipe.data
    if data.size < 1:
        raise ValueError("data.size is missing: how many clips an epoch has")

    def camera(photographs: str | None, clips: list[Clip]) -> MovingCamera:
        seen = Photographs(folders.of_work(photographs)) if photographs else None
        return MovingCamera(config, seen, clips, _cache(recipe, folders), data.size, recipe.camera)

    train = camera(data.photographs, _clips_of(recipe, folders, data.train))
    unseen = _clips_of(recipe, folders, data.held_out) if data.held_out else []
    if not unseen and not data.held_out_photographs:
        return train, None
    held_out = camera(data.held_out_photographs, unseen)
    return train, Fixed(held_out, HELD_OUT_CAMERA, HELD_OUT_SEED)
