"""What the tests of the binding share: programs and interpreters of their own, the header."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import dualpath

TIERS = ["c", "avx2", "avx2-vnni", "avx512", "avx512-vnni", "amx"]
TIERS += ["neon", "neon-dot", "neon-i8mm"]
HEADER = ROOT / "include" / "dualpath.h"
PACKAGE_ROOT = Path(dualpath.__file__).resolve().parents[1]


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def compile_c(source: str, output: Path, *flags: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    file = output.with_suffix(".c")
    file.write_text(source)
    command = [compiler, f"-I{HEADER.parent}", *flags, str(file), "-o", str(output)]
    subprocess.run(command, check=True)


def evaluate_c(expressions: list[str], folder: Path) -> list[int]:
    """What integer constant expressions are in a program that includes the header."""
    if not HEADER.exists():
        pytest.skip("the header is not here: not a source tree")
    lines = "".join(f'    printf("%lld\\n", (long long)({e}));\n' for e in expressions)
    source = f'#include "dualpath.h"\n#include <stdio.h>\nint main(void) {{\n{lines}}}\n'
    compile_c(source, folder / "constants")
    output = subprocess.run([folder / "constants"], check=True, capture_output=True, text=True)
    return [int(line) for line in output.stdout.split()]


class Trickle:
    """A file that can only be read, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._sizes = itertools.cycle((1, 7, 1000))

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, next(self._sizes)))
