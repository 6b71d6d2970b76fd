"""The hyper-parameters of a model, by the keys of docs/weight-format.md and within its bounds, each
with where it comes from.
"""

from __future__ import annotations

from typing import Any

from ._protocol import MAX_CROPS, MAX_VIEWS
from ._refused import Refused
from ._stated import Value

_BOUNDS = {
    "image_size": (1, 4096), "patch_size": (1, 256), "embedding_length": (1, 16384),
    "block_count": (1, 256), "attention.head_count": (1, 1024), "grid": (1, 16),
    "frames": (1, 4096), "spatial_frames": (1, 256), "sampling_rate": (1, 65536),
    "views": (1, MAX_VIEWS), "crops": (1, MAX_CROPS),
}


class Hyper:
    """Values by key without the `dualpath.` in front, in the order in which they are written.
    `known` are those that the checkpoint tells, `missing` the keys that nobody has told."""

    def __init__(self, known: dict[str, Value]) -> None:
        self.values: dict[str, Value] = {}
        self.known = known
        self.missing: list[str] = []

    def set(self, key: str, value: Any, origin: str) -> None:
        if key in _BOUNDS:
            low, high = _BOUNDS[key]
            if not low <= value <= high:
                raise Refused(f"{key} is {value} ({origin}); expected {low} to {high}")
        self.values[key] = Value(value, origin)

    def choose(self, key: str, option: Any, default: Any = None) -> None:
        """An option, or else what is known, or else a default; None is no default."""
        if option is not None:
            self.set(key, option, "option")
        elif key in self.known:
            self.set(key, *self.known[key])
        elif default is not None:
            self.set(key, default, "default")
        else:
            self.missing.append(key)

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value
