"""Action recognition in video on a CPU: the Python side of libdualpath.

    import dualpath

    with dualpath.Model("model.gguf") as model, dualpath.Session(model) as session:
        result = session.classify(frames)          # uint8 [T, H, W, 3], the whole video
        for p in result.top(5):
            print(f"{p.label:30} {p.probability:6.1%}")

or, for one clip, ``dualpath.classify("model.gguf", "clip.mp4").top()``. The shared library is
loaded when it is first used; video files need the extra ``dualpath[video]``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from ._lib import library, text
from ._version import VERSION as __version__
from .errors import (
    ArenaError,
    ArgumentError,
    BackboneError,
    Cancelled,
    ChecksumError,
    DualPathError,
    FormatError,
    FrameError,
    FullError,
    LibraryError,
    NoHeadError,
    NumericError,
    OutOfMemoryError,
    ReadError,
    ThreadError,
    UnsupportedError,
    WriteError,
)
from .events import Event, Events
from .frames import Frame, Frames
from .model import Model, ModelInfo, compile_model, verify
from .pool import Pool
from .result import Attention, Prediction, Result, Timings, Window
from .session import Session
from .stream import Stream
from .timeline import Timeline
from .video import read_video

__all__ = [
    "ArenaError",
    "ArgumentError",
    "Attention",
    "BackboneError",
    "Cancelled",
    "ChecksumError",
    "DualPathError",
    "Event",
    "Events",
    "FormatError",
    "Frame",
    "FrameError",
    "Frames",
    "FullError",
    "LibraryError",
    "Model",
    "ModelInfo",
    "NoHeadError",
    "NumericError",
    "OutOfMemoryError",
    "Pool",
    "Prediction",
    "ReadError",
    "Result",
    "Session",
    "Stream",
    "ThreadError",
    "Timeline",
    "Timings",
    "UnsupportedError",
    "Window",
    "WriteError",
    "classify",
    "compile_model",
    "library_version",
    "read_video",
    "verify",
]


def library_version() -> str:
    """The version of the shared library that is running, such as "1.2.3"."""
    return text(library().dp_version_string())


def classify(
    model: Model | str | os.PathLike[str],
    clip: Frames | str | os.PathLike[str] = None,  # type: ignore[assignment]
    *,
    sampling: str = "model",
    rate: int | None = None,
    views: int | None = None,
    crops: int | None = None,
    threads: int = 0,
    pictures: bool = False,
) -> Result:
    """Classifies one clip: frames as for Session.classify(), or the path of a video file.

    With ``pictures``, the result has what the model saw, and notebooks show it.
    A path as ``model`` is opened for this one call; open a Model once to classify many clips.
    """
    if clip is None:
        raise TypeError("classify() needs a model and a clip: classify('model.gguf', 'clip.mp4')")
    source = contextlib.nullcontext(model) if isinstance(model, Model) else Model(model)
    with source as opened, Session(opened, threads=threads) as session:
        classify_clip: Callable[..., Result] = session.classify
        if isinstance(clip, (str, os.PathLike)):
            classify_clip = session.classify_video
        return classify_clip(clip, sampling=sampling, rate=rate, views=views, crops=crops,
                             pictures=pictures)
