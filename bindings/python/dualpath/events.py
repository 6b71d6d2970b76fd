"""Events: what happened when, from the probabilities of windows."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, Union

import numpy as np
import numpy.typing as npt

from ._advice import refusal
from ._handle import Handle, Owner
from ._lib import check, default, dp_event, dp_events, dp_events_options, integer, library
from ._times import microseconds, real
from .errors import NoHeadError
from .model import Model
from .timeline import Timeline

MAX_CLASSES = 1 << 24
MAX_SMOOTH = 255

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Event:
    """Something that happened. Times are in seconds, as windows have them."""

    start: float
    end: float
    peak_time: float
    """The middle of the window with the highest smoothed probability."""
    peak: float
    """That probability."""
    mean: float
    """The mean of the smoothed probabilities of its windows."""
    index: int
    """The class."""
    label: str
    """Its name, "" where the model names none."""
    windows: int
    """How many it has, without those between two that were joined."""


class Evidence(Protocol):
    """What is pushed: a Window, or anything that has these."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def probabilities(self) -> npt.NDArray[np.float32] | None: ...


class _State:
    """What the binding knows of an Events."""

    def __init__(self, classes: int, labels: tuple[str, ...]) -> None:
        self.classes = classes
        self.labels = labels
        self.over: list[Event] = []
        """Events that nobody got yet."""

    def take_events(self) -> Timeline:
        over, self.over = self.over, []
        return Timeline(over)


class Events(Owner):
    """Makes events of windows: which class, from when to when.

        events = dualpath.Events(model, begin_at=0.6, smooth=3, shortest=0.5, ignore="nothing")
        for window in stream.watch("film.mp4"):
            for event in events.push(window):
                print(event.start, event.end, event.label)
        print(events.finish())

    Only numbers go in: ``model`` is a Model, of which the labels are taken, or a number of classes,
    1 .. 2^24. An event of a class begins with the first window whose smoothed probability is at least
    ``begin_at``, and ends before the first one that is below ``end_below``. Each window stands for the
    time around its middle, up to half of the way to the middles of its neighbours.

    - ``begin_at``: more than 0, at most 1.
    - ``end_below``: more than 0, at most ``begin_at``; None: 0.7 of it.
    - ``smooth``: the mean is taken over so many windows, this one in the middle: an odd number of
      1 .. 255. An event is known ``smooth`` // 2 windows later.
    - ``shortest``: events that last fewer seconds are left out.
    - ``join``: two events of a class with fewer seconds between them are one.
    - ``entropy``: a window whose probabilities have an entropy of more than this part of that of
      equal ones counts as nothing; 1: none does.
    - ``single``: one event goes on at a time; the likeliest class ends that of another.
    - ``ignore``: classes that are no events, by number or label, such as a background class.

    One thread at a time uses an Events. It cannot be copied or pickled.
    """

    _WHAT = "dualpath.Events"
    _INSTEAD_OF_A_COPY = "create another one, and push the windows to both"

    def __init__(
        self,
        model: Model | int,
        *,
        begin_at: float = 0.5,
        end_below: float | None = None,
        smooth: int = 1,
        shortest: float = 0.0,
        join: float = 0.0,
        entropy: float = 1.0,
        single: bool = False,
        ignore: Ignored = (),
    ) -> None:
        classes, labels = _classes_of(model)
        ignored = _ignored(ignore, classes, labels)
        options = default(dp_events_options)
        options.begin_at = real("begin_at", begin_at)
        if end_below is not None:
            options.end_below = _more_than_0("end_below", end_below)
        options.entropy = real("entropy", entropy)
        options.shortest_us = microseconds("shortest", shortest)
        options.join_us = microseconds("join", join)
        options.smooth = integer("smooth", smooth, 1, MAX_SMOOTH)
        options.single = bool(single)
        handle = Handle(self._WHAT, dp_events, "dp_events_destroy", one_user=True)
        handle.about = _State(classes, labels)
        create = library().dp_events_create
        check(create(classes, ctypes.byref(options), ctypes.byref(handle.pointer)))
        for index in ignored:
            check(library().dp_events_ignore(handle.pointer, index))
        self._handle = handle

    def collect(self, windows: Iterable[Evidence]) -> Timeline:
        """Takes window after window and finishes: all events that are over since, by their start::

            dualpath.Events(model, smooth=3).collect(stream.watch("film.mp4"))
        """
        found = [event for window in windows for event in self.push(window)]
        return Timeline(sorted([*found, *self.finish()], key=lambda event: event.start))

    def push(self, window: Evidence) -> Timeline:
        """Takes the next window, and answers the events that are over now, by their start.

        ``window`` is a Window of a stream, or anything that has its ``start`` and ``end`` in seconds
        and ``probabilities``. Time may not go back. What is refused changes nothing.
        """
        start_us = microseconds("start", _part(window, "start"))
        end_us = microseconds("end", _part(window, "end"))
        given = _part(window, "probabilities")

        def work(pointer: Any, state: _State) -> Timeline:
            numbers = _numbers(given, state.classes)
            _collect(pointer, state)  # what an exception left
            place = numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            check(library().dp_events_push(pointer, start_us, end_us, place))
            _collect(pointer, state)
            return state.take_events()

        return self._use(work)

    def finish(self) -> Timeline:
        """No more windows come: ends what goes on, and answers what is over."""

        def work(pointer: Any, state: _State) -> Timeline:
            check(library().dp_events_finish(pointer))
            _collect(pointer, state)
            return state.take_events()

        return self._use(work)

    def open(self) -> Timeline:
        """The events that go on, as far as they are known, by class."""

        def work(pointer: Any, state: _State) -> Timeline:
            event, ask = dp_event(), library().dp_events_open
            return Timeline(
                _event(event, state.labels)
                for index in range(state.classes)
                if ask(pointer, index, ctypes.byref(event))
            )

        return self._use(work)

    def reset(self) -> None:
        """Begins anew, as if no window had come."""

        def work(pointer: Any, state: _State) -> None:
            check(library().dp_events_reset(pointer))
            state.over.clear()

        self._use(work)

    def __repr__(self) -> str:
        handle = getattr(self, "_handle", None)
        if not handle:
            return "<dualpath.Events (closed)>"
        return f"<dualpath.Events of {handle.about.classes} classes>"

    def close(self) -> None:
        """Frees its memory. Closing twice does nothing."""
        super().close()

    def _use(self, work: Callable[[Any, _State], _Answer]) -> _Answer:
        handle = self._opened()
        return handle.use(lambda pointer: work(pointer, handle.about))


