"""A window of ``watch`` as a line of text, as a JSON object on one line, and as rows of CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..result import Prediction, Window
from .events import seconds_of
from .output import one_line
from .text import as_json, name_of_class, number, shown

CSV_TITLES = "start,end,label,probability\r\n"


def as_line(window: Window, top: Sequence[Prediction], timed: bool) -> str:
    if timed:
        when = f"{seconds_of(window.start):8.2f} .. {seconds_of(window.end):.2f} s"
    else:
        when = f"{window.frames[0]:8} .. {window.frames[-1]}"
    classes = ", ".join(f"{shown(name_of_class(one))} {100 * one.probability:.2f} %" for one in top)
    return f"{when}  {classes}\n"


def as_object(window: Window, top: Sequence[Prediction], timed: bool) -> str:
    known: dict[str, Any] = {
        "window": window.number,
        "start": seconds_of(window.start) if timed else None,
        "end": seconds_of(window.end) if timed else None,
        "frames": window.frames,
        "top": [asdict(one) for one in top],
        "logits": window.logits,
    }
    if window.logits is None:
        known.update(feature_temporal=window.feature_temporal, feature_spatial=window.feature_spatial)
    return as_json(known) + "\n"


def as_rows(window: Window, top: Sequence[Prediction], timed: bool) -> str:
    """Labels are in quotes, in which a quote is written twice (RFC 4180)."""
    when = ","
    if timed:
        when = f"{number(seconds_of(window.start))},{number(seconds_of(window.end))}"
    return "".join(f"{when},{_quoted(name_of_class(one))},{number(one.probability)}\r\n" for one in top)


def _quoted(label: str) -> str:
    doubled = one_line(label).replace('"', '""')
    return f'"{doubled}"'
