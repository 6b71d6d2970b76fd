"""How the clips of a data set are evaluated: which frames are taken, how they are resized and cropped,
and what is averaged. A weight file states it under keys of their own; in a file without them it is
DualPath's.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import Any

CHOICES = {
    "resize.filter": ("bilinear", "bicubic"),
    "resize.long_side": ("down", "nearest"),
    "crop.offset": ("half-even", "down"),
    "sampling": ("center", "first", "uniform", "interval", "spread", "segments"),
    "past_end": ("repeat", "wrap"),
    "average": ("logits", "probabilities"),
}
FLAGS = ("resize.antialias", "grid.antialias", "position.antialias")
COUNTS = {"views": (1, 256), "crops": (1, 64)}
PROTOCOL = (*CHOICES, *FLAGS, *COUNTS)
_HELP = {
    "resize.filter": "by which frames are resized",
    "resize.long_side": "to which whole number the longer side is rounded",
    "crop.offset": "to which whole number the middle crop's offset is rounded",
    "sampling": "which frames a view takes",
    "past_end": "the last frame repeats, or the first follows it",
    "average": "of what views and crops are averaged",
    "views": "views along the time of a clip",
    "crops": "crops along the longer side",
}


def _option(key: str) -> str:
    return key.replace(".", "-").replace("_", "-")


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """An option for each key: --resize-filter bicubic."""
    group = parser.add_argument_group("how clips are evaluated")
    for key, names in CHOICES.items():
        group.add_argument(f"--{_option(key)}", choices=names, help=_HELP[key])
    for key in COUNTS:
        group.add_argument(f"--{_option(key)}", type=int, metavar="N", help=_HELP[key])
    group.add_argument("--antialias", action="append", default=[],
                       choices=[key.partition(".")[0] for key in FLAGS],
                       help="where frames, cells of a frameset or the map of its positions are "
                            "shrunk with antialiasing; may be given several times")


def given_options(options: Namespace) -> dict[str, Any]:
    """The values of the options that are given, by key."""
    given = {key: getattr(options, _option(key).replace("-", "_")) for key in (*CHOICES, *COUNTS)}
    given.update({key: True for key in FLAGS if key.partition(".")[0] in options.antialias})
    return {key: value for key, value in given.items() if value is not None}
