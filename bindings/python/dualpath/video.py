"""Video files through PyAV, which is imported when the first one is read.

Frames come in the order in which they are shown, as the library is to see them: turned, mirrored and
in the proportions that the file says, with its colours. What it does not say is guessed by the size
of the frames, which the logger ``dualpath.video`` hears once a file. It also hears warnings about
files that are interlaced or damaged.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._advice import refusal, video_advice
from ._decoded import as_frame, aspect_of, color_of, has_chroma, orientation_of
from ._lib import whole
from ._pixels import Bytes
from ._refused import show
from ._times import Clock
from .frames import Frame

_LOGGER = logging.getLogger("dualpath.video")


def read_video(path: str | os.PathLike[str], *, max_frames: int | None = None) -> list[Frame]:
    """All frames of a video file (or its first ``max_frames``).

    They refer to the memory of the decoder, with rotation, aspect and colours that the file says;
    ``frame.to_rgb()`` is the picture as it is shown.
    """
    if max_frames is not None and whole("max_frames", max_frames) < 1:
        raise ValueError(f"max_frames must be at least 1, not {max_frames}")
    return list(islice(iterate_video(path), max_frames))


def iterate_video(path: str | os.PathLike[str], rate: int = 1) -> Iterator[Frame]:
    """The frames of a video file one by one, every ``rate``-th."""
    if whole("rate", rate) < 1:
        raise ValueError(f"rate must be at least 1, not {rate}")
    for decoded, described in _decode(path, lambda index: index % rate == 0):
        if described is not None:
            yield described


def iterate_pictures(path: str | os.PathLike[str], rate: int = 1) -> Iterator[Bytes]:
    """The same as they are shown, ``[H, W, 3]``: what training sees of a file."""
    return (frame.to_rgb() for frame in iterate_video(path, rate))


def iterate_shown(
    path: str | os.PathLike[str], fps: float | None = None
) -> Iterator[tuple[Frame, float | None]]:
    """The frames of a video file one by one, and when they are shown, in seconds after the first.

    Where the file does not say when, it is by ``fps``, else by the rate that it states.
    """
    first = None
    with _video_stream(path) as (container, stream):
        for frame, time in _with_times(container, stream, os.fspath(path), fps):
            first = time if first is None else first
            yield frame, time if time is None or first is None else time - first


def iterate_container(
    container: Any, fps: float | None = None
) -> Iterator[tuple[Frame, float | None]]:
    """The frames of an open container from where it stands, and their time stamps in seconds."""
    name = show(str(container.name))
    with _in_sentences(name):
        yield from _with_times(container, _first_stream(container, name), name, fps)


def _with_times(
    container: Any, stream: Any, name: str, fps: float | None
) -> Iterator[tuple[Frame, float | None]]:
    clock = Clock(fps or _stated_rate(stream))
    for decoded, described in _decode_stream(container, stream, name, lambda _: True):
        assert described is not None
        yield described, clock.time_of(decoded.time)


def _stated_rate(stream: Any) -> float | None:
    rate = stream.guessed_rate or stream.average_rate
    return float(rate) if rate else None


class Video(NamedTuple):
    """The frames of a file, and when they are shown: seconds after the first one, or None where the
    file does not say."""

    frames: list[Frame]
    times: npt.NDArray[np.float64] | None


def read_chosen(
    path: str | os.PathLike[str], choose: Callable[[int], Collection[int]]
) -> Video:
    """All frames of a video file, of which only those in ``choose(count)`` are real.

    ``count`` is the number of frames in the file. The others stand in the list as the real frame
    before them (or the first), so that the library's sampling works on the true count while only
    the chosen ones take time and memory. The packets of a file tell the count without decoding;
    where they are wrong the file is decoded again with the true one.
    """
    expected = _count_packets(path)
    chosen, seconds = _decode_chosen(path, choose(expected) if expected else ())
    if len(seconds) != expected:
        chosen, seconds = _decode_chosen(path, choose(len(seconds)))
    frames, current = [], chosen[min(chosen)]
    for index in range(len(seconds)):
        current = chosen.get(index, current)
        frames.append(current)
    return Video(frames, None if None in seconds else np.array(seconds) - seconds[0])


def sampled_frames(
    count: int, view_frames: int, sampling: str, rate: int, views: int
) -> npt.NDArray[np.int64]:
    """The frames of a clip of ``count`` that each view takes, ``[views, view_frames]``; the formulas
    of dp_sampling.

    ``view_frames`` is the model's T, the frames of a view.
    """
    v, i = np.arange(views, dtype=np.int64)[:, None], np.arange(view_frames, dtype=np.int64)
    if sampling == "given":
        return i + 0 * v
    if sampling == "uniform":
        return (2 * i * views + 2 * v + 1) * count // (2 * view_frames * views)
    kept = (count - 1) // rate + 1
    spare = max(kept - view_frames, 0)
    start = v * spare // views if sampling == "first" else (2 * v + 1) * spare // (2 * views)
    frames: npt.NDArray[np.int64] = np.minimum(start + i, kept - 1) * rate
    return frames


def _decode_chosen(
    path: str | os.PathLike[str], chosen: Collection[int]
) -> tuple[dict[int, Frame], list[float | None]]:
    """The chosen frames by their number, and when each frame of the file is shown."""
    frames: dict[int, Frame] = {}
    seconds: list[float | None] = []
    for decoded, described in _decode(path, lambda index: index in chosen):
        if described is not None:
            frames[len(seconds)] = described
        seconds.append(decoded.time)
    return frames, seconds


def _decode(
    path: str | os.PathLike[str], wanted: Callable[[int], bool]
) -> Iterator[tuple[Any, Frame | None]]:
    """Each frame as PyAV decodes it, and as the library takes it if it is wanted."""
    with _video_stream(path) as (container, stream):
        yield from _decode_stream(container, stream, os.fspath(path), wanted)


def _decode_stream(
    container: Any, stream: Any, name: str, wanted: Callable[[int], bool]
) -> Iterator[tuple[Any, Frame | None]]:
    """The same of an open container."""
    index = -1
    aspect, hints = aspect_of(stream), _Hints(name)
    for index, decoded in enumerate(_decodable(container, stream, hints)):
        described = None
        if wanted(index):
            orientation = orientation_of(decoded)
            hints.see(decoded, orientation.exact)
            described = as_frame(decoded, orientation, aspect)
        yield decoded, described
    if index < 0:
        raise ValueError(f"{name} holds no frame that can be decoded")


def _decodable(container: Any, stream: Any, hints: _Hints) -> Iterator[Any]:
    """The frames of all packets that can be decoded, as players show them."""
    invalid, count = _av().error.InvalidDataError, 0
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except invalid:
                hints.damaged()
                continue
            count += len(frames)
            yield from frames
    except invalid:  # of demuxing: what comes after it cannot be found
        hints.damaged()
        yield from stream.decode(None)
    hints.count(count, stream)


class _Hints:
    """What is worth knowing about a file, once each."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._said: set[str] = set()

    def _say(self, level: int, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _LOGGER.log(level, "%s: %s", self._path, sentence)

    def see(self, decoded: Any, upright: bool) -> None:
        color = color_of(decoded)
        if color.guessed and has_chroma(decoded):
            self._say(logging.INFO, f"does not say all of its colours: taken as {color.name}")
        if not upright:
            self._say(logging.WARNING, "is turned by an angle that is no multiple of 90 degrees")
        if decoded.interlaced_frame:
            self._say(logging.WARNING, "is interlaced, so what moves has combs at its edges; to "
                      "remove them: ffmpeg -i VIDEO -vf bwdif PROGRESSIVE")

    def damaged(self) -> None:
        self._say(logging.WARNING, "is damaged; the frames that can be decoded are used")

    def count(self, decoded: int, stream: Any) -> None:
        """A file may state more frames than it shows, also a whole one."""
        stated = stream.frames  # 0: it does not say
        if 0 < decoded < stated:
            level = logging.WARNING if _is_cut_off(self._path, stream) else logging.INFO
            cut_off = "is cut off: " if level == logging.WARNING else ""
            self._say(level, f"{cut_off}{decoded} frames are used of {stated} that it states")


def _is_cut_off(path: str, stream: Any) -> bool:
    """Whether the index names bytes behind the end of the file; PyAV 16 and older do not tell."""
    size = os.path.getsize(path) if os.path.isfile(path) else sys.maxsize
    return any(e.pos + e.size > size for e in getattr(stream, "index_entries", ()))


def _count_packets(path: str | os.PathLike[str]) -> int:
    count = 0
    with _video_stream(path) as (container, stream), \
            contextlib.suppress(_av().error.InvalidDataError):
        for packet in container.demux(stream):
            count += packet.size > 0
    return count


@contextlib.contextmanager
def _video_stream(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Any]]:
    av, name = _av(), _file_name(path)
    with _in_sentences(name), av.open(name, metadata_errors="replace") as container:
        stream = _first_stream(container, name)
        stream.thread_type = "AUTO"
        yield container, stream


def _first_stream(container: Any, name: str) -> Any:
    if not container.streams.video:
        raise ValueError(f"{name} holds no video stream")
    return container.streams.video[0]


@contextlib.contextmanager
def _in_sentences(name: str) -> Iterator[None]:
    """Errors of FFmpeg name the file and say what it is, where its first bytes tell."""
    try:
        yield
    except OSError:
        raise  # of opening, and names the file
    except _av().FFmpegError as error:
        what = video_advice(name)
        sentence = f"{name} is {what}" if what else f"{name}: {error}"
        raise ValueError(sentence) from error


def _file_name(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise refusal("a video is read from a path", path, "video")
    return os.fspath(path)


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "reading video files needs PyAV: pip install 'dualpath[video]'"
        ) from error
    return av
