"""Films whose frames lie one after the other as they are: YUV4MPEG2, NumPy arrays of bytes, raw frames.

A reader takes any binary stream, from its current position, and trusts nothing it reads: what is wrong
is a ValueError with the program's sentence. Its frames come as bytes, and become a Frame where one is
wanted.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from .._decoded import Given
from .._pixels import MAX_SIDE, Bytes, guess_color, planes_to_rgb, round_to_bytes
from ..frames import MAX_ASPECT, Frame

_MAX_LINE = 4095
_MAX_INT32 = (1 << 31) - 1


class Packed(ABC):
    """A film of frames of one size."""

    width: int
    height: int
    frame_bytes: int
    """Of the pixels of a frame."""
    line_bytes = 0
    """Of what stands before them."""
    count: int | None = None
    """How many there are, if the film says it."""
    rate: tuple[int, int] | None = None
    """Frames a second, as a fraction, if the film says it."""
    color: str | None = None
    """How chroma is read; None: there is none."""
    color_guessed = False
    aspect: tuple[int, int] | None = None
    interlaced = False
    advice = ""
    """The end of a sentence about a frame that is cut short at the end of the file."""

    def begin(self, file: Any, number: int) -> None:
        """Reads what stands before frame ``number``, counted from 1."""

    @abstractmethod
    def frame(self, pixels: bytes, given: Given) -> Frame:
        """A frame of its bytes."""

    def _shown(self, given: Given) -> dict[str, Any]:
        """What all frames of the film have in common."""
        return {"rotation": given.rotation or 0, "mirrored": given.mirrored,
                "aspect": given.aspect or self.aspect or (1, 1)}

    def _take_color(self, given: Given, full: bool) -> str:
        self.color_guessed = given.color is None
        self.color = given.color or guess_color(self.width, self.height, full)
        return self.color


def read_all(file: Any, size: int) -> bytes:
    """So many bytes; fewer, where the stream ends."""
    parts, left = [], size
    while left > 0 and (part := file.read(min(left, 1 << 24))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


# ---- raw frames ----

_CHANNELS = {"rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4, "gray8": 1}


class Raw(Packed):
    advice = "; --size or --format may be another"

    def __init__(self, size: tuple[int, int], format: str, given: Given) -> None:
        self.width, self.height = size
        self._format = format
        if format in _CHANNELS:
            self.frame_bytes = self.width * self.height * _CHANNELS[format]
        else:
            self.frame_bytes = _planar_bytes(self.width, self.height, 2, 2)
            self._take_color(given, False)

    def frame(self, pixels: bytes, given: Given) -> Frame:
        if self._format in _CHANNELS:
            shape = self.height, self.width, _CHANNELS[self._format]
            planes: list[Bytes] = [np.frombuffer(pixels, np.uint8).reshape(shape)]
        else:
            planes = _planes(pixels, self.width, self.height, 2, 2)
        if self._format == "nv12":
            chroma = np.concatenate([plane.ravel() for plane in planes[1:]])
            planes = [planes[0], chroma.reshape(*planes[1].shape, 2)]
        color = self.color or "bt601-limited"
        return Frame(*planes, format=self._format, color=color, **self._shown(given))


# ---- NumPy ----


class Numpy(Packed):
    """An array of bytes [frames][height][width][3]."""

    def __init__(self, file: Any) -> None:
        shape = _array_shape(file)
        self.count, self.height, self.width = shape[:3]
        if max(self.height, self.width) > MAX_SIDE:
            raise ValueError(f"frames of more than {MAX_SIDE} pixels a side")
        self.frame_bytes = self.height * self.width * 3

    def frame(self, pixels: bytes, given: Given) -> Frame:
        array = np.frombuffer(pixels, np.uint8).reshape(self.height, self.width, 3)
        return Frame(array, **self._shown(given))


def _array_shape(file: Any) -> tuple[int, ...]:
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        raise ValueError("not a NumPy file") from None
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"a NumPy file of version {version[0]}.{version[1]}; 1.0 to 3.0 are known")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
        np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(file)
    except (ValueError, EOFError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"the NumPy header is malformed: {error}") from None
    if dtype != np.uint8:
        raise ValueError(f"the array is of type '{dtype.str}'; bytes, '|u1', are needed")
    if fortran:
        raise ValueError("the array is in Fortran order; C order is needed")
    if len(shape) != 4 or shape[3] != 3:
        last = ", the last of them not 3" if len(shape) == 4 else ""
        raise ValueError(
            f"an array of {len(shape)} dimensions{last}; [frames][height][width][3] is needed"
        )
    return tuple(shape)


# ---- YUV4MPEG2 ----


class _Layout(NamedTuple):
    columns: int
    """Pixels that share a chroma sample: across; 0: there is no chroma."""
    rows: int
    """The same, down."""
    bits: int = 8

    @property
    def across_and_down(self) -> tuple[int, int]:
        return self.columns, self.rows


_LAYOUTS = {
    "420jpeg": (2, 2), "420mpeg2": (2, 2), "420paldv": (2, 2), "420": (2, 2),
    "mono": (0, 0), "444": (1, 1), "422": (2, 1), "411": (4, 1),
}


class Y4m(Packed):
    """8-bit 4:2:0 and grey as they are, everything else as RGB or rounded to 8 bits."""

    def __init__(self, file: Any, given: Given) -> None:
        self.width = self.height = 0
        self._layout = _Layout(2, 2)
        self._has_layout = self._full = self._limited = False
        for word in self._words(file):
            self._take_parameter(word)
        if not self.width or not self.height:
            raise ValueError("the Y4M header lacks W or H")
        if self._limited and not self._layout.columns:
            raise ValueError("Y4M of Cmono in limited range; grey frames must be of full range "
                             "(ffmpeg -pix_fmt gray makes them)")
        if self._layout.columns:
            self._take_color(given, self._full)
        self.line_bytes = len("FRAME\n")
        samples = _planar_bytes(self.width, self.height, *self._layout.across_and_down)
        self.frame_bytes = samples * (1 if self._layout.bits == 8 else 2)

    def _words(self, file: Any) -> list[str]:
        line = _read_line(file)
        if b"\0" in line:
            raise ValueError("the Y4M header holds a byte that is 0")
        words = line.decode("utf-8", "surrogateescape").split(" ")
        if words[0] != "YUV4MPEG2":
            raise ValueError("not a Y4M stream: it does not begin with YUV4MPEG2")
        return [word for word in words[1:] if word]

    def _take_parameter(self, word: str) -> None:
        kind, text = word[0], word[1:]
        if kind == "W":
            self.width = _side(text)
        elif kind == "H":
            self.height = _side(text)
        elif kind == "C":
            self._has_layout, self._layout = True, _layout_of(text)
        elif kind == "A":
            self.aspect = _aspect_of(text)
        elif kind == "F":
            self.rate = ratio if (ratio := _ratio(text)) and all(ratio) else None
        elif kind == "I":
            self.interlaced = text[:1] in tuple("tbm")
        elif kind == "X":
            self._full |= text == "COLORRANGE=FULL"
            self._limited |= text == "COLORRANGE=LIMITED"
            if text.startswith("YSCSS=") and not self._has_layout:
                self._layout = _layout_of(text[6:])

    def begin(self, file: Any, number: int) -> None:
        line = _read_line(file)
        if line != b"FRAME" and not line.startswith(b"FRAME "):
            raise ValueError(f"frame {number} does not begin with FRAME")

    def frame(self, pixels: bytes, given: Given) -> Frame:
        across, down = self._layout.across_and_down
        samples = np.frombuffer(pixels, np.uint8)
        if self._layout.bits > 8:
            samples = round_to_bytes(samples.view("<u2"), self._layout.bits)
        planes = _planes(samples, self.width, self.height, across, down)
        shown = self._shown(given)
        if not across:
            return Frame(*planes, format="gray8", **shown)
        assert self.color is not None
        if (across, down) == (2, 2):
            return Frame(*planes, format="i420", color=self.color, **shown)
        y, cb, cr = planes
        return Frame(planes_to_rgb(y, cb, cr, self.color), **shown)


def _read_line(file: Any) -> bytes:
    """Up to a newline, which is dropped."""
    line: bytes = file.readline(_MAX_LINE + 1)
    if line.endswith(b"\n"):
        return line[:-1]
    if len(line) > _MAX_LINE:
        raise ValueError(f"a Y4M line of more than {_MAX_LINE} bytes")
    raise ValueError("a Y4M line is cut short")


def _side(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text) or not 1 <= int(text) <= MAX_SIDE:
        raise ValueError(f"the Y4M header states a side of '{text[:20]}' pixels; 1 to {MAX_SIDE} are "
                         "accepted")
    return int(text)


def _layout_of(text: str) -> _Layout:
    """The name of a layout; "p10" and its like may follow, "10" behind mono."""
    for name, (columns, rows) in _LAYOUTS.items():
        depth = re.fullmatch(rf"{name}(?:{'p?' if columns else ''}([0-9]{{1,2}}))?", text, re.IGNORECASE)
        if depth and 8 <= int(depth[1] or 8) <= 16:
            return _Layout(columns, rows, int(depth[1] or 8))
    raise ValueError(f"Y4M of colour space '{text[:20]}'; C420, C422, C444, C411 and Cmono of 8 to "
                     "16 bits can be read (ffmpeg -pix_fmt yuv420p makes C420)")


def _ratio(text: str) -> tuple[int, int] | None:
    """"N:M", nothing else."""
    found = re.fullmatch("([0-9]{1,18}):([0-9]{1,18})", text)
    pair = (int(found[1]), int(found[2])) if found else (_MAX_INT32 + 1, 0)
    return pair if max(pair) <= _MAX_INT32 else None


def _aspect_of(text: str) -> tuple[int, int] | None:
    ratio = _ratio(text)
    if ratio is None:
        raise ValueError(f"the Y4M header states an aspect of '{text[:20]}'")
    return limited_aspect(ratio)


def limited_aspect(ratio: tuple[int, int]) -> tuple[int, int] | None:
    """One that the library takes, nearly the same; None where a number is 0."""
    across, down = ratio
    while max(across, down) > MAX_ASPECT:
        across, down = across // 2 + across % 2, down // 2 + down % 2
    return (across, down) if across and down else None


# ---- planes ----


def _planar_bytes(width: int, height: int, across: int, down: int) -> int:
    chroma = 2 * -(-width // across) * -(-height // down) if across else 0
    return width * height + chroma


def _planes(pixels: Any, width: int, height: int, across: int, down: int) -> list[Bytes]:
    """Y, Cb and Cr, or Y alone."""
    samples = np.frombuffer(pixels, np.uint8)
    luma = samples[: width * height].reshape(height, width)
    if not across:
        return [luma]
    rows, columns = -(-height // down), -(-width // across)
    chroma = samples[width * height :].reshape(2, rows, columns)
    return [luma, chroma[0], chroma[1]]
