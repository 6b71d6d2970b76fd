"""Pixels in NumPy: planes of any depth and subsampling, RGB as the library makes it, and pictures as
they are shown. The command line program does the same to Y4M, in C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_RED_AND_BLUE = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
MAX_SIDE = 65536


def guess_color(width: int, height: int, full_range: bool = False) -> str:
    """The colour of frames that do not say theirs: by their size, as players do.

    mpv takes BT.709 from 1280 columns or 577 rows on, SDL, with which ffplay draws, from 577 rows
    on; both take BT.601 below.
    """
    matrix = "bt709" if width >= 1280 or height > 576 else "bt601"
    return f"{matrix}-{'full' if full_range else 'limited'}"


def round_to_bytes(samples: npt.NDArray[np.uint16], bits: int) -> Bytes:
    """Samples of more than 8 bits, halves rounded up: (v + 2) // 4 of 10 bits, at most 255."""
    shift = bits - 8
    rounded = (samples.astype(np.uint32) + (1 << (shift - 1))) >> shift
    made: Bytes = np.minimum(rounded, 255).astype(np.uint8)
    return made


def planes_to_rgb(y: Bytes, cb: Bytes, cr: Bytes, color: str) -> Bytes:
    """RGB ``[H, W, 3]`` of planes Y'CbCr; a chroma sample serves the pixels in front of it."""
    matrix, span = color.split("-")
    red, blue = _RED_AND_BLUE[matrix]
    full = span == "full"
    luma = (y.astype(np.float32) - np.float32(0 if full else 16)) * np.float32(
        1 if full else 255 / 219
    )
    scale = 1 if full else 255 / 224
    u, v = ((plane.astype(np.float32) - 128) * np.float32(scale) for plane in (cb, cr))
    offsets = (
        2 * (1 - red) * v,
        -2 * ((1 - blue) * blue * u + (1 - red) * red * v) / (1 - red - blue),
        2 * (1 - blue) * u,
    )
    rgb = np.empty((*y.shape, 3), np.uint8)
    for channel, offset in enumerate(offsets):
        rgb[..., channel] = np.rint(np.clip(luma + _spread(offset, y.shape), 0, 255))
    return rgb


def _spread(chroma: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Chroma samples, each for the pixels that it serves."""
    for axis in (0, 1):
        times = -(-shape[axis] // chroma.shape[axis])
        chroma = chroma.repeat(times, axis) if times > 1 else chroma
    return chroma[: shape[0], : shape[1]]


def make_upright(pixels: Bytes, rotation: int, mirrored: bool) -> Bytes:
    """The picture mirrored left to right, then turned clockwise, as a view."""
    return np.rot90(np.fliplr(pixels) if mirrored else pixels, -rotation // 90)


def make_square(pixels: Bytes, aspect: tuple[int, int]) -> Bytes:
    """``[H, W, 3]`` with square pixels: stretched along the axis in which pixels are longer, as the
    library resizes."""
    across, down = aspect
    axis = 1 if across > down else 0
    wanted = round(pixels.shape[axis] * max(aspect) / min(aspect))
    if wanted > MAX_SIDE:
        raise ValueError(f"pixels of {across}:{down} make a picture of {wanted} pixels a side")
    return pixels if wanted == pixels.shape[axis] else _resize(pixels, axis, wanted)


def _resize(pixels: Bytes, axis: int, wanted: int) -> Bytes:
    """Bilinear, with half-pixel centres."""
    size = pixels.shape[axis]
    places = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    low = places.astype(np.intp)
    weight = (places - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    first = pixels.take(low, axis).astype(np.float32)
    second = pixels.take(np.minimum(low + 1, size - 1), axis)
    resized: Bytes = np.rint(first + (second - first) * weight).astype(np.uint8)
    return resized
