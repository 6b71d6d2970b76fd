"""Video files, cameras and addresses through PyAV."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

from .. import video
from .._decoded import color_of, has_chroma
from .._footage import Footage
from .._times import Clock
from ..video import Shot, Stamps
from .inputs import FrameOptions, Input
from .packed import limited_aspect
from .text import complain


class FilmInput(Input):
    """A video file."""

    def expected(self) -> Stamps:
        with self._failing():
            return video.stamps_of_packets(self.subject)

    def _shots(self) -> Iterator[Shot]:
        first: Any = None
        with _hearing(), video.video_stream(self.subject) as (container, stream):
            for shot in video.decode_stream(container, stream, self.subject, self._given):
                if first is None:
                    first = shot.decoded
                    self._learn(first, stream)
                known = shot.seconds is not None and first.time is not None
                yield shot._replace(seconds=shot.seconds - first.time if known else None)

    def _learn(self, first: Any, stream: Any) -> None:
        ratio, stated = stream.sample_aspect_ratio, color_of(first)
        aspect = limited_aspect((ratio.numerator, ratio.denominator)) if ratio else None
        self.facts.aspect = self._given.aspect or aspect
        self.facts.interlaced = bool(first.interlaced_frame)
        if has_chroma(first):
            self.facts.color = self._given.color or stated.name
            self.facts.color_guessed = stated.guessed and self._given.color is None


class LiveInput(Input):
    """A camera, or what comes by a network: it cannot be read twice, and does not wait."""

    def __init__(self, path: str, format: str | None, frames: FrameOptions, room: int) -> None:
        super().__init__(path, frames, room)
        self._format = format

    @property
    def can_rewind(self) -> bool:
        return False

    def expected(self) -> Stamps:
        return Stamps([], None)

    def _shots(self) -> Iterator[Shot]:
        with _hearing(), video.live_stream(self.subject, self._format) as (container, stream):
            clock = Clock(video.stated_rate(stream))
            for shot in video.decode_stream(container, stream, self.subject, self._given):
                yield shot._replace(seconds=clock.time_of(shot.seconds))

    def footage(self) -> Footage:
        """Frames and their times since the first one: those that the source says, or a clock's."""
        first: float | None = None
        for shot in self.shots():
            now = time.monotonic() if shot.seconds is None else shot.seconds
            first = now if first is None else first
            yield shot.make(), now - first


def is_live(path: str) -> bool:
    """Whether a path is a camera of Linux, or an address."""
    return "://" in path or (path.startswith("/dev/video") and _is_device(path))


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:
        return False


class _Warnings(logging.Handler):
    """What the reader of video files warns of, as the program's own warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        path, sentence = record.args if isinstance(record.args, tuple) else ("", record.getMessage())
        complain(str(path), f"warning: {sentence}")


class _hearing:
    """A context in which warnings are printed."""

    def __enter__(self) -> None:
        self._handler = _Warnings()
        self._logger = logging.getLogger("dualpath.video")
        self._logger.addHandler(self._handler)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)
