"""The ways to adapt a frozen image transformer to video: which one a checkpoint is of, and what all
models of a method have in common.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ._families import AIM, AIM_TIMM
from ._names import Mapped

DUALPATH = "dualpath"


class Method(NamedTuple):
    """`adapters` are those that each adapted block has, `optional` those that it may have. `protocol`
    is how clips are evaluated, where nothing else is said (_protocol.py)."""

    adapters: tuple[str, ...]
    optional: tuple[str, ...]
    activation: str  # of the adapters
    protocol: dict[str, Any]


# All but DualPath: one path, of which every frame is an image.
ONE_PATH = {
    "aim": Method(("time", "space", "mlp"), ("time_in",), "gelu", {
        "resize.filter": "bilinear", "resize.long_side": "nearest", "resize.antialias": False,
        "crop.offset": "down", "sampling": "interval", "past_end": "wrap", "views": 3, "crops": 1,
        "average": "probabilities"}),
}


def method_of(mapped: Mapped) -> str:
    """A key of ONE_PATH, or DUALPATH, of which plain image transformers are the backbones."""
    return "aim" if mapped.family in (AIM, AIM_TIMM) else DUALPATH
