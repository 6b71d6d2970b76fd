#!/usr/bin/env python3
"""A long film of real clips: each window of `dualpath watch` is what classify says of its frames.

    python tests/cli/check_film.py MODEL CLIPS [--minutes M] [--hop N] [--program build/dualpath]

CLIPS/list.csv has the columns path and split, as for `make check-clips`. Its test clips are joined by
ffmpeg, again and again until the film is long enough, each at its own rate. `watch --json` reads the
film, and PyAV decodes it beside that, for the frames of one window at a time.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import dualpath
from dualpath.video import iterate_video


def test_clips(folder: Path) -> list[Path]:
    with open(folder / "list.csv", newline="", encoding="utf-8") as file:
        paths = [folder / row["path"] for row in csv.DictReader(file) if row["split"] == "test"]
    films = [path for path in paths if path.suffix != ".npy"]
    if not films:
        raise SystemExit(f"{folder / 'list.csv'} has no film with split 'test'")
    return films


def seconds_of(path: Path) -> float:
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path],
        capture_output=True, text=True, check=True,
    )
    return float(said.stdout)


def join(clips: list[Path], minutes: float, seed: int, film: Path) -> tuple[int, float]:
    """How many clips there are in the film, and its minutes."""
    shuffled = random.Random(seed).sample(clips, len(clips))
    count, seconds = 0, 0.0
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        for clip in itertools.cycle(shuffled):
            if seconds >= 60 * minutes:
                break
            quoted = str(clip.resolve()).replace("'", "'\\''")
            names.write(f"file '{quoted}'\n")
            count, seconds = count + 1, seconds + seconds_of(clip)
        names.flush()
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", names.name,
             "-an", "-vsync", "vfr", "-c:v", "libx264", "-preset", "ultrafast", film],
            check=True,
        )
    return count, seconds / 60


class Frames:
    """The frames of a film, decoded as they are asked for; those before the ones asked for are gone."""

    def __init__(self, film: Path) -> None:
        self._frames = enumerate(iterate_video(film))
        self._kept: dict[int, dualpath.Frame] = {}

    def of(self, numbers: list[int]) -> list[dualpath.Frame]:
        self._kept = {n: frame for n, frame in self._kept.items() if n >= numbers[0]}
        while not self._kept or max(self._kept) < numbers[-1]:
            number, frame = next(self._frames)
            if number >= numbers[0]:
                self._kept[number] = frame
        return [self._kept[number] for number in numbers]


def windows_of(watch: subprocess.Popen[str]) -> Iterator[dict]:
    assert watch.stdout is not None
    for line in watch.stdout:
        yield json.loads(line)


def compare(watch: subprocess.Popen[str], film: Path, session: dualpath.Session) -> tuple[int, int, int]:
    """How many windows there are, how many have the same likeliest class, and how many the same bits."""
    frames = Frames(film)
    count = same_top = same_bits = 0
    for window in windows_of(watch):
        answer = session.classify(frames.of(window["frames"]), sampling="given")
        count += 1
        same_top += window["top"][0]["index"] == answer.top(1)[0].index
        same_bits += np.array_equal(np.float32(window["logits"]), answer.logits)
    return count, same_top, same_bits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("clips", metavar="CLIPS", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--hop", type=int, default=8)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", default="build/dualpath")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mkv"
        clips, minutes = join(test_clips(options.clips), options.minutes, options.seed, film)
        arguments = [options.program, "watch", options.model, film, "--json", "--quiet",
                     "--hop", str(options.hop), "--precision", options.precision]
        with dualpath.Model(options.model, precision=options.precision) as model, \
                dualpath.Session(model) as session, \
                subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as watch:
            count, same_top, same_bits = compare(watch, film, session)
            _, status, usage = os.wait4(watch.pid, 0)
            watch.returncode = os.waitstatus_to_exitcode(status)
    print(f"{options.precision}, a film of {minutes:.1f} minutes and {clips} clips, a hop of {options.hop}: "
          f"{count} windows, the same top-1 in {same_top}, the same bits in {same_bits}; "
          f"watch and its ffmpeg took at most {usage.ru_maxrss / 1024:.0f} MiB each")
    return 0 if watch.returncode == 0 and 0 < count == same_top == same_bits else 1


if __name__ == "__main__":
    sys.exit(main())
