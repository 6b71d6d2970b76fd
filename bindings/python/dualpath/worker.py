"""A worker classifies video files one after the other, and never fails for a file: what is wrong with
one is part of its record.

``python -m dualpath batch`` runs one in each of its processes. It fits what other systems call for each
file or row, such as an actor of Ray or a partition of Spark.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ._clips import sampled_clip
from ._lib import integer
from .errors import DualPathError
from .model import Model
from .result import Result
from .session import Session
from .video import Choose, Stamps, Video, read_chosen

Numbers = npt.NDArray[np.float32]

_LOGGER = logging.getLogger("dualpath.video")


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of one file. Of one that cannot be used, it is the error and the time only."""

    error: str | None
    """Why there is no answer, in one sentence that does not name the file."""
    warnings: tuple[str, ...] = ()
    """What the reader says of a file that is used all the same: damaged, cut off, interlaced."""
    frames: int | None = None
    """Frames of the file."""
    duration: float | None = None
    """Seconds; None where the file does not say."""
    decode_ms: float = 0.0
    """Opening and decoding."""
    compute_ms: float = 0.0
    """Everything that the library does, with colours and resizing."""
    classes: tuple[int, ...] = ()
    """The likeliest ones, likeliest first; none of a model without classes."""
    labels: tuple[str, ...] = ()
    """Their names, "" where the model names none."""
    probabilities: tuple[float, ...] = ()
    """And theirs."""
    all_probabilities: Numbers | None = None
    """``[C]``, where they are asked for."""
    logits: Numbers | None = None
    """``[C]``, the same."""
    feature_temporal: Numbers | None = None
    """``[O]``, the same; None of a model with one path."""
    feature_spatial: Numbers | None = None
    """``[O]``, the same; always of a model without classes."""


class Worker:
    """``worker(path)`` is the Record of a video file.

    - ``sampling``, ``rate``, ``sample_fps``, ``views``, ``crops``: those of
      ``Session.classify_video()``, which answers the same.
    - ``top``: how many classes a record names.
    - ``logits``: all logits and all probabilities as well; ``features``: both features.
    - ``threads``: how many decode and compute for this worker. Several workers with one thread each
      are faster than one with several.
    - ``image_by_image``: see ``Session``.

    A worker belongs to one thread at a time. Of each file it holds the frames that are sampled only.
    """

    def __init__(
        self,
        model: Model,
        *,
        sampling: str = "model",
        rate: int | None = None,
        sample_fps: float | None = None,
        views: int | None = None,
        crops: int | None = None,
        top: int = 5,
        logits: bool = False,
        features: bool = False,
        threads: int = 1,
        image_by_image: bool = False,
    ) -> None:
        self._how = (sampling, rate, views, crops, sample_fps)
        sampled_clip(*self._how)  # which refuses what is wrong with all files
        self._top = integer("top", top, 1, 1000000)
        self._has_logits = logits
        self._has_features = features or model.info.classes == 0
        self._threads = threads
        self._session = Session(model, threads=threads, image_by_image=image_by_image)

    def close(self) -> None:
        """Lets go of the session."""
        self._session.close()

    def __call__(self, path: str | os.PathLike[str]) -> Record:
        # A name such as "concat:..." is a file here, not an address of FFmpeg.
        name = os.path.abspath(os.fspath(path))
        start = time.perf_counter()
        with _heard(name) as warnings:
            try:
                record = self._answer(name)
            except ImportError:
                raise  # PyAV is missing: no file can be read
            except Exception as error:  # noqa: BLE001, of any decoder
                milliseconds = 1000 * (time.perf_counter() - start)
                record = Record(_sentence(error, name), decode_ms=milliseconds)
        return replace(record, warnings=tuple(warnings))

    def _answer(self, name: str) -> Record:
        _check_regular(name)
        film = _Film(name, self._threads)
        start = time.perf_counter()
        result = self._session._classify_chosen(film.read, *self._how)
        compute_ms = 1000 * (time.perf_counter() - start) - film.decode_ms
        known = Record(None, frames=len(film.stamps.seconds), duration=_duration(film.stamps),
                       decode_ms=film.decode_ms, compute_ms=compute_ms)
        return replace(known, **self._numbers(result))

    def _numbers(self, result: Result) -> dict[str, Any]:
        numbers: dict[str, Any] = {}
        if result.logits is not None:
            top = result.top(self._top)
            numbers["classes"] = tuple(one.index for one in top)
            numbers["labels"] = tuple(one.label for one in top)
            numbers["probabilities"] = tuple(one.probability for one in top)
        if self._has_logits:
            numbers["all_probabilities"], numbers["logits"] = result.probabilities, result.logits
        if self._has_features:
            numbers["feature_temporal"] = result.feature_temporal
            numbers["feature_spatial"] = result.feature_spatial
        return numbers


class _Film:
    """Reads a file for a session, and remembers how long that took and what it says of itself."""

    stamps: Stamps

    def __init__(self, name: str, threads: int) -> None:
        self._read = functools.partial(read_chosen, name, threads=threads)
        self.decode_ms = 0.0

    def read(self, choose: Choose) -> Video:
        start = time.perf_counter()
        video = self._read(choose)
        self.decode_ms = 1000 * (time.perf_counter() - start)
        self.stamps = video.stamps
        return video


def _duration(stamps: Stamps) -> float | None:
    """Until the end of the last frame."""
    since_first = stamps.after_the_first()
    if since_first is None or stamps.rate is None:
        return None
    return float(since_first[-1] + 1 / stamps.rate)


def _check_regular(name: str) -> None:
    """A pipe would be waited for, and read by nobody else."""
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        raise ValueError("is a directory; a video file is expected")
    if not stat.S_ISREG(mode):
        raise ValueError("is no regular file")


def _sentence(error: Exception, name: str) -> str:
    """Without the name of the file, which stands beside it."""
    said = str(error).removeprefix(f"{name} ").removeprefix(f"{name}: ")
    reason = getattr(error.__cause__ or error, "strerror", None)
    if said.startswith("[Errno ") and reason:
        return f"cannot read: {reason}"
    if isinstance(error, (ValueError, DualPathError)) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@contextlib.contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """What the reader of video files warns of this one, in this thread."""
    ears = _Ears(name)
    _LOGGER.addHandler(ears)
    try:
        yield ears.heard
    finally:
        _LOGGER.removeHandler(ears)


class _Ears(logging.Handler):
    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self._name, self._thread = name, threading.get_ident()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        path, sentence = record.args if isinstance(record.args, tuple) else (None, "")
        if path == self._name and record.thread == self._thread:
            self.heard.append(str(sentence))
