"""A stream: video without an end, classified window after window."""

from __future__ import annotations

import contextlib
import ctypes
import time as clock
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._clips import MAX_RATE
from ._footage import Footage, footage_of
from ._handle import Handle, Owner, opened
from ._lib import (
    check,
    default,
    dp_stream,
    dp_stream_options,
    dp_window,
    integer,
    library,
    number_of,
)
from ._protocol import MAX_CROPS
from ._reader import Reader
from ._times import MAX_SAMPLE_FPS, frequency, microseconds, real
from .frames import Frame, describe
from .model import Model
from .result import Window
from .session import Session

MAX_HOP = 65536
MAX_QUEUE = 1024

_WAIT_MS = 100
"""How long a call of the library waits: signals are only heard between calls."""
_PATIENCE = 1.0
"""Seconds without a window after which it is looked whether anybody reads."""

_Answer = TypeVar("_Answer")


class _State:
    """What the binding knows of a stream."""

    def __init__(self, session: Handle, by_time: bool, full: str | None) -> None:
        self.session = session
        self.by_time = by_time
        self.full = full
        self.beginnings = 0
        self.begin()

    def begin(self) -> None:
        self.beginnings += 1
        self.pushed = 0
        self.ended = False
        """Whether no more frames come."""
        self.computed: list[Window] = []
        """Windows that nobody got yet."""
        self.is_behind = False
        """Whether an exception came between a frame and what it completes."""

    def take_windows(self) -> list[Window]:
        computed, self.computed = self.computed, []
        return computed


