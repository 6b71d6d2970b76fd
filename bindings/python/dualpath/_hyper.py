"""The hyper-parameters of a model: each from the shapes of its tensors, an option, what the
checkpoint states, the arguments it was trained with, or a default, in docs/weight-format.md's names
and bounds. Remembers which.
"""

from __future__ import annotations

import math
import re
from argparse import Namespace
from typing import Any, NamedTuple

from ._checkpoint import Checkpoint
from ._names import CLIP, TIMM, Mapped, matrix_shape, source_name
from ._refused import Refused

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP_OWN = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

_BOUNDS = {
    "image_size": (1, 4096), "patch_size": (1, 256), "embedding_length": (1, 16384),
    "block_count": (1, 256), "attention.head_count": (1, 1024), "grid": (1, 16),
    "frames": (1, 4096), "spatial_frames": (1, 256), "sampling_rate": (1, 65536),
}
_MAX_TOKENS = 65536
_MAX_IMAGES = 256


class Value(NamedTuple):
    value: Any
    origin: str


class Hyper:
    """Values by key without the `dualpath.` in front, in the order in which they are written."""

    def __init__(self, stated: dict[str, Any]) -> None:
        self.values: dict[str, Value] = {}
        self.stated = stated

    def set(self, key: str, value: Any, origin: str) -> None:
        if key in _BOUNDS:
            low, high = _BOUNDS[key]
            if not low <= value <= high:
                raise Refused(f"{key} is {value} ({origin}); expected {low} to {high}")
        self.values[key] = Value(value, origin)

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value


def is_adapted(mapped: Mapped) -> bool:
    """Whether this is a DualPath model, not a plain image transformer."""
    return any(".adapter." in name or name.startswith("head.") or name == "position.grid"
               for name in mapped.tensors)


