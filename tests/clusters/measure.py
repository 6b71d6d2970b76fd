"""Measures on this machine what tests/clusters/simulate.py draws from:

    python -m tests.clusters.measure MODEL FOLDER OF VIDEOS [--backbone B] [--precision P] [--files N]

prints one JSON object: what the clips of the folder take of a worker while all processors have one, what
a worker takes to start, and what it reads.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dualpath._job import Job
from dualpath._processes import Processes, Task
from dualpath.model import Model
from dualpath.worker import Worker

QUANTILES = np.linspace(0, 1, 21)
STARTS = 3


def main() -> None:
    options = arguments()
    paths = sorted(str(path) for path in Path(options.videos).rglob("*") if path.is_file())
    paths = paths[::max(len(paths) // options.files, 1)][:options.files]
    with tempfile.TemporaryDirectory() as cache:
        job = Job.of(options.model, backbone=options.backbone, precision=options.precision, cache=cache)
        compiled = job._compiled()
        known = {"processor": processor(), "model": os.path.basename(options.model),
                 "precision": options.precision, "clips": len(paths),
                 "clip_bytes": round(float(np.mean([os.path.getsize(path) for path in paths]))),
                 "model_bytes": os.path.getsize(compiled), "import_s": start_seconds(),
                 "first_s": {"cold": first_seconds(compiled, paths[0], is_cold=True),
                             "warm": first_seconds(compiled, paths[0], is_cold=False)},
                 **times(compiled, paths)}
    print(json.dumps(known))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("videos")
    parser.add_argument("--backbone")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--files", type=int, default=212)
    return parser.parse_args()


def times(compiled: str, paths: list[str]) -> dict:
    """Milliseconds of a clip, as quantiles, with a worker on each processor."""
    workers = len(os.sched_getaffinity(0))
    with Model(compiled) as model, Processes(workers, functools.partial(Worker, model)) as processes:
        tasks = (Task(number, path) for number, path in enumerate(paths))
        start = time.perf_counter()
        records = [record for _, record in processes.answers(tasks)]
        seconds = time.perf_counter() - start
    assert all(record.error is None for record in records), "a clip could not be used"
    return {"workers": workers, "files_per_second": round(len(paths) / seconds, 3),
            **{name: quantiles_of([getattr(record, name) for record in records])
               for name in ("decode_ms", "compute_ms")}}


def quantiles_of(numbers: list[float]) -> list[float]:
    return [round(float(one), 2) for one in np.quantile(numbers, QUANTILES)]


def start_seconds() -> float:
    """Until a worker's process could open a model."""
    command = [sys.executable, "-c", "import av, pyarrow.parquet, dualpath._job"]
    return median_of(lambda: subprocess.run(command, check=True))


def first_seconds(compiled: str, path: str, is_cold: bool) -> float:
    """Opening the compiled model, and one clip, with the model's pages on the disk or in memory."""

    def first() -> None:
        with Model(compiled) as model:
            assert Worker(model)(path).error is None

    return median_of(first, functools.partial(forget, compiled) if is_cold else None)


def forget(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def median_of(function, before=None) -> float:
    seconds = []
    for _ in range(STARTS):
        if before is not None:
            before()
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return round(float(np.median(seconds)), 4)


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