class Stream(Owner):
    """Classifies video while it runs: a window of ``model.frames`` sampled frames, and the next one
    ``hop`` sampled frames later.

        with dualpath.Stream(session, sample_fps=8, hop=4) as stream:
            for window in stream.watch("film.mp4"):
                print(window.start, window.end, window.top(1))

    The answer for a window is that of ``session.classify(frames, sampling="given")`` for the same
    frames and that one crop, bit for bit, but each image goes through the transformer only once.

    - ``hop``: sampled frames from one window to the next, 1 .. 65536; None: so many that each window
      has one new image of the spatial path.
    - ``rate``: samples every ``rate``-th frame, 1 .. 65536; None: the model's ``sampling_rate``.
    - ``sample_fps``: samples by time instead, so many frames a second. Where frames are missing, the
      one before stands in their place.
    - ``crop`` of ``crops``: which square along the longer side, as in ``Session.begin_clip()``.
    - ``skip_unchanged``: what was found in a frame serves those after it that are the same picture,
      with the same answers.
    - ``full``: for two threads, of which one pushes and the other one computes: ``push()`` only
      shrinks the frame and lets it wait, and windows come from ``next()`` and ``windows()``.
      ``queue`` sampled frames may wait, 1 (default) .. 1024. When one more comes, ``push()`` waits
      for a place (``"wait"``: files lose nothing), drops the frame that has waited longest
      (``"drop"``: a camera stays close to the present, and ``window.dropped`` counts), or raises
      FullError (``"refuse"``). ``watch()`` then reads its source in a thread of its own.

        with dualpath.Stream(session, full="drop") as stream:
            for window in stream.watch(cv2.VideoCapture(0)):
                print(window.end, window.top(1), window.dropped)

    A stream computes in its session, whose ``log`` and ``progress`` hear of it. One thread at a time
    uses a session with all of its streams; several streams may take turns. Closing the session does
    not end its streams: they keep its memory and threads. A stream cannot be copied or pickled.

    After an exception of ``log`` or ``progress``, or after cancelling, the next call goes on where
    this one stopped, and returns what was computed before. ``pushed`` tells whether the frame was
    taken.

    After a fork the child may use streams of its parent, but must reset() one that another thread was
    using at that moment.
    """

    _WHAT = "stream"
    _INSTEAD_OF_A_COPY = "create another one on its session"

    def __init__(
        self,
        session: Session,
        *,
        hop: int | None = None,
        rate: int | None = None,
        sample_fps: float | None = None,
        crop: int = 0,
        crops: int = 1,
        skip_unchanged: bool = False,
        queue: int | None = None,
        full: str | None = None,
    ) -> None:
        options = _options(hop, rate, sample_fps, crop, crops, skip_unchanged, queue, full)
        session_handle = opened("session", session, Session)
        handle = Handle("stream", dp_stream, "dp_stream_destroy", one_user=True)
        # The memory and the callbacks of the session must live as long as the stream.
        handle.keep = session_handle.keep
        handle.about = _State(session_handle, sample_fps is not None, full)
        create, place = library().dp_stream_create, ctypes.byref(handle.pointer)
        check(session_handle.use(lambda pointer: create(pointer, ctypes.byref(options), place)))
        self._handle = handle

    @staticmethod
    def size(
        model: Model,
        *,
        hop: int | None = None,
        rate: int | None = None,
        sample_fps: float | None = None,
        crop: int = 0,
        crops: int = 1,
        skip_unchanged: bool = False,
        queue: int | None = None,
        full: str | None = None,
    ) -> int:
        """How many bytes a stream with these options needs beside its session."""
        options = _options(hop, rate, sample_fps, crop, crops, skip_unchanged, queue, full)
        measure, size = library().dp_stream_size, ctypes.c_size_t()
        arguments = (ctypes.byref(options), ctypes.byref(size))
        check(opened("model", model, Model).use(lambda pointer: measure(pointer, *arguments)))
        return size.value

    @property
    def pushed(self) -> int:
        """How many frames were taken so far: the number of the next one."""
        state: _State = self._opened().about
        return state.pushed

    def push(
        self, frame: npt.NDArray[np.uint8] | Frame, time: float | None = None
    ) -> list[Window]:
        """Takes the next frame, and computes: the windows that it completes, mostly none or one.

        ``frame`` is an array ``[H, W, 3]``, ``[H, W, 4]`` or ``[H, W]``, or a Frame, of any size. It
        is not needed any more afterwards. ``time`` is its time in seconds, from wherever the caller
        counts; None stands for 0, and is refused where ``sample_fps`` needs it. A frame that is
        refused changes nothing, and has no number.

        With ``full``, nothing is computed and the list is empty. One thread may push while another
        one is in ``next()``; a push that waits ends with Cancelled when finish() is called.
        """
        snapshot = describe([frame])
        if time is None and self._opened().about.by_time:
            raise ValueError(
                "sample_fps needs the time of each frame: push(frame, seconds), or "
                "watch(frames, fps=...)"
            )
        time_us = microseconds("time", 0 if time is None else time)

        def put(pointer: Any, state: _State) -> list[Window]:
            check(library().dp_stream_push(pointer, snapshot.descriptors, time_us))
            state.pushed += 1
            return []

        def work(pointer: Any, state: _State) -> list[Window]:
            if state.is_behind:
                _compute(pointer, state)
            _call(state, library().dp_stream_push, pointer, snapshot.descriptors, time_us)
            state.pushed += 1
            _compute(pointer, state)
            return state.take_windows()

        return self._use_beside("push", put) if self._is_for_two_threads() else self._use(work)

    def _rest(self) -> list[Window]:
        """After an exception: the windows that it kept back."""

        def work(pointer: Any, state: _State) -> list[Window]:
            _compute(pointer, state)
            return state.take_windows()

        return self._use(work)

    def finish(self) -> list[Window]:
        """No more frames come: what is left to compute, and the last window.

        That has the last sampled frames where they do not end a window anyway, and do not lie
        between two windows. A stream of few frames has one window, in which the last frame repeats.
        With ``full``, the list is empty: windows come from next().
        """

        def end(pointer: Any, state: _State) -> list[Window]:
            check(library().dp_stream_finish(pointer))
            state.ended = True
            return []

        def work(pointer: Any, state: _State) -> list[Window]:
            _call(state, library().dp_stream_finish, pointer)
            _compute(pointer, state)
            return state.take_windows()

        return self._use_beside("finish", end) if self._is_for_two_threads() else self._use(work)

    def next(self, timeout: float | None = None) -> Window | None:
        """Of a stream with ``full``: computes up to the next window, and waits for frames.

        None: finish() was called, and there are no more windows. TimeoutError: no frame that a
        window needs came within ``timeout`` seconds; None waits for as long as it takes.
        """
        if not self._is_for_two_threads():
            raise ValueError(
                "push() returns the windows of this stream: full='wait' or full='drop' makes one for "
                "two threads"
            )
        left = None if timeout is None else max(real("timeout", timeout), 0.0)
        until = None if left is None else clock.monotonic() + left
        while True:
            state: _State = self._opened().about
            ended = state.ended
            wait_ms = _WAIT_MS if left is None else min(_WAIT_MS, round(1000 * left))
            window = self._use(lambda pointer, state: _next(pointer, state, wait_ms), "compute")
            if window is not None or ended:
                return window
            left = None if until is None else max(until - clock.monotonic(), 0.0)
            if left == 0:
                raise TimeoutError(f"no window within {timeout} seconds")

    def windows(self) -> Iterator[Window]:
        """Of a stream with ``full``: window after window as frames come, until after finish()."""
        while (window := self.next()) is not None:
            yield window

    def reset(self) -> None:
        """Begins anew, as if no frame had come."""

        def work(pointer: Any, state: _State) -> None:
            _call(state, library().dp_stream_reset, pointer)
            state.begin()
            handle.left_behind = False

        handle = self._opened()
        self._use(work, even_if_left_behind=True)

    def watch(self, source: Any, *, fps: float | None = None) -> Iterator[Window]:
        """Begins anew, and gives window after window of a source, the last one at its end.

        - A path: the frames of a video file as ``read_video()`` gives them, but decoded one by one;
          times are seconds after the first frame. Leaving the loop closes the file.
        - An open container of PyAV: from where it stands, with its time stamps. It stays open.
        - A ``cv2.VideoCapture``, or what has its ``read()`` and ``get()``: frames are BGR. Times are
          where it stands; of a capture that does not say so, such as many cameras, those of a clock.
        - Anything that gives arrays or Frames, or pairs of a frame and its time in seconds.

        ``fps`` gives times to frames that have none, so many a second.

        With ``full``, a thread of its own reads the source, so that frames are decoded, and a camera
        is listened to, while windows are computed. What the source raises comes after the windows of
        the frames before.
        """
        full = self._opened().about.full
        if full == "refuse":
            raise ValueError("watch() reads ahead: full must be 'wait' or 'drop', not 'refuse'")
        footage = footage_of(source, fps)
        return self._watch(footage) if full is None else self._watch_beside(footage)

    def _watch(self, footage: Footage) -> Iterator[Window]:
        self.reset()
        state: _State = self._opened().about
        beginning = state.beginnings
        with contextlib.closing(footage):
            for frame, seconds in footage:
                if state.beginnings != beginning:
                    raise RuntimeError("this stream began anew, by reset() or another watch()")
                yield from self.push(frame, seconds)
        yield from self.finish()

    def _watch_beside(self, footage: Footage) -> Iterator[Window]:
        self.reset()
        state: _State = self._opened().about
        beginning = state.beginnings
        with contextlib.closing(Reader(self, footage)) as reader:
            while (window := self._next_of(reader)) is not None:
                if state.beginnings != beginning:
                    raise RuntimeError("this stream began anew, by reset() or another watch()")
                yield window
        reader.check()

    def _next_of(self, reader: Reader) -> Window | None:
        while True:
            try:
                return self.next(_PATIENCE)
            except TimeoutError:
                if not reader.is_alive():
                    raise RuntimeError(
                        "the thread that read the source is gone, as after a fork: watch() begins anew"
                    ) from None

    def close(self) -> None:
        """Frees the stream's memory. Closing twice does nothing."""
        super().close()

    def _is_for_two_threads(self) -> bool:
        return self._opened().about.full is not None

    def _use(
        self,
        work: Callable[[Any, _State], _Answer],
        part: str | None = None,
        *,
        even_if_left_behind: bool = False,
    ) -> _Answer:
        """What work(pointer, state) answers, while nobody else uses the session."""

        def in_session(pointer: Any, state: _State) -> _Answer:
            return state.session.use(lambda _: work(pointer, state), even_if_closed=True)

        return self._use_beside(part, in_session, even_if_left_behind=even_if_left_behind)

    def _use_beside(
        self,
        part: str | None,
        work: Callable[[Any, _State], _Answer],
        *,
        even_if_left_behind: bool = False,
    ) -> _Answer:
        """What work(pointer, state) answers, while nobody else uses this part of the stream."""
        handle = self._opened()
        if handle.left_behind and not even_if_left_behind:
            raise RuntimeError(
                "another thread was using this stream when the process forked: reset() begins anew"
            )
        return handle.use(lambda pointer: work(pointer, handle.about), part=part)


