"""What a checkpoint of `dualpath-train` says about its network, under the key `dualpath`: values by
the keys of docs/weight-format.md. A checkpoint comes from anywhere, so each value is checked.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np

from ._protocol import KEYS as PROTOCOL
from ._refused import Refused, show

POSITIONS = ("sincos-time", "sincos-3d", "table")
ACTIVATIONS = ("quick_gelu", "gelu", "relu")

# Means and deviations of pixels in 0 to 1.
IMAGENET_PIXELS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP_PIXELS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

_FLOAT32 = np.finfo(np.float32)  # what numbers are written as
_SMALLEST, _LARGEST = float(_FLOAT32.tiny), float(_FLOAT32.max)


class Value(NamedTuple):
    """A value, and where it comes from."""

    value: Any
    origin: str


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and bool(abs(value) <= _LARGEST)


def is_positive(value: Any) -> bool:
    return is_number(value) and bool(value >= _SMALLEST)


def is_epsilon(value: Any) -> bool:
    return is_positive(value) and bool(value <= 1)


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _are_three(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) in (list, tuple) and len(value) == 3 and all(map(kind, value))


def _is_among(names: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and value in names


_KINDS: dict[str, Callable[[Any], bool]] = {
    "method": lambda value: type(value) is str,
    **dict.fromkeys(
        ("grid", "frames", "spatial_frames", "sampling_rate", "attention.head_count"), _is_whole),
    "attention.layer_norm_epsilon": is_epsilon,
    "activation": _is_among(ACTIVATIONS),
    "adapter.activation": _is_among(ACTIVATIONS),
    "adapter.scale": is_number,
    "adapter.serial_skip": lambda value: type(value) is bool,
    "position.kind": _is_among(POSITIONS),
    "image_mean": _are_three(is_number),
    "image_std": _are_three(is_positive),
    **{name: key.allows for name, key in PROTOCOL.items()},
}


def checked(stated: Any) -> dict[str, Any]:
    """The values whose keys are known, as they are written; none if nothing is stated."""
    if stated is None:
        return {}
    if type(stated) is not dict:
        raise Refused("what the checkpoint has under the key 'dualpath' is no dictionary")
    values = {key: stated[key] for key in _KINDS if key in stated}
    for key, value in values.items():
        if not _KINDS[key](value):
            said = show(str(value)) if type(value) in (str, float, bool) else type(value).__name__
            raise Refused(f"the checkpoint says that {key} is {said}")
    return {key: _as_written(key, value) for key, value in values.items()}


def _as_written(key: str, value: Any) -> Any:
    if key in ("image_mean", "image_std"):
        return tuple(map(float, value))
    return float(value) if key in ("attention.layer_norm_epsilon", "adapter.scale") else value
