"""Whether the camera of a real video stands still.

A movement that is put on top of a video is only what its label says if the video's own camera does
not move. People do, but most of the picture is what is behind them: the camera stands still as long
as most places of the picture stay where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

SIDE = 120  # of the pictures that are compared, the shorter one, about
BLOCK, STEP = 32, 16  # pixels, of the places that are looked at
# Pixels; a place further away has moved. A ninth of the least travel in a test set (camera_set.py), and
# about its least shake.
REACH = 1.5
TEXTURE = 3.0  # deviation of a block, in levels, below which nobody can say where it is


def stays(frames: Any) -> Array:
    """Which part of the places of the first of the frames ``[n][H][W][3]`` is where it was, in each
    frame, ``[n]``."""
    pictures = _green(frames)
    blocks = _blocks(pictures)
    textured = blocks[0].std((1, 2)) >= TEXTURE
    if not textured.any():
        return np.zeros(len(frames), np.float32)
    spectra = np.fft.rfft2(_windowed(blocks[:, textured]))
    cross = spectra * spectra[0].conj()
    size = blocks.shape[-1]
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-3), s=(size, size))
    peak = surface.reshape(*surface.shape[:2], -1).argmax(-1)
    down, across = ((part + size // 2) % size - size // 2 for part in divmod(peak, size))
    part: Array = (np.hypot(down, across) <= REACH).mean(1, dtype=np.float32)
    return part


def stands_still(frames: Any) -> bool:
    """Whether most places stay in every frame."""
    return bool((stays(frames) > 0.5).all())


def _green(frames: Any) -> Array:
    """Green, which is most of the light, ``[n][h][w]``, shrunk by averaging."""
    step = max(min(frames.shape[1:3]) // SIDE, 1)
    height, width = (size // step for size in frames.shape[1:3])
    green = frames[:, : height * step, : width * step, 1]
    rows = green.reshape(len(frames), height, step, width, step).sum(2, dtype=np.float32)
    small: Array = rows.sum(-1) / step**2
    return small


def _blocks(pictures: Array) -> Array:
    """Overlapping squares, ``[n][blocks][.][.]``."""
    size = min(BLOCK, *pictures.shape[1:])
    views = np.lib.stride_tricks.sliding_window_view(pictures, (size, size), (1, 2))
    chosen = views[:, ::STEP, ::STEP]
    return chosen.reshape(len(pictures), -1, size, size)


def _windowed(blocks: Array) -> Array:
    hann = np.hanning(blocks.shape[-1] + 2)[1:-1].astype(np.float32)
    windowed: Array = (blocks - blocks.mean((2, 3), keepdims=True)) * np.outer(hann, hann)
    return windowed
