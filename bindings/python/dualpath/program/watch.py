"""``watch``: what happens in a film or before a camera, window by window."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from .._clips import MAX_RATE
from .._reader import Reader
from ..errors import NumericError
from ..model import Model
from ..result import Window
from ..stream import MAX_HOP, Stream
from . import arguments as options
from .arguments import INPUT
from .classify import check_sampling_rule
from .engine import ENGINE_OPTIONS, Engine, about, started
from .events import EVENT_OPTIONS, EventWriter, are_wanted, check_options
from .failure import Failure, usage
from .films import LiveInput, is_live
from .inputs import FRAME_OPTIONS, FrameOptions, Input, open_input
from .output import Outputs, check_outputs
from .text import emit, warn
from .windows import CSV_TITLES, as_line, as_object, as_rows

HELP = """\
Usage: python -m dualpath watch MODEL INPUT [OPTION]...

Says what happens in each window of a long film, or of a camera:
  python -m dualpath watch MODEL /dev/video0
  ffmpeg -i URL -pix_fmt yuv420p -f yuv4mpegpipe - | python -m dualpath watch MODEL -
A window is as many sampled frames as the model takes. INPUT is what classify takes, or a camera or
an address (rtsp://..., http://...), which PyAV opens. It is read frame by frame, and may go on for
ever; of a camera or an address, frames are left out that come too fast.

  --backbone B       MODEL is a task of this model
  --device KIND      INPUT is a device of this kind, as FFmpeg calls them: v4l2 (/dev/video0 needs
                     no --device), avfoundation, dshow
  --hop N            sampled frames from one window to the next, 1 to 65536 (default: one new
                     image of the spatial path a window)
  --rate N           sample every N-th frame (default: the model's)
  --sample-fps F     sample by time instead: F frames a second, up to 1000
  --top K            how many classes to print (default 1; 5 with --json)
  --json             print one JSON object a line for each window
  --csv FILE         write a row start,end,label,probability for each class that is printed
  --events           print what happened when instead of windows, each event when it is over
  --srt FILE         write the events as subtitles, --vtt FILE as WebVTT
  --threshold P      an event begins where its smoothed probability is at least P (0.5)
  --smooth N         windows whose mean is taken, an odd number (1)
  --shortest S       leave out events of less than S seconds
  --join S           events of a class with less than S seconds between them are one
  --background LABEL this class means that nothing happens
  --several          events of several classes at the same time
  --size WxH         INPUT is raw frames of this size
  --format F         of raw frames; --color C, --rotate DEGREES, --mirror and --aspect W:H as of
                     classify
  --max-memory N     take no more than N bytes; K, M, G, T may follow
  --threads N        threads to compute with, 1 to 256 (default: as many as can run)
  --cpu SET          highest instruction set to use: auto (default), amx, avx512-vnni,
                     avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c
  --precision P      numbers to multiply in: f32 (default; a compiled file has its own), bf16,
                     int8, auto
  --image-by-image   hold one image of a window in memory at a time: slower, the same answer
  --unfused          compute the formulas one by one, slower; for tests
  --verify           check the model's checksums before using it
  --quiet            as in the program in C; there is no status line here
  -h, --help         this text

--timeline is an option of the program in C. Exit status: 0 success; 1 a model, a file or frames
cannot be used; 2 wrong command line; 130 interrupted.
"""

_OPTIONS = {
    **ENGINE_OPTIONS,
    "--device": options.file(),
    "--hop": options.whole(1, MAX_HOP),
    "--rate": options.whole(1, MAX_RATE),
    "--sample-fps": options.real(1000),
    "--top": options.whole(1, 1000000),
    "--json": options.flag(),
    "--csv": options.file(),
    **EVENT_OPTIONS,
    **FRAME_OPTIONS,
}


def run(arguments: list[str]) -> None:
    values, (model_path, input_path) = options.parse(arguments, _OPTIONS, ["MODEL", INPUT])
    check_sampling_rule(values)
    check_options(values)
    check_outputs({f"--{name}": values[name] for name in ("csv", "srt", "vtt")})
    with started(model_path, values) as engine:
        how = {name: values[name] for name in ("hop", "rate", "sample_fps")}
        room = engine.room(values["max_memory"], Stream.size(engine.model, **how))
        with _Writer(engine.model, model_path, values) as writer:
            _watch(engine, _open(input_path, values, room), how, writer)


def _open(path: str, values: dict[str, Any], room: int) -> Input:
    frames = FrameOptions.of(values)
    if values["device"] is None and not is_live(path):
        return open_input(path, frames, room)
    if frames.size:
        raise usage(path, "--size is for raw frames; a camera states its own")
    return LiveInput(path, values["device"], frames, room)


# ---- frames in, windows out ----


def _watch(engine: Engine, film: Input, how: dict[str, Any], writer: _Writer) -> None:
    if isinstance(film, LiveInput):
        with Stream(engine.session, full="drop", **how) as stream:
            _watch_live(stream, film, writer)
    else:
        with Stream(engine.session, **how) as stream:
            _watch_all(stream, film, writer)


def _watch_all(stream: Stream, film: Input, writer: _Writer) -> None:
    """Loses no frame. Time does not go back, whatever a file says."""
    last = 0.0
    for shot in film.shots():
        writer.take_time(film, shot.seconds)
        last = max(last, shot.seconds or 0.0)
        push = functools.partial(stream.push, shot.make(), last)
        writer.write(_computed(film, push, stream._rest))
    writer.write(_computed(film, stream.finish, stream._rest))


def _watch_live(stream: Stream, film: LiveInput, writer: _Writer) -> None:
    """A thread of its own listens to the source, so that answers stay close to the present."""

    def wait() -> list[Window]:
        window = stream._next_of(reader)
        return [] if window is None else [window]

    with contextlib.closing(Reader(stream, film.footage())) as reader:
        while windows := _computed(film, wait, wait):
            writer.write(windows)
        reader.check()


def _computed(
    film: Input, compute: Callable[[], list[Window]], rest: Callable[[], list[Window]]
) -> list[Window]:
    """The windows that a call completes. One whose answer is not finite is a window less."""
    try:
        with about(film.path):
            return compute()
    except Failure as failure:
        if not isinstance(failure.__cause__, NumericError):
            raise
        warn(failure.sentence)
        return _computed(film, rest, rest)


# ---- what is printed and written ----


class _Writer:
    """What was written stays, however it ends. A failure before the first window leaves files as they
    were."""

    def __init__(self, model: Model, model_path: str, values: dict[str, Any]) -> None:
        self._top = min(values["top"] or (5 if values["json"] else 1), model.classes)
        if model.classes == 0 and (not values["json"] or values["csv"] is not None):
            raise Failure(model_path, "has no classes; --json alone prints its features")
        self._needs_times = "--sample-fps" if values["sample_fps"] else None
        self._describe = None if values["events"] else as_object if values["json"] else as_line
        self._timed = True
        self._windows = 0
        self._csv = self._events = None
        self._files = Outputs()
        if values["csv"] is not None:
            self._csv = self._files.begin("--csv", values["csv"])
            self._csv.add(CSV_TITLES)
        if are_wanted(values):
            self._events = EventWriter(model, model_path, values, self._files)
            self._needs_times = self._needs_times or "events"

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._events is not None:
                self._events.finish()  # what goes on is over here
        finally:
            self._files.close(drop=kind is not None and self._windows == 0)

    def take_time(self, film: Input, seconds: float | None) -> None:
        """Of the next frame."""
        self._timed = seconds is not None
        if not self._timed and self._needs_times is not None:
            raise Failure(film.path, "does not say when its frames are shown, which "
                          f"{self._needs_times} needs")

    def write(self, windows: list[Window]) -> None:
        for window in windows:
            self._windows += 1
            top = window.top(self._top) if self._top else []
            if self._csv is not None:
                self._csv.add(as_rows(window, top, self._timed))
            if self._describe is not None:
                emit(self._describe(window, top, self._timed))
            if self._events is not None:
                self._events.add(window)
