"""How clips become what a network looks at, in training and where it is evaluated: a recipe's table
``[protocol]``. Names and values are those of the weight file (docs/weight-format.md).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

CHOICES = {
    "sampling": ("center", "first", "uniform", "interval", "spread", "segments"),
    "past_end": ("repeat", "wrap"),
    "resize_filter": ("bilinear", "bicubic"),
    "resize_long_side": ("down", "nearest"),
    "crop_offset": ("half-even", "down"),
    "average": ("logits", "probabilities"),
}
MOST = {"views": 256, "crops": 64}


@dataclass(frozen=True)
class Protocol:
    """DualPath's, unless something else is said."""

    sampling: str = "center"  # which frames a view takes
    past_end: str = "repeat"  # the last frame repeats, or the first follows it: wrap
    resize_filter: str = "bilinear"
    resize_long_side: str = "down"  # to which whole number the longer side is rounded
    crop_offset: str = "half-even"  # to which whole number half of what a crop leaves is rounded
    views: int = 1  # in time, where a clip is evaluated; training takes a random one
    crops: int = 1
    average: str = "logits"  # of the views and crops

    def __post_init__(self) -> None:
        for name, values in CHOICES.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r} is not one of {', '.join(values)}")
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} = {getattr(self, name)} is not between 1 and {most}")
        if self.sampling == "segments" and self.views > 1:
            raise ValueError(f"views = {self.views}: segments divide the whole clip, of which there "
                             "is one view")

    def stated(self) -> dict[str, Any]:
        """By the keys of the weight file."""
        return {_KEYS.get(name, name): value for name, value in dataclasses.asdict(self).items()}


_KEYS = {"resize_filter": "resize.filter", "resize_long_side": "resize.long_side",
         "crop_offset": "crop.offset"}
USUAL = Protocol()  # of a weight file that says nothing
KEYS = tuple(USUAL.stated())

_PUBLISHED: dict[str, dict[str, Any]] = {
    "aim": {"sampling": "interval", "past_end": "wrap", "resize_long_side": "nearest",
            "crop_offset": "down", "views": 3, "average": "probabilities"},
    "st-adapter": {"sampling": "spread", "resize_filter": "bicubic", "crop_offset": "down",
                   "views": 3, "average": "probabilities"},
}


def published(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """The protocol that a method was published with, but for what is given."""
    values = {**_PUBLISHED.get(method, {}), **given}
    if given.get("sampling") == "segments" and "views" not in given:
        values["views"] = 1
    return values
