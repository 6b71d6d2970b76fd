"""Which frames of a clip are trained on: by the rule of the protocol (``dp_sampling`` in
include/dualpath.h), with something random. Evaluation is by ``dualpath.video.sampled_frames``.
"""

from __future__ import annotations

import torch

from .protocol import Protocol


def random_view(protocol: Protocol, n: int, T: int, step: int, draw: torch.Generator) -> list[int]:
    """``T`` of ``n`` frames: a stretch of those that are ``step`` apart, anywhere, or, where a rule
    goes through the whole clip, a frame of each part of it."""
    rule = protocol.sampling
    if rule in ("uniform", "segments"):
        places = (torch.arange(T) + torch.rand(T, generator=draw)) * n / T
        return [min(int(place), n - 1) for place in places]
    is_kept = rule in ("center", "first")  # every step-th frame of the clip, and no other
    if is_kept:
        start = step * _below(max(-(-n // step) - T, 0) + 1, draw)
    else:
        start = _below(max(n - (T - 1) * step - 1, 0) + 1, draw)
    stretch = [start + i * step for i in range(T)]
    if protocol.past_end == "wrap":
        return [frame % n for frame in stretch]
    last = (n - 1) // step * step if is_kept else n - 1
    return [min(frame, last) for frame in stretch]


def _below(end: int, draw: torch.Generator) -> int:
    return int(torch.randint(end, (1,), generator=draw))
