"""Times: seconds in Python, whole microseconds in the library."""

from __future__ import annotations

import math
import numbers
from typing import Any

from ._advice import named

MAX_TIME_US = 1 << 61
MAX_SAMPLE_FPS = 1000.0


def real(name: str, value: Any) -> float:
    """A value that is a number, also one of NumPy."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {named(value)} ({value!r})")
    return float(value)


def microseconds(name: str, seconds: Any) -> int:
    """A time in seconds as the library counts it."""
    number = real(name, seconds)
    if not abs(number) <= MAX_TIME_US / 1e6:
        raise ValueError(f"{name} must be a number of seconds, not {number}")
    return round(number * 1e6)


def frequency(name: str, value: Any, most: float = math.inf) -> float:
    """A number of frames a second."""
    number = real(name, value)
    if not (0 < number <= most and math.isfinite(number)):
        bound = f" and at most {most:g}" if math.isfinite(most) else ""
        raise ValueError(f"{name} must be more than 0{bound}, not {number:g}")
    return number


class Clock:
    """When frames are shown, in seconds: what their stamps say, but never back. Where they say
    nothing, frames come at a steady rate."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._before: float | None = None

    def time_of(self, stamp: float | None) -> float | None:
        """Of the next frame; None where neither stamp nor rate is known."""
        before = self._before
        if stamp is None and self._rate is not None:
            stamp = 0.0 if before is None else before + 1 / self._rate
        if stamp is not None:
            self._before = stamp if before is None else max(before, stamp)
        return None if stamp is None else self._before
