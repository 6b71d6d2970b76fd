"""A directory of PNG files, frame2.png before frame10.png. PyAV decodes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import video
from .._pixels import Bytes
from ..frames import Frame
from ..video import Shot, Stamps
from .inputs import Input


class Pictures(Input):
    def _names(self) -> list[str]:
        names = [name for name in os.listdir(self.subject)
                 if name.lower().endswith(".png") and not name.startswith(".")]
        if not names:
            raise ValueError("holds no .png files (JPEG files are for the program in C)")
        return sorted(names, key=_order)

    def expected(self) -> Stamps:
        with self._failing():
            return Stamps([None] * len(self._names()), None)

    def _shots(self) -> Iterator[Shot]:
        for name in self._names():
            yield Shot(None, lambda name=name: self._read(name))  # type: ignore[misc]

    def _read(self, name: str) -> Frame:
        path = os.path.join(self.subject, name)
        with self._failing():
            if not os.path.isfile(path):
                raise ValueError(f"{name}: not a regular file")
            with video.video_stream(path) as (container, stream):
                decoded = next(container.decode(stream), None)
            if decoded is None:
                raise ValueError(f"{name}: cannot be decoded")
            given = self._given
            return Frame(_rgb(decoded), rotation=given.rotation or 0,
                         mirrored=given.mirrored, aspect=given.aspect or (1, 1))


_CHANNELS = {"rgb48be": 3, "rgba64be": 4, "gray16be": 1, "ya16be": 2}  # of 16 bits, as PNG stores them


def _rgb(decoded: Any) -> Bytes:
    """``[H, W, 3]``, without alpha; samples of 16 bits are scaled as libpng does it."""
    channels = _CHANNELS.get(decoded.format.name)
    if channels is None:
        pixels: Bytes = np.ascontiguousarray(decoded.to_ndarray(format="rgb24"))
        return pixels
    plane = decoded.planes[0]
    rows = np.frombuffer(plane, ">u2", decoded.height * plane.line_size // 2).reshape(decoded.height, -1)
    samples = rows[:, : decoded.width * channels].reshape(decoded.height, decoded.width, channels)
    scaled = ((samples.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)
    return scaled[..., :3].copy() if channels > 2 else np.repeat(scaled[..., :1], 3, axis=2)


def _order(name: str) -> tuple[list[tuple[int, int]], bytes]:
    """Runs of digits count as numbers, and stand where digits stand among characters."""
    parts = re.findall(rb"\d+|.", os.fsencode(name), re.DOTALL)
    zero = ord("0")
    return [(zero, int(part)) if part.isdigit() else (part[0], 0) for part in parts], os.fsencode(name)