def _call(state: _State, function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function about a stream. Raises what the session's callbacks raised."""
    check(state.session.about.callbacks.call(function, *arguments))


def _compute(pointer: Any, state: _State) -> None:
    """All windows up to the last frame. Those before an exception are for the next call."""
    state.is_behind = True
    while (window := _next(pointer, state, 0)) is not None:
        state.computed.append(window)
    state.is_behind = False


def _next(pointer: Any, state: _State, wait_ms: int) -> Window | None:
    window = default(dp_window)
    _call(state, library().dp_stream_next, pointer, wait_ms, ctypes.byref(window))
    return Window._from_c(window, state.session.about.model.labels) if window.ready else None


def _options(
    hop: int | None,
    rate: int | None,
    sample_fps: float | None,
    crop: int,
    crops: int,
    skip_unchanged: bool,
    queue: int | None,
    full: str | None,
) -> dp_stream_options:
    if rate is not None and sample_fps is not None:
        raise ValueError("rate and sample_fps are both given, expected one")
    if queue is not None and full is None:
        raise ValueError("queue needs full: what happens to one more frame, such as full='drop'")
    options = default(dp_stream_options)
    if hop is not None:
        options.hop = integer("hop", hop, 1, MAX_HOP)
    if rate is not None:
        options.rate = integer("rate", rate, 1, MAX_RATE)
    if sample_fps is not None:
        options.sample_fps = frequency("sample_fps", sample_fps, MAX_SAMPLE_FPS)
    options.crops = integer("crops", crops, 1, MAX_CROPS)
    options.crop = integer("crop", crop, 0, crops - 1)
    options.skip_unchanged = bool(skip_unchanged)
    if queue is not None:
        options.queue = integer("queue", queue, 1, MAX_QUEUE)
    if full is not None:
        options.full = number_of("full", full)
    return options
