"""Video files through PyAV, which is imported when the first one is read.

Frames come in the order in which they are shown, as the library is to see them: turned, mirrored and
in the proportions that the file says, with its colours. What it does not say is guessed by the size
of the frames, which the logger ``dualpath.video`` hears once a file. It also hears warnings about
files that are interlaced or damaged.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._advice import refusal, video_advice
from ._decoded import AS_STATED, Given, as_frame, aspect_of, color_of, has_chroma, orientation_of
from ._lib import whole
from ._pixels import Bytes
from ._refused import show
from ._times import Clock, microseconds
from .frames import Frame

_MAX_SAMPLES = 1 << 24
_OLDEST_PYAV = 11  # whose frames say their colours; pyproject.toml says so, too
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
    for index, shot in enumerate(shots_of(path)):
        if index % rate == 0:
            yield shot.make()


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
    with video_stream(path) as (container, stream):
        for frame, time in _with_times(container, stream, os.fspath(path), fps):
            first = time if first is None else first
            yield frame, time if time is None or first is None else time - first


def iterate_container(
    container: Any, fps: float | None = None
) -> Iterator[tuple[Frame, float | None]]:
    """The frames of an open container from where it stands, and their time stamps in seconds."""
    name = show(str(container.name))
    with in_sentences(name):
        yield from _with_times(container, first_video_stream(container, name), name, fps)


def _with_times(
    container: Any, stream: Any, name: str, fps: float | None
) -> Iterator[tuple[Frame, float | None]]:
    clock = Clock(fps or stated_rate(stream))
    for shot in decode_stream(container, stream, name):
        yield shot.make(), clock.time_of(shot.seconds)


def stated_rate(stream: Any) -> float | None:
    rate = stream.guessed_rate or stream.average_rate
    return float(rate) if rate else None


class Shot(NamedTuple):
    """A frame of a film."""

    seconds: float | None
    """When it is shown, or None where the film does not say."""
    make: Callable[[], Frame]
    """The frame for the library, which costs time and memory."""
    decoded: Any = None
    """As PyAV gives it."""


class Stamps(NamedTuple):
    """When each frame of a file is shown, in seconds, or None where the file does not say."""

    seconds: list[float | None]
    rate: float | None
    """Frames a second, as far as the file says."""

    def after_the_first(self) -> npt.NDArray[np.float64] | None:
        """Seconds after the first frame; None where one has no stamp."""
        return None if None in self.seconds else np.array(self.seconds) - self.seconds[0]

    def by_time(self, fps: float) -> npt.NDArray[np.int64]:
        """The frames that stand for 0, 1 / ``fps``, 2 / ``fps`` seconds after the first one."""
        clock = Clock(self.rate)
        times = [clock.time_of(stamp) for stamp in self.seconds]
        known = [time for time in times if time is not None]
        if len(known) < len(times):
            raise ValueError("a video that does not say when its frames are shown has no sample_fps")
        return frames_by_time([time - known[0] for time in known], fps)


class Video(NamedTuple):
    frames: list[Frame]
    stamps: Stamps


Choose = Callable[[Stamps], Collection[int]]
"""Which frames of a film with these stamps are to be read."""


def read_chosen(path: str | os.PathLike[str], choose: Choose, threads: int = 0) -> Video:
    """All frames of a video file, of which only those in ``choose(stamps)`` are real.

    ``stamps`` are those of all frames of the file. The others stand in the list as the real frame
    before them (or the first), so that the library's sampling works on the true count while only
    the chosen ones take time and memory. The packets of a file tell the stamps without decoding;
    where they are wrong, and others are to be chosen, the file is decoded again.

    ``threads``: how many decode; 0: as FFmpeg likes.
    """
    film = functools.partial(shots_of, path, threads=threads)
    return choose_frames(stamps_of_packets(path), film, choose)


def choose_frames(
    expected: Stamps, film: Callable[[], Iterator[Shot]], choose: Choose
) -> Video:
    """The same of any film that can be read twice, whose stamps are expected to be these."""
    chosen = set(choose(expected)) if expected.seconds else set()
    frames, seconds = take_shots(film(), lambda number, _: number in chosen)
    stamps = Stamps(seconds, expected.rate)
    true = set(choose(stamps))
    if true != chosen:
        frames, seconds = take_shots(film(), lambda number, _: number in true)
        stamps = Stamps(seconds, expected.rate)
    return Video(stand_in(frames, len(seconds)), stamps)


def take_shots(
    film: Iterator[Shot], wanted: Callable[[int, float | None], bool]
) -> tuple[dict[int, Frame], list[float | None]]:
    """The frames that are wanted, by their number and time, and when each frame is shown."""
    frames: dict[int, Frame] = {}
    seconds: list[float | None] = []
    for number, shot in enumerate(film):
        if wanted(number, shot.seconds):
            frames[number] = shot.make()
        seconds.append(shot.seconds)
    return frames, seconds


def stand_in(frames: dict[int, Frame], count: int) -> list[Frame]:
    """``count`` frames, those that are not there being the one before, or the first."""
    filled, current = [], frames[min(frames)]
    for number in range(count):
        current = frames.get(number, current)
        filled.append(current)
    return filled


def sampled_frames(
    count: int, view_frames: int, sampling: str, rate: int, views: int, past_end: str = "repeat"
) -> npt.NDArray[np.int64]:
    """The frames of a clip of ``count`` that each view takes, ``[views, view_frames]``; the formulas
    of dp_sampling, in its arithmetic.

    ``view_frames`` is the model's T, the frames of a view.
    """
    v, i = np.arange(views, dtype=np.int64)[:, None], np.arange(view_frames, dtype=np.int64)
    if sampling == "given":
        return i + 0 * v
    if sampling == "uniform":
        return (2 * i * views + 2 * v + 1) * count // (2 * view_frames * views)
    if sampling == "segments":
        bounds = np.rint((count - 1) / view_frames * np.arange(view_frames + 1)).astype(np.int64)
        return (bounds[:-1] + bounds[1:]) // 2 + 0 * v
    frames: npt.NDArray[np.int64] = _start(count, view_frames, sampling, rate, v) + i * rate
    if past_end == "wrap":
        return frames % count
    is_kept = sampling in ("center", "first")
    last = (count - 1) // rate * rate if is_kept else count - 1
    return np.minimum(frames, last)


def _start(
    count: int, view_frames: int, sampling: str, rate: int, v: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The first frame of each view, of a rule that takes every ``rate``-th from there on."""
    views, starts = len(v), v
    if sampling == "interval":
        interval = max((count - view_frames * rate + 1) / views, 0.0)
        starts = (v * interval + interval / 2).astype(np.int64)
    elif sampling == "spread":
        slide = max(count - (view_frames - 1) * rate - 1, 0)
        one = np.array([[slide // 2]], np.int64)
        starts = one if views == 1 else np.rint(slide / (views - 1) * v).astype(np.int64)
    else:
        spare = max((count - 1) // rate + 1 - view_frames, 0)
        part = v * spare // views if sampling == "first" else (2 * v + 1) * spare // (2 * views)
        starts = part * rate
    return starts


def frames_by_time(seconds: Sequence[float], fps: float) -> npt.NDArray[np.int64]:
    """The frames that a stream with ``sample_fps`` takes of those at these times, which never go
    back; the formula of dpi_sample_number(), in its arithmetic.

    Where frames are missing, the one before stands in their place: any number of times, which a
    stream would shorten.
    """
    times = np.array([microseconds("time", time) for time in seconds], np.int64)
    since_before = np.diff(times, prepend=times[0]).astype(np.float64)
    tolerance = 0.5 * np.minimum(since_before, 1e6 / fps)
    sample_numbers = np.floor(((times - times[0]).astype(np.float64) + tolerance) * fps / 1e6)
    sampled = np.flatnonzero(np.diff(np.maximum.accumulate(sample_numbers), prepend=-1) > 0)
    if sample_numbers[sampled[-1]] >= _MAX_SAMPLES:
        raise ValueError(
            f"a video of {seconds[-1]:.0f} seconds is too long for a sample_fps of {fps:g}"
        )
    taken = sample_numbers[sampled]
    repeats = np.diff(taken, append=taken[-1] + 1).astype(np.int64)
    frames: npt.NDArray[np.int64] = np.repeat(sampled, repeats)
    return frames


def shots_of(
    path: str | os.PathLike[str], given: Given = AS_STATED, threads: int = 0
) -> Iterator[Shot]:
    """The frames of a video file. What is ``given`` counts, instead of what the file says."""
    with video_stream(path) as (container, stream):
        stream.codec_context.thread_count = threads
        yield from decode_stream(container, stream, os.fspath(path), given)


def decode_stream(
    container: Any, stream: Any, name: str, given: Given = AS_STATED
) -> Iterator[Shot]:
    """The same of an open container."""
    count = 0
    aspect, hints = aspect_of(stream), _Hints(name)
    for decoded in _decodable(container, stream, hints):
        count += 1
        yield Shot(decoded.time, functools.partial(_make, decoded, aspect, given, hints), decoded)
    if count == 0:
        raise ValueError(f"{name} holds no frame that can be decoded")


def _make(decoded: Any, aspect: tuple[int, int], given: Given, hints: _Hints) -> Frame:
    orientation = orientation_of(decoded)
    hints.see(decoded, orientation.exact)
    return as_frame(decoded, orientation, aspect, given)


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


def stamps_of_packets(path: str | os.PathLike[str]) -> Stamps:
    """In the order in which frames are shown."""
    stamps = []
    with video_stream(path) as (container, stream):
        rate = stated_rate(stream)
        with contextlib.suppress(_av().error.InvalidDataError):
            for packet in container.demux(stream):
                if packet.size > 0:
                    stamp = packet.pts
                    stamps.append(None if stamp is None else float(stamp * packet.time_base))
    known = sorted(stamp for stamp in stamps if stamp is not None)
    return Stamps([*known, *[None] * (len(stamps) - len(known))], rate)


@contextlib.contextmanager
def video_stream(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Any]]:
    """The container of a video file and its first video stream."""
    with _opened(_file_name(path), None) as (container, stream):
        stream.thread_type = "AUTO"
        yield container, stream


@contextlib.contextmanager
def live_stream(name: str, format: str | None) -> Iterator[tuple[Any, Any]]:
    """The same of a camera or an address; ``format`` is FFmpeg's name of the kind of device."""
    if format is None and name.startswith("/dev/video"):
        format = "v4l2"
    with _opened(name, format) as opened:
        yield opened


@contextlib.contextmanager
def _opened(name: str, format: str | None) -> Iterator[tuple[Any, Any]]:
    av = _av()
    with in_sentences(name), av.open(name, format=format, metadata_errors="replace") as container:
        yield container, first_video_stream(container, name)


def first_video_stream(container: Any, name: str) -> Any:
    if not container.streams.video:
        raise ValueError(f"{name} holds no video stream")
    return container.streams.video[0]


@contextlib.contextmanager
def in_sentences(name: str) -> Iterator[None]:
    """Errors of FFmpeg name the file and say what it is, where its first bytes tell."""
    try:
        yield
    except OSError:
        raise  # of opening, and names the file
    except _av().FFmpegError as error:
        what = video_advice(name)
        sentence = f"{name} is {what}" if what else f"{name}: {error}"
        raise ValueError(sentence) from error


def require_decoder() -> None:
    """An ImportError, if video files cannot be read here."""
    _av()


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
    if int(av.__version__.split(".")[0]) < _OLDEST_PYAV:
        raise ImportError(
            f"reading video files needs PyAV {_OLDEST_PYAV} or later, not {av.__version__}: "
            "pip install 'dualpath[video]'"
        )
    return av