def _set_sizes(hyper: Hyper, mapped: Mapped) -> None:
    """What the shapes of the tensors say."""
    width, columns = matrix_shape(mapped, "patch.weight")
    patch = math.isqrt(columns // 3)
    tokens = matrix_shape(mapped, "position.spatial")[0]
    side = math.isqrt(tokens - 1)
    if side < 1 or side * side + 1 != tokens or tokens > _MAX_TOKENS:
        raise Refused(f"tensor {mapped.sources['position.spatial']} has {tokens} rows; expected a "
                      f"square of patches and the class token, at most {_MAX_TOKENS}")
    blocks = {int(found[1]) for name in mapped.tensors
              if (found := re.match(r"block\.(\d+)\.", name))}
    hyper.set("image_size", side * patch, "tensors")
    hyper.set("patch_size", patch, "tensors")
    hyper.set("embedding_length", width, "tensors")
    hyper.set("block_count", max(blocks, default=-1) + 1, "tensors")


def _choose(hyper: Hyper, key: str, option: Any, default: Any, origin: str = "default") -> None:
    if option is not None:
        hyper.set(key, option, "option")
    elif key in hyper.stated:
        hyper.set(key, hyper.stated[key], "checkpoint")
    else:
        hyper.set(key, default, origin)


def _set_heads(hyper: Hyper, option: int | None) -> None:
    width = hyper["embedding_length"]
    if option is None and width % 64 and "attention.head_count" not in hyper.stated:
        raise Refused(f"the width {width} is not a multiple of 64, which CLIP's heads have: give "
                      "--heads")
    _choose(hyper, "attention.head_count", option, width // 64, "default, D/64")
    if width % hyper["attention.head_count"]:
        raise Refused(f"the width {width} is not a multiple of "
                      f"{hyper['attention.head_count']} heads")


def _argument(arguments: dict[str, Any], name: str) -> int | None:
    value = arguments.get(name)
    if value is not None and type(value) is not int:
        raise Refused(f"args.{name} of the checkpoint is not a whole number")
    return value


def _trained(value: int | None, origin: str, default: int) -> tuple[int, str]:
    return (default, "default") if value is None else (value, origin)


def _set_frames(hyper: Hyper, mapped: Mapped, arguments: dict[str, Any],
                options: Namespace) -> None:
    _choose(hyper, "grid", options.grid, 4)
    frames = _argument(arguments, "num_frames")
    known = options.num_frames, hyper.stated.get("frames"), frames
    if known == (None, None, None) and is_adapted(mapped):
        raise Refused("the checkpoint does not say how many frames a clip has: give --num-frames")
    _choose(hyper, "frames", options.num_frames, *_trained(frames, "args.num_frames", 16))
    _choose(hyper, "spatial_frames", options.spatial_frames, 8)
    rate = _argument(arguments, "sampling_rate")
    _choose(hyper, "sampling_rate", options.sampling_rate,
            *_trained(rate, "args.sampling_rate", 4))
    _check_frames(hyper)


def _check_frames(hyper: Hyper) -> None:
    grid, frames, spatial = hyper["grid"], hyper["frames"], hyper["spatial_frames"]
    if frames % (grid * grid) or frames % spatial:
        raise Refused(f"{frames} frames are not a multiple of {grid}x{grid} (a frameset) and of "
                      f"{spatial} (the spatial path)")
    if frames // (grid * grid) + spatial > _MAX_IMAGES:
        raise Refused(f"{frames} frames make more than {_MAX_IMAGES} images")
    if hyper["image_size"] % grid:
        raise Refused(f"the image size {hyper['image_size']} is not a multiple of the grid {grid}")


def _set_image(hyper: Hyper, mapped: Mapped, options: Namespace) -> None:
    """Statistics of the pixels, by what the frozen part was trained with."""
    if mapped.family is TIMM:
        (mean, std), origin = HALF, "default of timm's ViTs"
    elif not is_adapted(mapped):
        (mean, std), origin = CLIP_OWN, "default, CLIP's own"
    else:
        (mean, std), origin = IMAGENET, "default, ImageNet's"
    _choose(hyper, "image_mean", options.mean, mean, origin)
    _choose(hyper, "image_std", options.std, std, origin)


def _set_arithmetic(hyper: Hyper, mapped: Mapped, options: Namespace) -> None:
    is_timm = mapped.family is TIMM
    origin = "default of timm's ViTs" if is_timm else "default, OpenAI's CLIP"
    _choose(hyper, "attention.layer_norm_epsilon", options.ln_eps, 1e-6 if is_timm else 1e-5,
            origin)
    _choose(hyper, "activation", options.activation, "gelu" if is_timm else "quick_gelu", origin)
    _choose(hyper, "adapter.activation", options.adapter_activation, "gelu")
    _choose(hyper, "adapter.scale", options.adapter_scale, 1.0)
    _choose(hyper, "adapter.serial_skip", options.serial_skip, False)


def _set_position(hyper: Hyper, mapped: Mapped, option: str | None) -> None:
    has_adapters = any(".adapter." in name for name in mapped.tensors)
    lacks_grid = has_adapters and "position.grid" not in mapped.tensors
    kind = option or hyper.stated.get("position.kind")
    if kind == "sincos-time" and lacks_grid:
        raise Refused("position sincos-time needs tensor visual.spatial_positional_embedding, "
                      "which the checkpoint does not have")
    if kind == "table" and "position.table" not in mapped.tensors:
        raise Refused("position table needs tensor "
                      f"{source_name(CLIP, 'position.table')}, which the checkpoint does not have")
    default = ("sincos-3d", "no spatial_positional_embedding") if lacks_grid else \
        ("sincos-time", "default")
    _choose(hyper, "position.kind", option, *default)
    multiple = {"sincos-time": 2, "sincos-3d": 16, "table": 1}[hyper["position.kind"]]
    if hyper["embedding_length"] % multiple:
        raise Refused(f"position kind {hyper['position.kind']} needs a width that is a multiple "
                      f"of {multiple}; it is {hyper['embedding_length']}")


def resolve(mapped: Mapped, checkpoint: Checkpoint, options: Namespace) -> Hyper:
    """All hyper-parameters of a mapped checkpoint."""
    hyper = Hyper(checkpoint.stated)
    _set_sizes(hyper, mapped)
    _set_heads(hyper, options.heads)
    _set_arithmetic(hyper, mapped, options)
    _set_position(hyper, mapped, options.position)
    _set_frames(hyper, mapped, checkpoint.arguments, options)
    _set_image(hyper, mapped, options)
    return hyper
