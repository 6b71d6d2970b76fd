"""Signals that arrive while the library is in a call.

Python runs the handlers of signals in its main thread, between any two instructions: also at the
entry of a callback, where no ``try`` is yet. What a handler raises there, such as KeyboardInterrupt,
ctypes prints and drops, and the library reads a result that nobody gave. For the time of a call
handlers are therefore replaced by one that lets signals wait for a place where an exception is
caught: the body of a callback, or the end of the call. They neither get lost nor come twice.
"""

from __future__ import annotations

import signal

from collections.abc import Callable
from types import FrameType
from typing import Any

# What the functions of `signal` call; they make an enum of each answer. This takes 5 us a call of
# the library instead of 80.
from _signal import getsignal, signal as set_handler  # type: ignore[import-not-found]

_WAIT, _RUN, _OVER = range(3)
_NUMBERS = sorted(map(int, signal.valid_signals()))


class WaitingSignals:
    """The signals of one call; itself the handler that stands in for all others."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._waiting: list[tuple[int, FrameType | None]] = []
        self._state = _RUN

    def hold(self) -> None:
        """Signals wait from now on, until release()."""
        self._take_handlers()
        self._state = _WAIT

    def _take_handlers(self) -> None:
        """All that there are now; none in a thread or an interpreter in which handlers do not run."""
        try:
            for number in _NUMBERS:
                handler = getsignal(number)
                if callable(handler) and handler is not self:
                    self._handlers[number] = handler
                    set_handler(number, self)
        except ValueError as error:
            # A handler's own error has frames below this one.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            self._handlers.clear()

    def release(self) -> None:
        """Handlers are what they were, and hear of the signals that waited."""
        try:
            for number in self._handlers:
                self._restore(number)
        finally:
            # One that is back may raise, before others are: these pass signals on.
            self._state = _OVER
            self._run_waiting()

    def _restore(self, number: int) -> None:
        if getsignal(number) is self:
            set_handler(number, self._handlers[number])

    def run_body(self, body: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What body(*arguments) answers. In it handlers run at once; after it signals wait again."""
        try:
            self._state = _RUN
            self._run_waiting()
            return body(*arguments)
        finally:
            self._state = _WAIT
            if self._handlers:  # else this is no place for handlers
                self._take_handlers()  # those that the body installed

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._state == _WAIT:
            self._waiting.append((number, frame))
            return
        if self._state == _OVER:
            self._restore(number)
        self._run(number, frame)

    def _run_waiting(self) -> None:
        try:
            if self._waiting:
                self._run(*self._waiting.pop(0))
        finally:  # also after one that raised
            if self._waiting and self._state != _WAIT:
                self._run_waiting()

    def _run(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException:
            # This exception is on its way out of a body: what comes next waits.
            if self._state == _RUN:
                self._state = _WAIT
            raise
