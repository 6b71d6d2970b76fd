"""A test set for a model of camera motion: real videos, with a camera's movement on top.

    python -m dualpath.train.camera_set LIST.csv FOLDER --split test
    python -m dualpath.train.camera_set --measure MODEL.gguf FOLDER

The first command writes clips of each video of the list whose own camera stands still for as long
as a clip (stillness.py): ``FOLDER/NUMBER.npy``, bytes [16][128][128][3], each with a movement from a
fixed seed, and ``FOLDER/list.csv``, ``labels.txt``. With --any-camera of all videos: where a camera
moves by itself, labels are not what there is to see. The second command classifies them with the
library, forwards and backwards.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._lists import read_array, read_list, with_classes
from .._refused import ending_in_a_sentence
from ..evaluate import open_model
from ..session import Session
from .camera import LABELS, REVERSED

FRAMES, RATE, SIDE = 16, 4, 128
SOURCE_SIDE = 240  # of the videos, the shorter one, about
SEED = 20230614


def stretch_of(video: Any, any_camera: bool) -> Any:
    """Of frames ``[n][H][W][3]`` as many as a clip has, as near to the middle as the camera stands
    still, or in the middle in any case; None: it never stands still."""
    from .clips import stretch
    from .stillness import stands_still

    spare = max(len(video) - FRAMES, 0)
    starts = sorted(range(spare + 1), key=lambda start: abs(start - spare // 2))
    for start in starts[: 1 if any_camera else None]:
        frames = stretch(video, start, FRAMES)
        if any_camera or stands_still(frames):
            return frames
    return None


def render(video: Any, number: int) -> np.ndarray[Any, Any]:
    """The frames of a video with the movement of class ``number % classes``."""
    from . import pixels
    from .camera import Range, camera_path, windows
    from .loop import seeded
    from .video import as_pixels

    draw = seeded(SEED, number)
    amount = Range(travel=(0.25, 0.7), zoom=(1.35, 2.0), roll=(18.0, 50.0), shake=(0.025, 0.05))
    movement = camera_path(number % len(LABELS), FRAMES, amount, draw)
    frames = as_pixels(video)
    views = windows(movement, frames.shape[-2], frames.shape[-1], amount, draw)
    clip = pixels.look(frames, views, SIDE).round().clamp(0, 255).byte()
    array: np.ndarray[Any, Any] = clip.permute(0, 2, 3, 1).contiguous().numpy()
    return array


def write(source: str, folder: str, split: str | None, each: int, any_camera: bool) -> str:
    """Renders the clips of a list; words about how many there are."""
    from .clips import decode, read_clips

    os.makedirs(folder, exist_ok=True)
    videos = read_clips(source, split)
    rows: list[tuple[str, str, int]] = []
    for video in videos:
        frames = stretch_of(decode(video.path, RATE, SOURCE_SIDE), any_camera)
        if frames is None:
            continue
        for number in range(len(rows), len(rows) + each):
            np.save(os.path.join(folder, f"{number:04}.npy"), render(frames, number))
            rows.append((f"{number:04}.npy", split or "test", number % len(LABELS)))
    if not rows:
        raise ValueError(f"{source}: of {len(videos)} videos none has a camera that stands still")
    with open(os.path.join(folder, "list.csv"), "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "split", "label"), *rows])
    with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{label}\n" for label in LABELS)
    return f"{len(rows)} clips of {len(rows) // each} of {len(videos)} videos"


def measure(model: str, folder: str, precision: str | None, backbone: str | None = None) -> str:
    """Top-1, and how many clips swap their class when time runs backwards."""
    source = os.path.join(folder, "list.csv")
    clips = with_classes(source, read_list(source), LABELS)
    right, swapped, directed = 0, 0, 0
    with open_model(model, backbone, precision) as opened, Session(opened) as session:
        for path, label in clips:
            frames = list(read_array(os.path.join(folder, path)))
            there = session.classify(frames, rate=1).top(1)[0].index
            right += there == label
            if LABELS[label].split()[0] in ("pan", "zoom"):
                back = session.classify(frames[::-1], rate=1).top(1)[0].index
                directed += 1
                swapped += there == label and back == REVERSED[label]
    return (f"top-1: {right} of {len(clips)} clips, {right / len(clips):.1%}; "
            f"pan and zoom swapped in reverse: {swapped} of {directed}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dualpath.train.camera_set", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="list of videos; with --measure the weight file")
    parser.add_argument("folder")
    parser.add_argument("--split", help="of the list (all)")
    parser.add_argument("--each", type=int, default=3, metavar="N", help="clips of a video (3)")
    parser.add_argument("--any-camera", action="store_true", help="not only one that stands still")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--precision", choices=("f32", "bf16", "int8"))
    parser.add_argument("--backbone", metavar="MODEL", help="the weight file is a task of this one")
    options = parser.parse_args(arguments)
    if options.each < 1:
        parser.error(f"--each {options.each}: must be at least 1")
    with ending_in_a_sentence(parser.prog):
        if options.measure:
            print(measure(options.source, options.folder, options.precision, options.backbone))
        else:
            print(write(
                options.source, options.folder, options.split, options.each, options.any_camera))


if __name__ == "__main__":
    main()
