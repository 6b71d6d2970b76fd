"""A stream: video without an end, classified window after window."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._footage import Footage, footage_of
from ._handle import Handle, Owner, opened
from ._lib import check, default, dp_stream, dp_stream_options, dp_window, integer, library
from ._times import MAX_SAMPLE_FPS, frequency, microseconds
from .frames import Frame, describe
from .model import Model
from .result import Window
from .session import MAX_CROPS, MAX_RATE, Session

MAX_HOP = 65536

_Answer = TypeVar("_Answer")


class _State:
    """What the binding knows of a stream."""

    def __init__(self, session: Handle, by_time: bool) -> None:
        self.session = session
        self.by_time = by_time
        self.beginnings = 0
        self.begin()

    def begin(self) -> None:
        self.beginnings += 1
        self.pushed = 0
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
    ) -> None:
        options = _options(hop, rate, sample_fps, crop, crops, skip_unchanged)
        session_handle = opened("session", session, Session)
        handle = Handle("stream", dp_stream, "dp_stream_destroy", one_user=True)
        # The memory and the callbacks of the session must live as long as the stream.
        handle.keep = session_handle.keep
        handle.about = _State(session_handle, by_time=sample_fps is not None)
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
    ) -> int:
        """How many bytes a stream with these options needs beside its session."""
        options = _options(hop, rate, sample_fps, crop, crops, skip_unchanged)
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
        """
        snapshot = describe([frame])
        if time is None and self._opened().about.by_time:
            raise ValueError(
                "sample_fps needs the time of each frame: push(frame, seconds), or "
                "watch(frames, fps=...)"
            )
        time_us = microseconds("time", 0 if time is None else time)

        def work(pointer: Any, state: _State) -> list[Window]:
            if state.is_behind:
                _compute(pointer, state)
            _call(state, library().dp_stream_push, pointer, snapshot.descriptors, time_us)
            state.pushed += 1
            _compute(pointer, state)
            return state.take_windows()

        return self._use(work)

    def finish(self) -> list[Window]:
        """No more frames come: what is left to compute, and the last window.

        That has the last sampled frames where they do not end a window anyway, and do not lie
        between two windows. A stream of few frames has one window, in which the last frame repeats.
        """

        def work(pointer: Any, state: _State) -> list[Window]:
            _call(state, library().dp_stream_finish, pointer)
            _compute(pointer, state)
            return state.take_windows()

        return self._use(work)

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
        """
        return self._watch(footage_of(source, fps))

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

    def close(self) -> None:
        """Frees the stream's memory. Closing twice does nothing."""
        super().close()

    def _use(
        self, work: Callable[[Any, _State], _Answer], *, even_if_left_behind: bool = False
    ) -> _Answer:
        """What work(pointer, state) answers, while nobody else uses the session."""
        handle = self._opened()
        state: _State = handle.about
        if handle.left_behind and not even_if_left_behind:
            raise RuntimeError(
                "another thread was using this stream when the process forked: reset() begins anew"
            )
        in_session = state.session.use
        return handle.use(
            lambda pointer: in_session(lambda _: work(pointer, state), even_if_closed=True)
        )


def _call(state: _State, function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function about a stream. Raises what the session's callbacks raised."""
    check(state.session.about.callbacks.call(function, *arguments))


def _compute(pointer: Any, state: _State) -> None:
    """All windows up to the last frame. Those before an exception are for the next call."""
    state.is_behind = True
    window = default(dp_window)
    window.ready = 1
    while window.ready:
        _call(state, library().dp_stream_next, pointer, 0, ctypes.byref(window))
        if window.ready:
            state.computed.append(Window._from_c(window, state.session.about.model.labels))
    state.is_behind = False


def _options(
    hop: int | None,
    rate: int | None,
    sample_fps: float | None,
    crop: int,
    crops: int,
    skip_unchanged: bool,
) -> dp_stream_options:
    if rate is not None and sample_fps is not None:
        raise ValueError("rate and sample_fps are both given, expected one")
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
    return options
