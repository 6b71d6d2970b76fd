"""
How a video becomes the frames that a model was trained for. Names and defaults are those of
docs/weight-format.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    filter: str = "bilinear"  # or "bicubic": a = -0.75, not clamped
    long_side: str = "down"  # or "nearest": how the longer side is rounded
    antialias: bool = False  # of the resizing
    grid_antialias: bool = False  # of the shrinking of frames to the cells of a frameset
    position_antialias: bool = False  # of the map of frame indices
    crop_offset: str = "half-even"  # or "down": how the offset of a crop is rounded
    sampling: str = "center"
    past_end: str = "repeat"  # or "wrap": what follows the last frame
    views: int = 1
    crops: int = 1
    average: str = "logits"  # or "probabilities"


# key of the weight file after "dualpath.", field of Protocol
KEYS = (
    ("resize.filter", "filter"),
    ("resize.long_side", "long_side"),
    ("resize.antialias", "antialias"),
    ("crop.offset", "crop_offset"),
    ("sampling", "sampling"),
    ("past_end", "past_end"),
    ("views", "views"),
    ("crops", "crops"),
    ("average", "average"),
)
FRAMESET_KEYS = (
    ("grid.antialias", "grid_antialias"),
    ("position.antialias", "position_antialias"),
)


def keys(method):
    return KEYS + (FRAMESET_KEYS if method == "dualpath" else ())
