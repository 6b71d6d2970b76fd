"""Prepares pre-training: pictures as arrays.

    python -m dualpath.train.photographs FOLDER WORK --split train
    python -m dualpath.train.photographs LIST.csv WORK --split train --name frames

FOLDER holds SPLIT.webp.bin, image files back to back, and SPLIT.index.npz with their offsets and
labels. A list of clips gives frames, the middle square of every few; they have no labels.

Writes WORK/NAME_x.npy, bytes [n][R][R][3], and WORK/NAME_y.npy (-1: no label), NAME being the split
unless it is given. Needs Pillow.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._lists import is_array, read_array
from .._refused import ending_in_a_sentence, if_damaged
from . import album
from .clips import read_clips


def decode(folder: str, split: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pixels ``[n][R][R][3]`` and labels ``[n]`` of a split."""
    from PIL import Image

    path = os.path.join(folder, split + ".index.npz")
    with if_damaged(f"{path} is not an index of offsets and labels"), np.load(path) as index:
        ends, labels = index["offset"], index["label"].astype(np.int64)
    path = os.path.join(folder, split + ".webp.bin")
    with open(path, "rb") as file:
        data = file.read()
    pixels = []
    for number, (begin, end) in enumerate(zip(ends[:-1], ends[1:])):
        try:
            picture = Image.open(io.BytesIO(data[begin:end])).convert("RGB")
        except OSError as error:
            raise ValueError(f"{path}: picture {number} cannot be decoded") from error
        pixels.append(np.asarray(picture))
    return np.stack(pixels), labels


def frames_of(source: str, split: str, every: int, side: int
              ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The middle squares of every so many-th frame of the clips of a split, ``[n][R][R][3]``."""
    from PIL import Image

    from ..video import iterate_pictures

    squares = []
    for clip in read_clips(source, split):
        path = clip.path
        for frame in read_array(path)[::every] if is_array(path) else iterate_pictures(path, every):
            height, width = frame.shape[:2]
            short = min(height, width)
            x, y = (width - short) // 2, (height - short) // 2
            box = (x, y, x + short, y + short)
            square = Image.fromarray(np.ascontiguousarray(frame)).resize((side, side), box=box)
            squares.append(np.asarray(square))
    return np.stack(squares), np.full(len(squares), -1, np.int64)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dualpath.train.photographs", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="FOLDER|LIST.csv")
    parser.add_argument("work")
    parser.add_argument("--split", default="train")
    parser.add_argument("--name", help="of the arrays (the split)")
    parser.add_argument("--every", type=int, default=5, metavar="N",
        help="of a list of clips, take every N-th frame (5)")
    parser.add_argument("--side", type=int, default=128, metavar="PIXELS", help="of frames (128)")
    options = parser.parse_args(arguments)
    with ending_in_a_sentence(parser.prog):
        _prepare(options)


def _prepare(options: argparse.Namespace) -> None:
    os.makedirs(options.work, exist_ok=True)
    if os.path.isdir(options.source):
        pixels, labels = decode(options.source, options.split)
    else:
        pixels, labels = frames_of(options.source, options.split, options.every, options.side)
    prefix = os.path.join(options.work, options.name or options.split)
    album.write(prefix, pixels, labels)


if __name__ == "__main__":
    main()
