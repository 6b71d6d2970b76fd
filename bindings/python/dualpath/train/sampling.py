"""Which frames a view takes of a clip of ``n`` frames, ``T`` of them, ``step`` apart: the rules of
``dp_sampling`` in include/dualpath.h, and the same with something random for training.
"""

from __future__ import annotations

import torch

from .protocol import Protocol

Indices = list[int]


def fixed_view(protocol: Protocol, n: int, T: int, step: int, view: int, views: int) -> Indices:
    """The frames of one of several views, as the library takes them."""
    rule = protocol.sampling
    if rule == "uniform":
        return [(2 * i * views + 2 * view + 1) * n // (2 * T * views) for i in range(T)]
    if rule == "segments":
        ends = [round((n - 1) / T * i) for i in range(T + 1)]
        return [(a + b) // 2 for a, b in zip(ends, ends[1:])]
    if rule == "interval":
        start = _interval(n, T * step, view, views)
    elif rule == "spread":
        start = _spread(max(n - _span(T, step), 0), view, views)
    else:
        spare = _spare(n, T, step)
        start = (view * spare // views if rule == "first" else
                 (2 * view + 1) * spare // (2 * views)) * step
    return _inside(protocol, n, step, [start + i * step for i in range(T)])


def random_view(protocol: Protocol, n: int, T: int, step: int, draw: torch.Generator) -> Indices:
    """A stretch of the clip, or, where a rule goes through the whole clip, a frame of each part."""
    if protocol.sampling in ("uniform", "segments"):
        places = (torch.arange(T) + torch.rand(T, generator=draw)) * n / T
        return [min(int(place), n - 1) for place in places]
    if protocol.sampling in ("center", "first"):
        start = step * _below(_spare(n, T, step) + 1, draw)
    else:
        start = _below(max(n - _span(T, step), 0) + 1, draw)
    return _inside(protocol, n, step, [start + i * step for i in range(T)])


def _span(T: int, step: int) -> int:
    return (T - 1) * step + 1


def _spare(n: int, T: int, step: int) -> int:
    """Of every step-th frame, how many a view leaves out."""
    return max(-(-n // step) - T, 0)


def _interval(n: int, length: int, view: int, views: int) -> int:
    """The middle of one of ``views`` equal intervals."""
    interval = (n - length + 1) / views
    return int(view * interval + interval / 2) if n >= length else 0


def _spread(slide: int, view: int, views: int) -> int:
    """From the first to the last place that a view may have; a single one in the middle."""
    return slide // 2 if views == 1 else round(slide / (views - 1) * view)


def _below(end: int, draw: torch.Generator) -> int:
    return int(torch.randint(end, (1,), generator=draw))


def _inside(protocol: Protocol, n: int, step: int, indices: Indices) -> Indices:
    """What stands for frames past the end. Of every step-th frame, the last one is that."""
    if protocol.past_end == "wrap":
        return [index % n for index in indices]
    last = (n - 1) // step * step if protocol.sampling in ("center", "first") else n - 1
    return [min(index, last) for index in indices]
