"""What a model saw of a clip, as pictures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import _html as html
from ._pixels import Bytes

_MAX_FRAMES, _MAX_FRAMESETS = 32, 4  # are shown
_FRAME, _FRAMESET = 128, 256  # pixels a side


class Pictures(NamedTuple):
    """What the model saw of the first view and crop of a clip: R, G, B of 0 .. 255."""

    spatial: Bytes
    """The frames of the spatial path, or of the one path: ``[spatial_frames, R, R, 3]``."""
    temporal: Bytes
    """The framesets of the temporal path ``[framesets, R, R, 3]``, none with one path."""


def as_bytes(
    seen: npt.NDArray[np.float32], mean: tuple[float, ...], std: tuple[float, ...]
) -> Bytes:
    """Images ``[n, 3, R, R]`` as the model gets them, as pictures ``[n, R, R, 3]``."""
    colors = seen.transpose(0, 2, 3, 1) * np.array(std, np.float32) + np.array(mean, np.float32)
    pixels: Bytes = np.clip(colors * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels


def contact_sheet(
    pictures: Pictures, indices: npt.NDArray[np.int64], times: npt.NDArray[np.float64] | None
) -> str:
    """``indices`` and ``times`` are those of the view's frames."""
    frames = pictures.spatial[:_MAX_FRAMES]
    every = max(len(indices) // max(len(pictures.spatial), 1), 1)
    names = [_name(indices, times, number * every) for number in range(len(frames))]
    title = "spatial path" if len(pictures.temporal) else "frames"
    parts = [_row(title, [html.picture(frame, name, _FRAME) for frame, name in zip(frames, names)])]
    if len(pictures.temporal):
        sets = pictures.temporal[:_MAX_FRAMESETS]
        words = [f"frameset {number + 1} of {len(pictures.temporal)}" for number in range(len(sets))]
        parts.append(_row("temporal path", [html.picture(one, name, _FRAMESET)
                                            for one, name in zip(sets, words)]))
    return "".join(parts)


def _name(
    indices: npt.NDArray[np.int64], times: npt.NDArray[np.float64] | None, number: int
) -> str:
    when = "" if times is None else f" at {times[number]:.2f} s"
    return f"frame {indices[number]}{when}"


def _row(title: str, pictures: list[str]) -> str:
    head = f'<div style="{html.FAINT}; margin-top: 6px">{html.text(title)}</div>'
    return f'<div role="group" aria-label="{html.text(title)}">{head}{"".join(pictures)}</div>'
