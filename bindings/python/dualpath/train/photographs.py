"""Prepares pre-training: pictures as arrays, and what a teacher says about each.

    python -m dualpath.train.photographs FOLDER WORK --split train --teacher BACKBONE
    python -m dualpath.train.photographs LIST.csv WORK --split train --name frames --teacher BACKBONE

FOLDER holds SPLIT.webp.bin, image files back to back, and SPLIT.index.npz with their offsets and
labels. A list of clips gives frames, the middle square of every few; they have no labels.

Writes WORK/NAME_x.npy, bytes [n][R][R][3], and WORK/NAME_y.npy (-1: no label), NAME being the split
unless it is given; with a teacher, which is an image transformer, also WORK/NAME_tokens.npy. Needs
Pillow.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._backbone import OPTIONS
from .._lists import is_array, read_array
from .._refused import Refused, ending_in_a_sentence, if_damaged
from .checkpoint import check_stated, fill, read_weights, sizes_of
from .clips import read_clips
from .config import Config
from .model import VisionTransformer

BATCH = 50


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

    from ..video import iterate_video

    squares = []
    for clip in read_clips(source, split):
        path = clip.path
        for frame in read_array(path)[::every] if is_array(path) else iterate_video(path, every):
            height, width = frame.shape[:2]
            short = min(height, width)
            x, y = (width - short) // 2, (height - short) // 2
            box = (x, y, x + short, y + short)
            square = Image.fromarray(np.ascontiguousarray(frame)).resize((side, side), box=box)
            squares.append(np.asarray(square))
    return np.stack(squares), np.full(len(squares), -1, np.int64)


class Teacher:
    """An image transformer that says what pictures are: with erf GELU, for pixels in -1 to 1, as timm's
    are. Others state what they are, or are CLIP's."""

    def __init__(self, path: str, side: int) -> None:
        weights, half = read_weights(path), (0.5, 0.5, 0.5)
        sizes = sizes_of(weights)
        if sizes["pre_norm"]:
            raise Refused(f"{path} has a norm before its blocks, as CLIP has: it is no teacher")
        config = Config(**sizes, heads=sizes["width"] // 64, image_size=side, position_grid=False,
                        mean=half, std=half)
        check_stated(path, weights.stated, config, OPTIONS, "a teacher")
        self.side = side
        self.visual = VisionTransformer(config).eval()
        fill(self.visual, weights)

    @torch.inference_mode()
    def answer(self, pixels: np.ndarray[Any, Any]) -> Tensor:
        """Tokens ``[n][N][D]`` of bytes ``[n][.][.][3]``."""
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        size = (self.side, self.side)
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        with torch.autocast("cpu", torch.bfloat16):
            return self.visual.image_tokens(images).float()


def teach(teacher: Teacher, pixels: np.ndarray[Any, Any], prefix: str) -> None:
    """Writes what the teacher says about all photographs."""
    shape = (len(pixels), *teacher.answer(pixels[:1]).shape[1:])
    tokens = np.lib.format.open_memmap(prefix + "_tokens.npy", "w+", np.float16, shape)
    for start in range(0, len(pixels), BATCH):
        tokens[start : start + BATCH] = teacher.answer(pixels[start : start + BATCH]).numpy()
        if sys.stderr.isatty():
            print(f"\r{start} of {len(pixels)} photographs", end="", file=sys.stderr, flush=True)
    tokens.flush()


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
    parser.add_argument("--teacher", metavar="BACKBONE")
    parser.add_argument("--teacher-side", type=int, default=192, metavar="PIXELS")
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
    np.save(prefix + "_x.npy", pixels)
    np.save(prefix + "_y.npy", labels)
    if options.teacher:
        teach(Teacher(options.teacher, options.teacher_side), pixels, prefix)


if __name__ == "__main__":
    main()
