"""How a clip is sampled: options of the caller, checked."""

from __future__ import annotations

from ._lib import default, dp_clip, integer, number_of
from ._protocol import MAX_CROPS, MAX_VIEWS
from ._times import MAX_SAMPLE_FPS, frequency

MAX_RATE = 65536


def checked_clip(sampling: str, rate: int | None, views: int | None, crops: int | None) -> dp_clip:
    clip = default(dp_clip)
    clip.sampling = number_of("sampling", sampling)
    clip.rate = 0 if rate is None else integer("rate", rate, 1, MAX_RATE)
    clip.views = 0 if views is None else integer("views", views, 1, MAX_VIEWS)
    clip.crops = 0 if crops is None else integer("crops", crops, 1, MAX_CROPS)
    return clip


def sampled_clip(
    sampling: str, rate: int | None, views: int | None, crops: int | None, sample_fps: float | None
) -> tuple[dp_clip, float | None]:
    """How a film is sampled; a ValueError says what is wrong."""
    clip = checked_clip(sampling, rate, views, crops)
    if sample_fps is None:
        return clip, None
    if rate is not None:
        raise ValueError("rate and sample_fps are both given, expected one")
    clip.rate = 1
    return clip, frequency("sample_fps", sample_fps, MAX_SAMPLE_FPS)
