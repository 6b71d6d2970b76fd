"""The protocol of a model: how its evaluation makes pixels of a clip, and one answer of its views.
Each key of docs/weight-format.md that belongs to it, with its values and the converter's option.
What nobody says is not written: the library has the defaults.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

MAX_VIEWS = 256
MAX_CROPS = 64


class Key(NamedTuple):
    """One of `names`, or a whole number up to `most`, or, without either, true or false."""

    help: str
    names: tuple[str, ...] = ()
    most: int = 0

    def allows(self, value: Any) -> bool:
        if self.names:
            return type(value) is str and value in self.names
        return type(value) is int and 1 <= value <= self.most if self.most else type(value) is bool


KEYS = {
    "sampling": Key("which frames a view takes (center)",
                    ("center", "first", "uniform", "interval", "spread", "segments")),
    "past_end": Key("where there are too few (repeat)", ("repeat", "wrap")),
    "views": Key("views in time of a clip (1)", most=MAX_VIEWS),
    "crops": Key("crops along the longer side (1)", most=MAX_CROPS),
    "average": Key("of several views (logits)", ("logits", "probabilities")),
    "resize.filter": Key("how frames are resized (bilinear)", ("bilinear", "bicubic")),
    "resize.long_side": Key("how their long side is rounded (down)", ("down", "nearest")),
    "resize.antialias": Key("frames that shrink are smoothed, as in newer frameworks"),
    "grid.antialias": Key("and so are they on their way into a cell of a frameset"),
    "position.antialias": Key("and the map of frame indices of a frameset"),
    "crop.offset": Key("how half of what a crop leaves out is rounded (half-even)",
                       ("half-even", "down")),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the model is evaluated, if it is not as DualPath's are")
    for name, key in KEYS.items():
        option = "--" + _dest(name).replace("_", "-")
        if key.names:
            group.add_argument(option, choices=key.names, help=key.help)
        elif key.most:
            group.add_argument(option, type=int, metavar="N", help=key.help)
        else:
            group.add_argument(option, action=argparse.BooleanOptionalAction, help=key.help)


def option_of(options: argparse.Namespace, name: str) -> Any:
    """What was given for a key; None: nothing."""
    return getattr(options, _dest(name))


def _dest(name: str) -> str:
    return name.replace(".", "_")
