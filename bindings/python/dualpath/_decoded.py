"""Frames that PyAV decoded, as the library takes them: their planes, and how they are to be shown."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._pixels import Bytes, guess_color, planes_to_rgb, round_to_bytes
from .frames import MAX_ASPECT, Frame

# Numbers of ISO/IEC 23091-2; of others, the nearest that the library has.
_MATRICES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020"}
_LIMITED, _FULL = 1, 2  # AVColorRange

_YUV = re.compile(r"yuva?(j?)(420|422|444|411|410|440)p(\d*)(le|be)?")
_GRAY = re.compile(r"gray(\d*)(le|be)?")
_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "411": (4, 1), "410": (4, 4),
                "440": (1, 2)}  # pixels that share a chroma sample: across, down

# Planes of the same samples, for formats that interleave them. Of others chroma is enlarged.
_SAME_SAMPLES = {"nv21": "yuv420p", "p010le": "yuv420p10le", "nv16": "yuv422p",
                 "yuyv422": "yuv422p", "uyvy422": "yuv422p"}


class Orientation(NamedTuple):
    """How a stored picture becomes upright; see Frame."""

    rotation: int = 0
    mirrored: bool = False
    exact: bool = True
    """Whether the file says a multiple of 90 degrees."""


class Given(NamedTuple):
    """What a caller says of frames in the place of what they say; None: what they say counts."""

    color: str | None = None
    rotation: int | None = None
    mirrored: bool = False
    """Also without a rotation it takes the place of the turn that a file says."""
    aspect: tuple[int, int] | None = None

    def orientation(self, stated: Orientation) -> Orientation:
        if self.rotation is None and not self.mirrored:
            return stated
        return Orientation(self.rotation or 0, self.mirrored)


AS_STATED = Given()


class Color(NamedTuple):
    name: str
    guessed: bool


def orientation_of(frame: Any) -> Orientation:
    """What the display matrix of a frame says.

    Its first numbers a, b and d, e are where a step to the right and one down lead, in 1/65536.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Orientation()
    a, b, _, d, e = np.frombuffer(data, np.int32, 5).tolist()
    degrees = math.degrees(math.atan2(-d, e))
    rotation = round(degrees / 90) * 90
    return Orientation(rotation % 360, a * e < b * d, abs(degrees - rotation) < 1)


def aspect_of(stream: Any) -> tuple[int, int]:
    """The shape of a stored pixel, width to height; square where the file does not say."""
    ratio = Fraction(stream.sample_aspect_ratio or 1)
    if ratio <= 0:
        return 1, 1
    if ratio > 1:
        return _pair(1 / ratio)[::-1]
    return _pair(ratio)


def _pair(ratio: Fraction) -> tuple[int, int]:
    """Of a ratio up to 1, in numbers that the library takes."""
    near = max(ratio.limit_denominator(MAX_ASPECT), Fraction(1, MAX_ASPECT))
    return near.numerator, near.denominator


def color_of(frame: Any) -> Color:
    """How Y'CbCr becomes RGB; by the size of the frame where it does not say."""
    matrix, span = _MATRICES.get(int(frame.colorspace)), int(frame.color_range)
    full = span == _FULL or (span != _LIMITED and frame.format.name.startswith("yuvj"))
    guess = guess_color(frame.width, frame.height, full)
    if matrix is None:
        return Color(guess, True)
    known = span in (_LIMITED, _FULL) or full
    return Color(f"{matrix}-{guess.split('-')[1]}", not known)


def has_chroma(frame: Any) -> bool:
    """Whether color_of() has a say in the picture."""
    return not _is_rgb(frame.format) and not _GRAY.fullmatch(frame.format.name)


def as_frame(decoded: Any, orientation: Orientation, aspect: tuple[int, int],
             given: Given = AS_STATED) -> Frame:
    """Without a copy where the library has the format; more than 8 bits are rounded to 8."""
    planes, format, color = _planes(decoded, given.color or color_of(decoded).name)
    turn = given.orientation(orientation)
    return Frame(*planes, format=format, color=color, rotation=turn.rotation,
                 mirrored=turn.mirrored, aspect=given.aspect or aspect)


def _planes(decoded: Any, color: str) -> tuple[tuple[Bytes, ...], str, str]:
    """Planes, their format and their colour."""
    name = decoded.format.name
    upside_down = any(plane.line_size < 0 for plane in decoded.planes)
    yuv, gray = _YUV.fullmatch(name), _GRAY.fullmatch(name)
    if _is_rgb(decoded.format):
        return (decoded.to_ndarray(format="rgb24"),), "rgb24", color
    if upside_down or not (yuv or gray or name == "nv12"):
        # neither matrix nor range change
        return _planes(decoded.reformat(format=_SAME_SAMPLES.get(name, "yuv444p")), color)
    if name == "nv12":
        luma, chroma = _samples(decoded, 0, 1, 1), _samples(decoded, 1, 2, 2)
        rows, pairs = chroma.shape
        return (luma, chroma.reshape(rows, pairs // 2, 2)), "nv12", color
    if gray:
        return _gray_planes(_samples(decoded, 0, 1, 1), int(decoded.color_range))
    assert yuv is not None
    across, down = _SUBSAMPLING[yuv[2]]
    y = _samples(decoded, 0, 1, 1)
    cb, cr = (_samples(decoded, plane, across, down) for plane in (1, 2))
    if (across, down) == (2, 2):
        return (y, cb, cr), "i420", color
    return (planes_to_rgb(y, cb, cr, color),), "rgb24", color


def _gray_planes(luma: Bytes, span: int) -> tuple[tuple[Bytes, ...], str, str]:
    """The library's gray has the full range; limited luma gets chroma that says nothing."""
    if span != _LIMITED:
        return (luma,), "gray8", "bt601-full"
    height, width = luma.shape
    neutral = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return (luma, neutral, neutral), "i420", "bt601-limited"


def _samples(decoded: Any, plane: int, across: int, down: int) -> Bytes:
    """A plane as bytes ``[rows, columns]``; the pairs of NV12 count as columns."""
    format, memory = decoded.format, decoded.planes[plane]
    bits = format.components[0].bits
    rows, columns = -(-decoded.height // down), -(-decoded.width // across)
    if format.name == "nv12" and plane == 1:
        columns *= 2
    size = 1 if bits == 8 else 2
    raw = np.frombuffer(memory, np.uint8, rows * memory.line_size).reshape(rows, -1)
    stored = raw[:, : columns * size]
    if size == 1:
        return stored
    wide: npt.NDArray[np.uint16] = stored.view(">u2" if format.is_big_endian else "<u2")
    return round_to_bytes(wide, bits)


def _is_rgb(format: Any) -> bool:
    return bool(format.is_rgb or format.has_palette or format.name.startswith("mono"))
