"""Clips of a camera that moves, made from photographs and from real clips.

The camera is a square window on the picture. It moves by what its label says, and a little by
accident: it trembles, drifts, changes exposure. *Pan left* turns the camera left, so the picture
moves right; *tilt up* turns it up, so the picture moves down; *roll clockwise* turns it clockwise
as seen from behind, so the picture turns counter-clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LABELS = (
    "static",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "zoom in",
    "zoom out",
    "roll clockwise",
    "roll counter-clockwise",
    "shake",
)

# What a camera does in time that runs backwards, and in a mirror.
REVERSED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 9)
MIRRORED = (0, 2, 1, 3, 4, 5, 6, 8, 7, 9)


@dataclass(frozen=True)
class Range:
    """How much cameras move over a clip, from the least to the most."""

    travel: tuple[float, float] = (0.12, 0.9)  # of pan and tilt, in sides of the window
    zoom: tuple[float, float] = (1.2, 2.4)  # ratio of the sides of the window
    roll: tuple[float, float] = (10.0, 60.0)  # degrees
    shake: tuple[float, float] = (0.012, 0.06)  # deviation of a frame, in sides of the window
    tremble: float = 0.003  # the same, of every other class
    drift: float = 0.12  # of the least movement, in every direction that is not the label's
    window: tuple[float, float] = (0.45, 0.8)  # side of the window, of the shorter side
    stills: float = 0.6  # part of the clips whose picture stands still: photographs, then frames

    def __post_init__(self) -> None:
        for name in ("travel", "zoom", "roll", "shake", "window"):
            values = getattr(self, name)
            if len(values) != 2 or not 0 < values[0] <= values[1]:
                raise ValueError(f"{name} = {list(values)} is not the least and the most, above 0")
        if self.zoom[0] <= 1:
            raise ValueError(f"zoom = {list(self.zoom)} is not above 1")
        for name in ("tremble", "drift", "stills"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not between 0 and 1")


def _between(low_high: tuple[float, float], u: float) -> float:
    """Evenly in the logarithm, so that slow and fast are as frequent."""
    low, high = low_high
    return low * math.exp(u * math.log(high / low))


def _course(frames: int, draw: torch.Generator) -> Tensor:
    """How far the movement has come, -1/2 to 1/2: faster or slower in the middle."""
    t = torch.linspace(0, 1, frames)
    ease = float(torch.rand(1, generator=draw)) * 1.2 - 0.6
    return t - 0.5 + ease * torch.sin(2 * math.pi * t) / (2 * math.pi)


@dataclass
class Path:
    """Where the window is in each frame, in sides of the window (``size``: logarithm of its
    relative side, ``angle``: radians, clockwise)."""

    x: Tensor
    y: Tensor
    size: Tensor
    angle: Tensor


def camera_path(label: int, frames: int, amount: Range, draw: torch.Generator) -> Path:
    """The course of a camera with this label."""
    u = torch.rand(4, generator=draw).tolist()
    course = _course(frames, draw)
    tremble = _between(amount.shake, u[0]) if LABELS[label] == "shake" else amount.tremble * u[0]
    noise = torch.randn(4, frames, generator=draw) * tremble
    drift = (2 * torch.rand(4, 1, generator=draw) - 1) * amount.drift * torch.tensor(
        [[amount.travel[0]], [amount.travel[0]], [math.log(amount.zoom[0])],
         [math.radians(amount.roll[0])]])
    parts = noise * torch.tensor([[1.0], [1.0], [0.5], [0.5]]) + drift * course
    which, sign = _movement(label)
    if sign:
        much = (
            _between(amount.travel, u[1]),
            _between(amount.travel, u[1]),
            math.log(_between(amount.zoom, u[2])),
            math.radians(_between(amount.roll, u[3])),
        )[which]
        parts[which] += sign * much * course
    return Path(*parts)


def _movement(label: int) -> tuple[int, int]:
    """Which part of a path a label moves (x, y, size, angle), and in which direction."""
    if LABELS[label] in ("static", "shake"):
        return 0, 0
    return (label - 1) // 2, (-1, 1)[(label - 1) % 2] * (-1 if label in (7, 8) else 1)


def windows(path: Path, height: int, width: int, amount: Range, draw: torch.Generator) -> Tensor:
    """The maps ``[T][2][3]`` from the window to the picture, the window as large and where it can
    be without leaving the picture, if that is possible at all."""
    u = torch.rand(3, generator=draw).tolist()
    side = _between(amount.window, u[0]) * min(height, width)
    reach = 0.5 * path.size.exp() * (path.angle.cos().abs() + path.angle.sin().abs())
    needs = [((path_c + reach).max() - (path_c - reach).min()).item() for path_c in (path.x, path.y)]
    side = min(side, width / needs[0], height / needs[1])
    centre = []
    for path_c, whole, place in ((path.x, width, u[1]), (path.y, height, u[2])):
        low, high = (path_c - reach).min().item() * side, (path_c + reach).max().item() * side
        centre.append(side * path_c - low + place * max(whole - (high - low), 0))
    half = 0.5 * side * path.size.exp()
    cos, sin = half * path.angle.cos(), half * path.angle.sin()
    across = torch.stack([cos, -sin, centre[0] - width / 2], dim=-1) * (2 / width)
    down = torch.stack([sin, cos, centre[1] - height / 2], dim=-1) * (2 / height)
    return torch.stack([across, down], dim=1)


def flow(views: Tensor, side: int, grid: int) -> Tensor:
    """How the picture moves where each patch of a frameset is, in half windows in ``grid`` frames:
    ``[T * m * m][2]`` of maps ``[T][2][3]``, in the order of the patches of a frameset of
    ``side`` patches a side, with ``m = side / grid``."""
    m, T = side // grid, len(views)
    place = (2 * torch.arange(m) + 1) / m - 1
    y, x = torch.meshgrid(place, place, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten(), torch.ones(m * m)])  # [3][m * m]
    first = (torch.arange(T) - grid).clamp(min=0)
    first[: T - grid] = torch.arange(T - grid)
    seen = views[first] @ points  # in the picture
    later = views[first + grid]
    back: Tensor = torch.linalg.solve(later[:, :, :2], seen - later[:, :, 2:])  # in the later window
    moved = (back - points[:2]).transpose(1, 2).reshape(T // grid**2, grid, grid, m, m, 2)
    ordered: Tensor = moved.permute(0, 1, 3, 2, 4, 5).reshape(-1, 2)
    return ordered


FLOW_UNIT = 0.2  # of lessons about flow, so that what is to be told is about 1


def flow_lesson(clips: Sequence[Tensor], side: int, grid: int) -> Tensor:
    """The flow of several clips, ``[n][T * m * m][2]``, in a lesson's unit."""
    return torch.stack([flow(views, side, grid) for views in clips]) / FLOW_UNIT
