"""What a stream can watch: files, open containers, cameras, and frames from anywhere.

Each source becomes frames with their times, one by one: nothing of it is held.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from ._advice import refusal
from ._times import frequency
from .frames import Frame, describe
from .video import iterate_container, iterate_shown

Footage = Generator[tuple[Any, Any], None, None]
"""Frames, and their times in seconds or None."""

_POSITION_MS = 0  # cv2.CAP_PROP_POS_MSEC


def footage_of(source: Any, fps: float | None = None) -> Footage:
    """The frames of a source. What is none is refused at once, and nothing is opened yet."""
    fps = None if fps is None else frequency("fps", fps)
    if isinstance(source, (str, os.PathLike)):
        return _lazy(iterate_shown, source, fps)
    if hasattr(source, "demux") and hasattr(source, "streams"):
        return _lazy(iterate_container, source, fps)
    if _is_capture(source):
        return _captured(source)
    return _given(_frames_of(source), fps)


def _lazy(iterate: Any, *arguments: Any) -> Footage:
    yield from iterate(*arguments)


# ---- cameras and files of OpenCV ----


def _is_capture(source: Any) -> bool:
    return all(callable(getattr(source, name, None)) for name in ("read", "get"))


def _captured(capture: Any) -> Footage:
    """Until there is no more frame. Times are those of the file or the camera; where these do not
    move on, they are the clock's."""
    if not getattr(capture, "isOpened", lambda: True)():
        raise ValueError("the capture is not open: OpenCV found no camera or video there")
    position = _Position(capture)
    there, pixels = capture.read()
    while there:
        yield _as_opencv(pixels), position.seconds()
        there, pixels = capture.read()


def _as_opencv(pixels: Any) -> Any:
    """With the channels in OpenCV's order."""
    channels = pixels.shape[2] if getattr(pixels, "ndim", 0) == 3 else 1
    return Frame(pixels, format="bgr24" if channels == 3 else "bgra") if channels > 1 else pixels


class _Position:
    """Where a capture stands, in seconds: the second frame decides who says it."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self._begun = self._first = self._last = 0.0
        self._read = 0  # frames
        self._moves = False

    def seconds(self) -> float:
        """Of the frame that was read last. It never goes back."""
        now, stated = time.monotonic(), self._capture.get(_POSITION_MS) / 1000
        if self._read == 0:
            self._begun, self._first = now, max(stated, 0.0)
        if self._read == 1:
            self._moves = stated > self._first
        self._read += 1
        found = stated if self._moves else self._first + now - self._begun
        self._last = max(self._last, found)
        return self._last


# ---- frames from anywhere ----

_NO_FRAMES = (bytes, bytearray, memoryview, dict)


def _frames_of(source: Any) -> Iterable[Any]:
    if isinstance(source, np.ndarray):
        describe(source)  # which says what is wrong with it
        return source
    if isinstance(source, _NO_FRAMES) or hasattr(source, "read") or not isinstance(source, Iterable):
        expected = "watch() takes the path of a video, an open one, a capture or frames"
        raise refusal(expected, source, "footage")
    return source


def _given(frames: Iterable[Any], fps: float | None) -> Footage:
    """Frames, or pairs of a frame and its time."""
    for number, given in enumerate(frames):
        frame, seconds = given, None if fps is None else number / fps
        if isinstance(given, tuple) and len(given) == 2:
            frame, seconds = given
        if not isinstance(frame, (np.ndarray, Frame)):
            expected = "what is watched must be uint8 arrays, Frames or pairs (frame, seconds)"
            raise refusal(expected, frame, "footage")
        yield frame, seconds
