"""Events over time, as notebooks show them: a row for each class, and a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import _html as html
from ._refused import show

if TYPE_CHECKING:
    from .events import Event

_WIDTH, _LEFT, _RIGHT = 760, 170, 20  # pixels: of all, of the names, of what the last number needs
_ROW, _BAR, _AXIS = 22, 14, 24
_MAX_ROWS, _MAX_LISTED = 20, 50
_MAX_NAME = 24  # characters
_COLORS = ("#4a90d9", "#d9822b", "#3f9c5c", "#c2508f", "#8a6fd1", "#b5892e", "#2f9ba8", "#d05353")


class Timeline(list["Event"]):
    """A list of events that notebooks show over time; what ``Events`` answers."""

    def __repr__(self) -> str:
        return f"<dualpath.Timeline of {_count(len(self))}: {list.__repr__(self)}>"

    def _repr_html_(self) -> str:
        if not self:
            return html.panel("No events")
        classes = _classes(self)
        title = f"{_count(len(self))} from {_start(self):.2f} to {_end(self):.2f} s"
        more = len(self) - _MAX_LISTED
        rest = html.note(f"{more} more events are not listed.") if more > 0 else ""
        return html.panel(title, _drawing(self, classes[:_MAX_ROWS]), _hint(len(classes)),
                          _table(self[:_MAX_LISTED]), rest)


def _count(events: int) -> str:
    return f"{events} event{'' if events == 1 else 's'}"


def _start(events: Iterable[Event]) -> float:
    return min(event.start for event in events)


def _end(events: Iterable[Event]) -> float:
    return max(event.end for event in events)


def _classes(events: Iterable[Event]) -> list[int]:
    """In the order in which they begin."""
    ordered = sorted(events, key=lambda event: event.start)
    return list(dict.fromkeys(event.index for event in ordered))


def _hint(classes: int) -> str:
    if classes <= _MAX_ROWS:
        return ""
    return html.note(f"{classes - _MAX_ROWS} more classes are not drawn.")


def _table(events: Iterable[Event]) -> str:
    rows = [(f"{event.start:.2f}", f"{event.end:.2f}", html.label_of(event.index, event.label),
             html.percent(event.peak), html.percent(event.mean)) for event in events]
    titles = ["start, s", "end, s", "class", "highest", "mean"]
    return html.table("Each event, with the probability of its class", titles, rows, "rrlrr")


# ---- the drawing: what it shows is in the table, too ----


def _drawing(events: list[Event], classes: list[int]) -> str:
    start, end = _start(events), _end(events)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(end - start, 1e-6)
    height = len(classes) * _ROW + _AXIS
    parts = [_axis(start, end, scale, height)]
    for row, index in enumerate(classes):
        own = [event for event in events if event.index == index]
        parts.append(_text(0, row * _ROW + 15, "start", _name(own[0])))
        color = _COLORS[row % len(_COLORS)]
        parts += [_event(event, _LEFT + scale * (event.start - start), scale, row * _ROW, color)
                  for event in own]
    words = f"Timeline of {_count(len(events))} of {len(classes)} classes; the table below has them all"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.text(words, 200)}" '
            f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
            f'style="max-width: 100%; height: auto; font-size: 12px">{"".join(parts)}</svg>')


def _name(event: Event) -> str:
    return html.text(show(event.label, _MAX_NAME) if event.label else f"class {event.index}")


def _text(x: float, y: float, anchor: str, escaped: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="currentColor">{escaped}</text>'


def _event(event: Event, x: float, scale: float, y: int, color: str) -> str:
    width = max(scale * (event.end - event.start), 2)
    words = f"{_name(event)}, {event.start:.2f} to {event.end:.2f} s, {html.percent(event.peak)}"
    return (f'<rect x="{x:.1f}" y="{y + (_ROW - _BAR) // 2}" width="{width:.1f}" height="{_BAR}" rx="2" '
            f'fill="{color}"><title>{words}</title></rect>')


def _axis(start: float, end: float, scale: float, height: int) -> str:
    step = _step(end - start)
    bottom, parts = height - _AXIS + 3, []
    tick = math.ceil(start / step - 1e-9) * step
    while tick <= end + 1e-9:
        x = _LEFT + scale * (tick - start)
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{bottom}" stroke="currentColor" '
                     'stroke-opacity="0.2"/>')
        parts.append(_text(x, height - 6, "middle", f"{tick:g} s"))
        tick = round(tick / step + 1) * step
    return "".join(parts)


def _step(seconds: float) -> float:
    """Between ticks: 1, 2 or 5 of a power of ten, or of minutes and hours, for at most 9 of them."""
    for step in (*(m * 10.0**e for e in range(-3, 1) for m in (1, 2, 5)), 10, 20, 30, 60, 120, 300, 600,
                 1800, 3600):
        if seconds <= 8 * step:
            return float(step)
    return 3600.0 * math.ceil(seconds / (8 * 3600))
