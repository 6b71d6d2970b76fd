"""Lists of labelled clips, and their frames: decoded once, then kept as arrays in a cache folder.

A list is a CSV file with the columns path, split and label, or a folder that has a folder of
videos for each class.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._lists import is_array, load_array, read_array, read_list, with_classes
from ..video import iterate_pictures

Frames = npt.NDArray[np.uint8]  # [n][H][W][3]

_MADE = 2  # how decode() makes frames: those of another number are made again
UNNAMED = -1  # the class of a clip whose class has a name, where names have no numbers
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".npy")


class Clip(NamedTuple):
    """A video file and its class."""

    path: str
    label: int


def read_clips(source: str, split: str | None = None, labels: list[str] | None = None
               ) -> list[Clip]:
    """The clips of a CSV list (those of a split) or of a folder of folders."""
    if os.path.isdir(source):
        clips = _from_folder(os.path.join(source, split) if split else source, labels)
    else:
        clips = _from_list(source, split, labels)
    if not clips:
        raise ValueError(f"{source} holds no clip" + (f" of the split {split!r}" if split else ""))
    return clips


def _from_list(path: str, split: str | None, labels: list[str] | None) -> list[Clip]:
    root, listed = os.path.dirname(path), read_list(path, split)
    if labels:
        classes = with_classes(path, listed, labels)
    else:
        classes = [(clip, _number(label)) for clip, label in listed]
    return [Clip(os.path.join(root, clip), label) for clip, label in classes]


def _number(label: str) -> int:
    return int(label) if label.isdecimal() else UNNAMED


def class_folders(folder: str) -> list[str]:
    """The names of the folders in a folder, sorted: the labels of what is in them."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _from_folder(folder: str, labels: list[str] | None) -> list[Clip]:
    names = class_folders(folder)
    known = names if labels is None else labels
    strange = [name for name in names if name not in known]
    if strange:
        raise ValueError(f"{folder}: the folder {strange[0]!r} is not a label")
    return [
        Clip(os.path.join(folder, name, file), known.index(name))
        for name in names
        for file in sorted(os.listdir(os.path.join(folder, name)))
        if file.lower().endswith(VIDEO_SUFFIXES)
    ]


def stretch(frames: Frames, start: int, count: int) -> Frames:
    """So many frames from there on, the last one repeated if there are fewer."""
    return frames[[min(start + i, len(frames) - 1) for i in range(count)]]


def decode(path: str, rate: int, side: int) -> Frames:
    """Every ``rate``-th frame of a video ``[n][H][W][3]``, those whose shorter side is at least
    twice ``side`` shrunk by a whole number. Of an array file all, as where it is evaluated."""
    frames = read_array(path) if is_array(path) else iterate_pictures(path, rate)
    return np.stack([_shrink(frame, side) for frame in frames])


def _shrink(frame: Frames, side: int) -> Frames:
    step = max(min(frame.shape[:2]) // side, 1)
    if step == 1:
        return frame
    height, width = (size // step for size in frame.shape[:2])
    blocks = frame[: height * step, : width * step].reshape(height, step, width, step, 3)
    return np.asarray(blocks.mean((1, 3)).round(), np.uint8)


class Cache:
    """Every ``rate``-th frame of a video, as ``decode`` makes them, as an array on disk."""

    def __init__(self, folder: str, rate: int, side: int) -> None:
        self.folder, self.rate, self.side = folder, rate, side
        os.makedirs(folder, exist_ok=True)

    def frames(self, path: str) -> Frames:
        """``[n][H][W][3]``, mapped from the cache; made when it is not there."""
        kept = os.path.join(self.folder, self._name(path))
        if not os.path.exists(kept):
            partial = f"{kept}.{os.getpid()}.npy"
            np.save(partial, decode(path, self.rate, self.side))
            os.replace(partial, kept)
        array: Frames = load_array(kept, mapped=True)
        return array

    def step(self, path: str, rate: int) -> int:
        """How far apart of these frames every so many-th of the video is, by a multiple of the
        cache's rate; of an array file all are taken."""
        return 1 if is_array(path) else rate // self.rate

    def _name(self, path: str) -> str:
        status = os.stat(path)
        rate = 1 if is_array(path) else self.rate
        key = (_MADE, os.path.abspath(path), status.st_size, status.st_mtime_ns, rate, self.side)
        return hashlib.sha256(repr(key).encode()).hexdigest()[:32] + ".npy"
