"""
Keeps the files of a case from run to run: they are made again when the sources or the packages that
make them have changed.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .case import Case
from .machine import package_versions

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "tests/reference/*.py",
    "tests/bench/network.py",
    "tests/bench/export.py",
    "bindings/python/dualpath/*.py",
)


def fingerprint(seed):
    digest = hashlib.sha256(repr((seed, package_versions())).encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def open_case(cache, preset, seed):
    """The case in its folder, which is named after what its files depend on. Others of the same
    preset are out of date and go."""
    case = Case(cache / f"{preset}-{fingerprint(seed)}", preset)
    for other in cache.glob(f"{preset}-*"):
        if other != case.folder and re.fullmatch(r"[0-9a-f]{12}", other.name[len(preset) + 1 :]):
            shutil.rmtree(other)
    return case


def make_missing(case, kinds, seed):
    """Makes those kinds of files that are not there yet, each in a process that gives its memory
    back. Why one could not be made, by kind."""
    failures = {}
    case.folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        if not (case.folder / kind).exists():
            print(f"making {case.folder / kind}", file=sys.stderr)
            reason = make_apart(case, kind, seed)
            if reason:
                failures[kind] = reason
    return failures


def make_apart(case, kind, seed):
    log = case.folder / f"{kind}.log"
    command = [sys.executable, "-m", "tests.bench.export", kind, case.folder, case.preset, seed]
    with open(log, "w", encoding="utf-8") as output:
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode == 0:
        return None
    lines = log.read_text(encoding="utf-8").split("\n")
    return next((line for line in reversed(lines) if line), "it failed") + f" (see {log})"
