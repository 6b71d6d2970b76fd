"""The fixed position encodings of the temporal path (docs/weight-format.md), in double precision.
The class token comes first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Config

_MAP = 16  # side of the map of frame numbers that is resized to the patches


def frame_numbers(config: Config) -> Tensor:
    """Which frame each token lies in, from 1, between two of them interpolated: ``[Tg][N]``."""
    g = config.grid
    tile = torch.div((2 * torch.arange(_MAP) + 1) * g, 2 * _MAP, rounding_mode="floor")
    inside = (tile[:, None] * g + tile + 1).double()
    first = torch.arange(config.framesets).double() * g * g
    maps = inside + first[:, None, None]
    size = (config.side, config.side)
    resized = F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)
    return F.pad(resized.flatten(1), (1, 0))


def sincos_time(config: Config) -> Tensor:
    """Sines and cosines of the frame number in turn, ``[Tg][N][D]``."""
    channel = torch.arange(0, config.width, 2).double()
    angles = frame_numbers(config)[..., None] * 10000 ** (-channel / config.width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def _sines_then_cosines(place: Tensor, channels: int) -> Tensor:
    half = channels // 2
    angles = place[..., None] * 10000 ** (-torch.arange(half).double() / half)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sincos_3d(config: Config) -> Tensor:
    """Time, row and column in the tile, each in channels of its own: ``[Tg][N][D]``."""
    G, D, Tg = config.side, config.width, config.framesets
    tile = G / config.grid
    place = (torch.arange(G).double() + 0.5) % tile - 0.5
    axis = _sines_then_cosines(place, 3 * D // 8)
    parts = [
        _sines_then_cosines(frame_numbers(config)[:, 1:], D // 4),
        axis.repeat_interleave(G, dim=0).expand(Tg, -1, -1),
        axis.repeat(G, 1).expand(Tg, -1, -1),
    ]
    return F.pad(torch.cat(parts, dim=-1), (0, 0, 1, 0))


class Wave(NamedTuple):
    """Two channels of an encoding, and how fast they turn."""

    sine: int
    cosine: int
    frequency: float


def _waves(first: int, channels: int) -> list[Wave]:
    half = channels // 2
    return [Wave(first + i, first + half + i, 10000 ** (-i / half)) for i in range(half)]


def waves_3d(width: int) -> tuple[list[Wave], list[Wave], list[Wave]]:
    """Where ``sincos_3d`` has time, row and column, the fastest first."""
    time, axis = width // 4, 3 * width // 8
    return _waves(0, time), _waves(time, axis), _waves(time + axis, axis)
