"""The ways to adapt a frozen image transformer to video: which one a checkpoint is of, and what all
models of a method have in common.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ._families import ADAPTFORMER, AIM, AIM_TIMM, PROBE, ST_ADAPTER, VPT, Family
from ._names import Mapped

DUALPATH = "dualpath"


class Method(NamedTuple):
    """`adapters` are those that each adapted block has. `protocol` is how clips are evaluated, where
    nothing else is said (_protocol.py), `published` what else is said of a data set."""

    adapters: tuple[str, ...]
    activation: str  # of the adapters
    has_scale: bool  # whether a factor is part of the network
    protocol: dict[str, Any]
    published: dict[str, dict[str, Any]] = {}

    @property
    def is_published(self) -> bool:
        """Whether checkpoints of video can be downloaded."""
        return self.protocol is not _OURS


_AIM = {"resize.filter": "bilinear", "resize.long_side": "nearest", "resize.antialias": False,
        "crop.offset": "down", "sampling": "interval", "past_end": "wrap", "views": 3, "crops": 1,
        "average": "probabilities"}
_ST_ADAPTER = {"resize.filter": "bicubic", "resize.long_side": "down", "resize.antialias": False,
               "crop.offset": "down", "sampling": "spread", "past_end": "repeat", "views": 3,
               "crops": 1, "average": "probabilities"}
_OURS = {"resize.filter": "bilinear", "resize.long_side": "down", "resize.antialias": False,
         "crop.offset": "half-even", "sampling": "center", "past_end": "repeat", "views": 1,
         "crops": 1, "average": "logits"}

# All but DualPath: one path, of which every frame is an image.
ONE_PATH = {
    "aim": Method(("time", "space", "mlp"), "gelu", True, _AIM),
    "st-adapter": Method((), "gelu", False, _ST_ADAPTER, {
        "kinetics-400": {"frames": 8, "sampling_rate": 16},
        "something-something-v2": {"frames": 8, "sampling": "segments", "crops": 3}}),
    "vpt": Method((), "gelu", False, _OURS),
    "adaptformer": Method(("mlp",), "relu", True, _OURS),
    "probe": Method((), "gelu", False, _OURS),
}
DATA_SETS = sorted({name for method in ONE_PATH.values() for name in method.published})
_FAMILIES: tuple[tuple[Family, str], ...] = (
    (AIM, "aim"), (AIM_TIMM, "aim"), (ST_ADAPTER, "st-adapter"), (VPT, "vpt"),
    (ADAPTFORMER, "adaptformer"), (PROBE, "probe"))


def method_of(mapped: Mapped) -> str:
    """A key of ONE_PATH, or DUALPATH, of which plain image transformers are the backbones."""
    return next((method for family, method in _FAMILIES if family == mapped.family), DUALPATH)
