"""Frames for the library: NumPy arrays described by pointers and strides, never copied.

Whatever a caller gives becomes a Snapshot before the call: descriptors, and plain arrays on the
memory that these point into. Each frame is asked for once. What happens to the caller's list, or to
objects that made frames for it, does not matter afterwards.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from ._advice import dtype_advice, refusal, shape_advice
from ._lib import dp_frame, integer, library, number_of, whole
from ._pixels import MAX_SIDE, make_square, make_upright, planes_to_rgb

MAX_ASPECT = 65536

_BY_CHANNELS = {1: "gray8", 3: "rgb24", 4: "rgba"}


class Frame:
    """One frame that is not plain RGB, RGBA or gray, has its planes in several arrays, or is turned.

    ``planes`` are uint8 arrays, referred to and not copied. With H and W the height and width in
    pixels, and h, w their halves rounded up:

    =========  =====================================
    format     planes
    =========  =====================================
    ``rgb24``  ``[H, W, 3]``
    ``bgr24``  ``[H, W, 3]``
    ``rgba``   ``[H, W, 4]``; alpha is not looked at
    ``bgra``   ``[H, W, 4]``; alpha is not looked at
    ``gray8``  ``[H, W]`` or ``[H, W, 1]``
    ``nv12``   Y ``[H, W]`` and CbCr ``[h, w, 2]``
    ``i420``   Y ``[H, W]``, Cb and Cr ``[h, w]``
    =========  =====================================

    Without ``format``, one plane is ``rgb24``, ``rgba`` or ``gray8`` by its channels. ``color``
    says how nv12 and i420 become RGB: ``bt601-limited``, ``bt601-full``, ``bt709-limited``,
    ``bt709-full``, ``bt2020-limited`` or ``bt2020-full``.

    Rows may lie at any distance, also a negative one; within a row the bytes must be adjacent.

    ``rotation`` and ``mirrored`` say how the picture becomes upright: if it is ``mirrored`` it is
    first mirrored left to right, then it is turned clockwise by ``rotation`` degrees, 0, 90, 180 or
    270. Nothing is copied, and the answer is that of the turned array, bit for bit::

        np.rot90(np.fliplr(pixels) if mirrored else pixels, -rotation // 90)

    The orientations 1 to 8 of EXIF have a rotation of 0, 0, 180, 180, 270, 90, 90 and 270; 2, 4, 5
    and 7 are mirrored.

    ``aspect`` is the shape of a stored pixel when it is shown, width to height, each 1 .. 65536: the
    model sees the picture in its right proportions.

    A Frame holds on to its planes and does not change; another frame is another object.
    """

    __slots__ = ("_planes", "_format", "_color", "_rotation", "_mirrored", "_aspect", "_snapshot")

    def __init__(
        self,
        *planes: npt.NDArray[np.uint8],
        format: str | None = None,
        color: str = "bt601-limited",
        rotation: int = 0,
        mirrored: bool = False,
        aspect: tuple[int, int] = (1, 1),
    ) -> None:
        if not planes:
            raise TypeError("a Frame needs at least one plane")
        self._format = format if format is not None else _guess_format(planes)
        self._color = color
        self._rotation = _rotation(rotation)
        self._mirrored = bool(mirrored)
        self._aspect = _aspect(aspect)
        code, channels = _layout(self._format)
        color_code = _color_code(color)
        if len(planes) != len(channels):
            raise ValueError(f"{self._format} has {len(channels)} planes, not {len(planes)}")
        self._planes = planes
        views = [_plane(p, c, self._format) for p, c in zip(planes, channels)]
        height, width = views[0].shape[:2]
        _check_chroma(views, self._format)
        descriptor = dp_frame(
            (ctypes.c_void_p * 3)(*(v.ctypes.data for v in views)),
            (ctypes.c_ssize_t * 3)(*(v.strides[0] for v in views)),
            width,
            height,
            code,
            color_code,
            self._rotation,
            self._mirrored,
            *self._aspect,
        )
        self._snapshot = Snapshot((dp_frame * 1)(descriptor), views)

    @property
    def planes(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """The arrays, as they were given."""
        return self._planes

    @property
    def format(self) -> str:
        """Such as "nv12"."""
        return self._format

    @property
    def color(self) -> str:
        """How nv12 and i420 become RGB, such as "bt601-limited"."""
        return self._color

    @property
    def rotation(self) -> int:
        """Degrees clockwise."""
        return self._rotation

    @property
    def mirrored(self) -> bool:
        """Whether it is mirrored before it is turned."""
        return self._mirrored

    @property
    def aspect(self) -> tuple[int, int]:
        """The shape of a stored pixel when it is shown, width to height."""
        return self._aspect

    def __reduce__(self) -> tuple[Any, ...]:
        options = (self._format, self._color, self._rotation, self._mirrored, self._aspect)
        return _rebuilt, (self._planes, *options)

    def __repr__(self) -> str:
        height, width = self._planes[0].shape[:2]
        turned = f", rotation={self._rotation}" if self._rotation else ""
        turned += ", mirrored=True" if self._mirrored else ""
        turned += f", aspect={self._aspect}" if self._aspect != (1, 1) else ""
        return f"Frame({width}x{height}, format={self._format!r}, color={self._color!r}{turned})"

    def to_rgb(self) -> npt.NDArray[np.uint8]:
        """The picture as it is shown, ``[H, W, 3]``: upright, and with square pixels.

        The colours are those that the library sees, rounded to bytes.
        """
        return make_square(
            make_upright(_rgb(self._planes, self._format, self._color), self._rotation, self._mirrored),
            self._aspect if self._rotation % 180 == 0 else self._aspect[::-1],
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """``to_rgb()``, for NumPy: ``np.stack(frames)`` is a clip."""
        if copy is False:
            raise ValueError("the picture of a Frame is made when it is asked for: it is a copy")
        return np.asarray(self.to_rgb(), dtype)


def _rebuilt(
    planes: tuple[npt.NDArray[np.uint8], ...],
    format: str,
    color: str,
    rotation: int,
    mirrored: bool,
    aspect: tuple[int, int],
) -> Frame:
    return Frame(
        *planes, format=format, color=color, rotation=rotation, mirrored=mirrored, aspect=aspect
    )


Frames = Union[
    npt.NDArray[np.uint8],
    Sequence[Union[npt.NDArray[np.uint8], Frame]],
]
"""What a clip may be: one array ``[T, H, W, 3]`` (RGB), ``[T, H, W, 4]`` (RGBA), ``[T, H, W]`` or
``[T, H, W, 1]`` (gray), or a list of arrays and Frame objects, whose sizes may differ."""


class Snapshot(NamedTuple):
    """Frames as the library reads them, for as long as this lives."""

    descriptors: ctypes.Array[dp_frame]
    arrays: list[npt.NDArray[np.uint8]]
    """What the descriptors point into."""


def describe(frames: Frames) -> Snapshot:
    """All frames of a clip, each of them asked for once."""
    if isinstance(frames, np.ndarray):
        return _describe_stack(np.asarray(frames))
    if isinstance(frames, (Frame, str, bytes, bytearray, memoryview)) or not isinstance(frames, Sequence):
        expected = "frames must be a uint8 array [T, H, W, 3] or a list of frames"
        raise refusal(expected, frames, "frames")
    given = list(itertools.islice(frames, len(frames)))
    if not given:
        raise ValueError("a clip needs at least one frame")
    taken = [(f if isinstance(f, Frame) else Frame(f))._snapshot for f in given]
    return Snapshot(
        (dp_frame * len(taken))(*(descriptor for one in taken for descriptor in one.descriptors)),
        [array for one in taken for array in one.arrays],
    )


def _describe_stack(frames: npt.NDArray[np.uint8]) -> Snapshot:
    if frames.ndim not in (3, 4):
        one = ": pass one clip at a time, as frames[i]" if frames.ndim == 5 else ""
        raise ValueError(
            f"frames must be [T, H, W, 3], [T, H, W, 4] or [T, H, W], {_not(frames)}{one}"
        )
    if frames.ndim == 4 and frames.shape[3] not in _BY_CHANNELS:
        raise ValueError(
            f"frames must be [T, H, W, 3] or [T, H, W, 4], {_not(frames)}"
            f"{shape_advice(frames.shape)}"
        )
    if frames.ndim == 3 and frames.shape[2] in (3, 4):
        raise ValueError(
            f"frames of shape {list(frames.shape)} are ambiguous: pass one RGB or RGBA frame as "
            "frame[None], gray frames as frames[..., None]"
        )
    if frames.shape[0] == 0:
        raise ValueError("a clip needs at least one frame")
    descriptors: ctypes.Array[dp_frame] = (dp_frame * frames.shape[0])()
    (first,) = Frame(frames[0])._snapshot.descriptors
    for t, descriptor in enumerate(descriptors):
        ctypes.pointer(descriptor)[0] = first
        descriptor.plane[0] = frames.ctypes.data + t * frames.strides[0]
    return Snapshot(descriptors, [frames])


def _guess_format(planes: tuple[Any, ...]) -> str:
    if len(planes) > 1:
        raise TypeError("a Frame of several planes needs a format: 'nv12' or 'i420'")
    if not isinstance(planes[0], np.ndarray):
        raise refusal("a frame must be a uint8 array or a Frame", planes[0], "frames")
    shape = planes[0].shape
    channels = 1 if len(shape) == 2 else shape[-1] if len(shape) == 3 else 0
    if channels not in _BY_CHANNELS:
        advice = ": pass one frame, as frames[i]" if len(shape) == 4 else shape_advice(shape)
        raise ValueError(f"a frame must be [H, W, 3], [H, W, 4] or [H, W], {_not(planes[0])}{advice}")
    return _BY_CHANNELS[channels]


def _plane(plane: Any, channels: int, format: str) -> npt.NDArray[np.uint8]:
    """The plane as [rows, columns, channels], once it is sure that the library can read it: a plain
    array on the same memory, whatever class the given one has."""
    if not isinstance(plane, np.ndarray):
        raise refusal("a plane must be a uint8 array", plane, "frames")
    view: npt.NDArray[np.uint8] = np.asarray(plane)
    if view.dtype != np.uint8:
        advice = dtype_advice(view.dtype.kind, view.dtype.itemsize)
        raise TypeError(f"frames must hold uint8 samples of 0 .. 255, not {view.dtype}{advice}")
    if view.ndim == 2 and channels == 1:
        view = view[:, :, None]
    if view.ndim != 3 or view.shape[2] != channels:
        wanted = f"[H, W, {channels}]" if channels > 1 else "[H, W]"
        raise ValueError(f"this plane of {format} must be {wanted}, {_not(plane)}")
    rows, columns = view.shape[:2]
    if not (1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE):
        raise ValueError(f"a frame's sides must be 1 .. {MAX_SIDE}, {_not(plane)}")
    if (channels > 1 and view.strides[2] != 1) or (columns > 1 and view.strides[1] != channels):
        raise ValueError(
            f"the bytes of a row must be adjacent, but this array of shape {list(plane.shape)} has "
            f"strides {list(plane.strides)}. Nothing is copied silently: pass "
            "numpy.ascontiguousarray(frames), and BGR pixels as Frame(pixels, format='bgr24')"
        )
    return view


def _check_chroma(planes: list[npt.NDArray[np.uint8]], format: str) -> None:
    rows, columns = planes[0].shape[:2]
    half = ((rows + 1) // 2, (columns + 1) // 2)
    for plane in planes[1:]:
        if plane.shape[:2] != half:
            raise ValueError(
                f"a chroma plane of {format} {columns}x{rows} must have {half[0]} rows and "
                f"{half[1]} columns, {_not(plane)}"
            )


def _rotation(degrees: int) -> int:
    degrees = whole("rotation", degrees)
    if degrees not in (0, 90, 180, 270):
        turn = f": {degrees} is {degrees % 360}" if degrees % 90 == 0 else ""
        raise ValueError(f"rotation must be 0, 90, 180 or 270 degrees, not {degrees}{turn}")
    return degrees


def _aspect(aspect: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(aspect, Sequence) or len(aspect) != 2:
        raise TypeError(f"aspect must be two numbers such as (16, 11), not {aspect!r}")
    across, down = aspect
    return integer("aspect", across, 1, MAX_ASPECT), integer("aspect", down, 1, MAX_ASPECT)


def _rgb(
    planes: tuple[npt.NDArray[np.uint8], ...], format: str, color: str
) -> npt.NDArray[np.uint8]:
    """The stored picture as ``[H, W, 3]``."""
    first = planes[0]
    if format == "i420":
        y, cb, cr = (plane.reshape(plane.shape[:2]) for plane in planes)
        return planes_to_rgb(y, cb, cr, color)
    if format == "nv12":
        return planes_to_rgb(first.reshape(first.shape[:2]), planes[1][..., 0], planes[1][..., 1], color)
    if format == "gray8":
        return np.repeat(first.reshape(*first.shape[:2], 1), 3, axis=2)
    return first[..., 2::-1] if format in ("bgr24", "bgra") else first[..., :3]


@functools.cache
def _color_code(color: str) -> int:
    return number_of("color", color)


@functools.cache
def _layout(format: str) -> tuple[int, tuple[int, ...]]:
    """The number of a format, and the bytes of a sample in each plane: those of one pixel's rows.
    Planes behind the first have half the rows and columns."""
    code, pixel = number_of("format", format), dp_frame()
    library().dp_frame_init_packed(ctypes.byref(pixel), code, None, 1, 1)
    return code, tuple(stride for stride in pixel.stride if stride)


def _not(array: npt.NDArray[Any]) -> str:
    return f"not of shape {list(array.shape)}"
