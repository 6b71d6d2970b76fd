"""A line on a terminal that says how far a job is."""

from __future__ import annotations

import sys
import time

from .text import complain

_SHOWN_EVERY = 0.2  # seconds
_BAR = 24  # characters


class Progress:
    """``done`` of ``total`` files; those that were done before this run do not count for its speed."""

    def __init__(self, total: int, done: int, is_wanted: bool) -> None:
        self._total, self._before, self._done = total, done, done
        self._bad = 0
        self._start = time.monotonic()
        self._shown = 0.0
        self._is_wanted = is_wanted and sys.stderr is not None and sys.stderr.isatty()

    def begin(self) -> None:
        self._show()

    def add(self, is_bad: bool) -> None:
        self._done += 1
        self._bad += is_bad
        if time.monotonic() - self._shown > _SHOWN_EVERY:
            self._show()

    def complain(self, subject: str, sentence: str) -> None:
        """A line above."""
        self.clear()
        complain(subject, sentence)

    def clear(self) -> None:
        if self._is_wanted:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _show(self) -> None:
        if self._is_wanted:
            self._shown = time.monotonic()
            print(f"\r\033[K{self.line(self._shown - self._start)}", end="", file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """``seconds``: since the run began."""
        bar = ("#" * (self._done * _BAR // self._total)).ljust(_BAR, ".")
        parts = [f"[{bar}] {self._done} of {self._total} files"]
        speed = (self._done - self._before) / seconds if seconds > 0 else 0.0
        if speed > 0:
            parts += [f"{speed:.1f} a second", f"{time_left((self._total - self._done) / speed)} left"]
        if self._bad:
            parts.append(f"{self._bad} bad")
        return ", ".join(parts)


def time_left(seconds: float) -> str:
    """Such as 0:07, 12:34 or 5:00:00."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes.removeprefix("0")
