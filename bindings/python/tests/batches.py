"""What the tests of ``python -m dualpath batch`` share: clips, and runs of the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from videos import write_video

CLIPS = 4
TIMES = ("decode_ms", "compute_ms")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "dualpath", "batch", *map(os.fspath, arguments)]


def start(*arguments, **how) -> subprocess.Popen:
    """In a session of its own, so that all of its processes can be killed."""
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            start_new_session=True, **how)


def batch(*arguments, **how) -> Ran:
    process = start(*arguments, **how)
    out, err = process.communicate(timeout=300)
    return Ran(process.returncode, out.decode(), err.decode())


def rows_of(path: Path) -> list[dict]:
    """Of JSON lines, without what differs from run to run."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(CLIPS):
        write_video(folder / f"{number}.mp4", count=20 + number, seed=number)
    return folder


@pytest.fixture
def many(clips, tmp_path):
    """Makes a folder of so many long names for the clips."""

    def make(count: int) -> Path:
        folder = tmp_path / f"many-{count}"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:04}-{'x' * 40}.mp4").symlink_to(clips / f"{number % CLIPS}.mp4")
        return folder

    return make