def _collect(pointer: Any, state: _State) -> None:
    event = dp_event()
    while library().dp_events_next(pointer, ctypes.byref(event)):
        state.over.append(_event(event, state.labels))


def _event(c: dp_event, labels: tuple[str, ...]) -> Event:
    start, end, peak_time = (time / 1e6 for time in (c.start_us, c.end_us, c.peak_us))
    label = labels[c.index] if labels else ""
    return Event(start, end, peak_time, c.peak, c.mean, c.index, label, c.windows)


def _classes_of(model: Model | int) -> tuple[int, tuple[str, ...]]:
    if not isinstance(model, Model):
        if not hasattr(model, "__index__") or isinstance(model, np.ndarray):
            expected = "events are of a dualpath.Model or a number of classes"
            raise refusal(expected, model, "classes")
        return integer("classes", model, 1, MAX_CLASSES), ()
    if model.classes == 0:
        raise NoHeadError(10, "this model has no classes: it answers features only")
    return model.classes, model.labels


Ignored = Union[int, str, Iterable[Union[int, str]]]


def _ignored(given: Ignored, classes: int, labels: tuple[str, ...]) -> list[int]:
    """Classes by number; a label stands for all classes that have it."""
    each = [given] if isinstance(given, str) or not isinstance(given, Iterable) else given
    found = []
    for one in each:
        if isinstance(one, str):
            found += _labelled(one, labels)
        else:
            found.append(integer("ignore", one, 0, classes - 1))
    return found


def _labelled(label: str, labels: tuple[str, ...]) -> list[int]:
    if not labels:
        raise ValueError(f"ignore={label!r} is a label, and these classes have none: pass a Model")
    found = [index for index, known in enumerate(labels) if known == label]
    if not found:
        known_ones = ", ".join(map(repr, labels[:10])) + (", ..." if len(labels) > 10 else "")
        raise ValueError(f"no class has the label {label!r}: there are {known_ones}")
    return found


def _more_than_0(name: str, value: Any) -> float:
    """The library takes 0 for its default."""
    number = real(name, value)
    if not number > 0:
        raise ValueError(f"{name} must be more than 0, not {number:g}")
    return number


def _part(window: Any, name: str) -> Any:
    try:
        return getattr(window, name)
    except AttributeError:
        expected = "a window must have start, end and probabilities"
        raise refusal(expected, window, "window") from None


def _numbers(given: Any, classes: int) -> npt.NDArray[np.float32]:
    if given is None:
        raise NoHeadError(10, "the window has no probabilities: its model has no classes")
    numbers = np.ascontiguousarray(given, np.float32)
    if numbers.shape != (classes,):
        raise ValueError(
            f"the window has probabilities of shape {list(numbers.shape)}, expected [{classes}]"
        )
    return numbers
