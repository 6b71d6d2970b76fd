"""Events of ``watch``, each as soon as it is over: as lines, as JSON, as subtitles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import DualPathError
from ..events import Event, Events
from ..model import Model
from ..result import Window
from . import arguments as options
from .arguments import Option
from .failure import Failure, usage
from .output import Output, Outputs, one_line
from .text import as_json, emit, name_of_class, shown, warn

_DAY = 86400

EVENT_OPTIONS: dict[str, Option] = {
    "--events": options.flag(),
    "--srt": options.file(),
    "--vtt": options.file(),
    "--threshold": options.real(1),
    "--smooth": options.whole(1, 255),
    "--shortest": options.real(_DAY),
    "--join": options.real(_DAY),
    "--background": options.file(),
    "--several": options.flag(),
}

# WebVTT has escapes. SubRip has none: angle brackets begin tags, braces commands of players, and what
# looks like them stands in their place.
_VTT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SRT = str.maketrans({"<": "\u2039", ">": "\u203a", "{": "(", "}": ")"})


def are_wanted(values: dict[str, Any]) -> bool:
    return bool(values["events"] or values["srt"] or values["vtt"])


def check_options(values: dict[str, Any]) -> None:
    chosen = ("smooth", "several", "threshold", "shortest", "join", "background")
    if any(values[name] for name in chosen) and not are_wanted(values):
        raise usage("--events", "is missing, or --srt or --vtt: the other options are about events")
    if values["several"] and (values["srt"] or values["vtt"]):
        raise usage("--several", "has events at the same time, which subtitles cannot show")


class EventWriter:
    """Makes events of windows and writes each when it is over."""

    def __init__(
        self, model: Model, model_path: str, values: dict[str, Any], files: Outputs
    ) -> None:
        self._events = _create(model, model_path, values)
        self._print, self._json = values["events"], values["json"]
        self._count = 0
        self._subtitles: list[tuple[Output, Callable[[int, Event], str]]] = []
        if values["srt"] is not None:
            self._subtitles.append((files.begin("--srt", values["srt"]), _srt_entry))
        if values["vtt"] is not None:
            self._subtitles.append((files.begin("--vtt", values["vtt"]), _vtt_entry))
            self._subtitles[-1][0].add("WEBVTT\n\n")

    def add(self, window: Window) -> None:
        try:
            over = self._events.push(window)
        except DualPathError as error:
            warn(str(error))
        else:
            self._write(over)

    def finish(self) -> None:
        """Ends what goes on."""
        self._write(self._events.finish())

    def _write(self, events: list[Event]) -> None:
        for event in events:
            for file, entry in self._subtitles:
                file.add(entry(self._count, event))
            count, self._count = self._count, self._count + 1
            if self._print:
                emit(_as_json(count, event) if self._json else _as_line(event))


def _create(model: Model, model_path: str, values: dict[str, Any]) -> Events:
    if model.classes == 0:
        raise Failure(model_path, "has no classes, so that there are no events")
    background = values["background"]
    ignored = [index for index, label in enumerate(model.labels)
               if (label or f"class {index}") == background]
    if background is not None and not ignored:
        raise usage("--background", f"the model has no class '{background}'")
    try:
        return Events(model, begin_at=values["threshold"] or 0.5, smooth=values["smooth"] or 1,
                      shortest=values["shortest"] or 0.0, join=values["join"] or 0.0,
                      single=not values["several"], ignore=ignored)
    except (DualPathError, ValueError) as error:
        raise usage("events", str(error)) from error


def seconds_of(time: float) -> float:
    """A time of the binding as the program in C has it: microseconds, made seconds."""
    return 1e-6 * round(1e6 * time)


def _as_line(event: Event) -> str:
    start, end = seconds_of(event.start), seconds_of(event.end)
    return (f"{start:8.2f} .. {end:.2f} s  {shown(name_of_class(event))}  "
            f"{100 * event.peak:.2f} % (mean {100 * event.mean:.2f} %)\n")


def _as_json(count: int, event: Event) -> str:
    return as_json({
        "event": count,
        "index": event.index,
        "label": name_of_class(event),
        "start": seconds_of(event.start),
        "end": seconds_of(event.end),
        "peak": event.peak,
        "peak_time": seconds_of(event.peak_time),
        "mean": event.mean,
        "windows": event.windows,
    }) + "\n"


def _srt_entry(count: int, event: Event) -> str:
    return _entry(count, event, ",", _SRT)


def _vtt_entry(count: int, event: Event) -> str:
    return _entry(count, event, ".", _VTT)


def _entry(count: int, event: Event, point: str, escapes: dict[int, str]) -> str:
    times = " --> ".join(_clock_time(time, point) for time in (event.start, event.end))
    return f"{count + 1}\n{times}\n{one_line(name_of_class(event)).translate(escapes)}\n\n"


def _clock_time(seconds: float, point: str) -> str:
    """Such as 01:02:03,456."""
    ms = (max(round(1e6 * seconds), 0) + 500) // 1000
    return (f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}")
