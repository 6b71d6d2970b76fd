"""What the tests of ``python -m dualpath`` share: the program in C beside it, and clips."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dualpath
from dualpath.program import main as python_main

TIMINGS = re.compile(rb'"timings": \{[^}]*\}')


class Ended:
    """How a program ended, without what differs from run to run."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status, self.out, self.err = status, TIMINGS.sub(b'"timings": null', out), err

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"status {self.status}\n{self.out.decode()}\n{self.err.decode()}"


@pytest.fixture
def both(program, capfdbinary, monkeypatch):
    """Runs both programs, and answers with how they ended if that is the same."""

    def run(*arguments, stdin: bytes = b"", same_errors: bool = True) -> Ended:
        given = [os.fspath(argument) for argument in arguments]
        in_c = subprocess.run([program, *given], input=stdin, capture_output=True, check=False)
        in_python = run_python(capfdbinary, monkeypatch, given, stdin)
        expected = Ended(in_c.returncode, in_c.stdout, in_c.stderr)
        if not same_errors:
            expected.err = in_python.err
        assert in_python == expected
        return in_python

    return run


def run_python(capture, monkeypatch, arguments, stdin: bytes = b"") -> Ended:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
    capture.readouterr()
    try:
        status = python_main.main(arguments)
    except SystemExit as end:  # of argparse
        status = end.code
    return Ended(status, *capture.readouterr())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, released):
    """Clips of one picture show in many forms."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(3)
    rgb = random.integers(0, 256, (40, 24, 32, 3), np.uint8)
    np.save(folder / "clip.npy", rgb)
    (folder / "clip.rgb").write_bytes(rgb.tobytes())
    for name in ("420", "420p10", "422", "444p12", "411", "mono", "mono16", "420mpeg2"):
        (folder / f"{name}.y4m").write_bytes(y4m(name, 37, 21, 40, random))
    np.save(folder / "given.npy", rgb[:16])
    return folder


def y4m(layout: str, width: int, height: int, count: int, random, header: str = "F30000:1001") -> bytes:
    across, down = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "411": (4, 1)}.get(layout[:3], (0, 0))
    depth = re.fullmatch(r"(?:[0-9]{3}p|mono)([0-9]+)", layout)
    chroma = 2 * -(-width // across) * -(-height // down) if across else 0
    bits = int(depth[1]) if depth else 8
    kind = np.uint8 if bits == 8 else np.dtype("<u2")
    frames = random.integers(0, 1 << bits, (count, width * height + chroma)).astype(kind)
    head = f"YUV4MPEG2 W{width} H{height} {header} C{layout}\n".encode()
    return head + b"".join(b"FRAME\n" + frame.tobytes() for frame in frames)


def known(ended: Ended) -> dict:
    """What JSON says, but for the name of the input."""
    return {**json.loads(ended.out), "input": None}


@pytest.fixture
def hostile(released, tmp_path):
    """A model whose labels steer terminals, close quotes and are not UTF-8."""
    data = Path(released.model).read_bytes()
    with dualpath.Model(released.model) as model:
        labels = model.labels
    for label, end in zip(labels, [b"\x1b[31m", b'"\\,\r\n', "\u202e<b>".encode(), b"\xff\xfe{}", "\u00e4".encode()]):
        old = len(label).to_bytes(8, "little") + label.encode()
        assert data.count(old) == 1
        data = data.replace(old, len(label).to_bytes(8, "little") + end.rjust(len(label), b"x")[:len(label)])
    path = tmp_path / "hostile.gguf"
    path.write_bytes(data)
    return path
