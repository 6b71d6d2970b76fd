"""Times: seconds in Python, whole microseconds in the library; and frames of a stream by their times."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
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
