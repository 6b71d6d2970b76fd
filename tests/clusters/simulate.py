"""How long a job takes on many machines, calculated and simulated:

    python -m tests.clusters.simulate [--measured NAME] [--machines N] [--clips N] ...

The calculation divides the work by the processors. The simulation draws clips from measured times
(tests/clusters/measured.json, made by tests/clusters/measure.py), and adds what goes wrong: machines that
start late, are slow or fail, and the last batches, for which the others wait. The same seed gives the
same numbers.
"""

from __future__ import annotations

import argparse
import heapq
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

MEASURED = Path(__file__).with_name("measured.json")
_SPECULATE_AFTER = 1.5  # medians of a batch, as Spark has it by default


@dataclass(frozen=True)
class Cluster:
    """What is asked, and what is assumed. Seconds, unless a name says otherwise."""

    clips: int = 10_000_000
    machines: int = 1000
    processors: int = 32
    batch: int = 64
    start: float = 60.0
    """Of a machine, until its workers begin: uniform from this to twice this."""
    slow_machines: float = 0.02
    """Share of machines that are slower,"""
    slow_factor: float = 3.0
    """by this."""
    hours_to_failure: float = 1000.0
    """Mean time of one machine."""
    repair: float = 300.0
    """Until a machine that failed, or another one, works again."""
    detect: float = 30.0
    """Until its batches are given to others."""
    speculate: bool = True
    """Whether workers without work repeat batches that take long."""
    storage_gbytes: float = 40.0
    """A second, of all machines together."""
    seed: int = 1


class Work(NamedTuple):
    """Of one clip."""

    decode_ms: np.ndarray
    """Quantiles in even steps."""
    compute_ms: np.ndarray
    clip_bytes: float

    def seconds(self) -> float:
        return (mean_of(self.decode_ms) + mean_of(self.compute_ms)) / 1000


class Outcome(NamedTuple):
    hours: float
    machine_hours: float
    busy: float
    """Share of the processors' time that went into answers that count."""
    repeated: int
    """Batches that were lost with a machine."""
    copies: int
    """Batches that a second worker tried as well."""


def mean_of(quantiles: np.ndarray) -> float:
    return float(np.mean((quantiles[1:] + quantiles[:-1]) / 2))


def work_of(name: str) -> Work:
    known = json.loads(MEASURED.read_text())[name]
    return Work(np.array(known["decode_ms"]), np.array(known["compute_ms"]), known["clip_bytes"])


def slowed_by_storage(work: Work, cluster: Cluster) -> float:
    """How much longer a clip takes where the machines together read faster than storage delivers."""
    wanted = cluster.machines * cluster.processors / work.seconds() * work.clip_bytes
    return max(wanted / (1e9 * cluster.storage_gbytes), 1.0)


def calculate(work: Work, cluster: Cluster) -> float:
    """Hours: the mean start and the work, shared evenly, at the speed of all machines together."""
    speed = 1 - cluster.slow_machines * (1 - 1 / cluster.slow_factor)
    workers = cluster.machines * cluster.processors
    busy = cluster.clips * work.seconds() * slowed_by_storage(work, cluster) / (workers * speed)
    return (1.5 * cluster.start + busy) / 3600


class Simulation:
    def __init__(self, work: Work, cluster: Cluster) -> None:
        self._cluster = cluster
        self._random = np.random.default_rng(cluster.seed)
        self._batches = self._draw_batches(work)
        self._factors = np.where(self._random.random(cluster.machines) < cluster.slow_machines,
                                 cluster.slow_factor, 1.0)
        self._failures = [[self._next_failure(0.0)] for _ in range(cluster.machines)]
        starts = cluster.start * (1 + self._random.random(cluster.machines))
        self._free = [(float(starts[machine]), worker, machine) for worker, machine in enumerate(
            np.repeat(np.arange(cluster.machines), cluster.processors).tolist())]
        heapq.heapify(self._free)
        self._repeated = self._copies = 0

    def _draw_batches(self, work: Work) -> np.ndarray:
        """Seconds of each batch on a machine that is not slow."""
        cluster, total = self._cluster, []
        slowed = slowed_by_storage(work, cluster)
        for start in range(0, cluster.clips, cluster.batch * 1024):
            count = min(cluster.batch * 1024, cluster.clips - start)
            clips = sum(np.interp(self._random.random(count), np.linspace(0, 1, len(quantiles)), quantiles)
                        for quantiles in (work.decode_ms, work.compute_ms))
            total.append(np.add.reduceat(clips, np.arange(0, count, cluster.batch)))
        return np.concatenate(total) * slowed / 1000

    def _next_failure(self, after: float) -> float:
        return after + float(self._random.exponential(3600 * self._cluster.hours_to_failure))

    def run(self) -> Outcome:
        ends = self._run_all()
        if self._cluster.speculate:
            self._speculate(ends)
        last = max(end for end, _ in ends.values())
        workers = self._cluster.machines * self._cluster.processors
        return Outcome(last / 3600, last * self._cluster.machines / 3600,
                       float(self._batches.sum()) / (last * workers), self._repeated, self._copies)

    def _run_all(self) -> dict[int, tuple[float, float]]:
        """When each batch ended and began."""
        waiting = [(0.0, batch) for batch in range(len(self._batches))]
        ends: dict[int, tuple[float, float]] = {}
        while waiting:
            since, batch = heapq.heappop(waiting)
            free, worker, machine = heapq.heappop(self._free)
            begin, failure = self._up(machine, max(free, since))
            end = begin + self._batches[batch] * self._factors[machine]
            if failure < end:
                heapq.heappush(waiting, (failure + self._cluster.detect, batch))
                self._repeated += 1
                end = failure + self._cluster.repair
            else:
                ends[batch] = (end, begin)
            heapq.heappush(self._free, (float(end), worker, machine))
        return ends

    def _up(self, machine: int, moment: float) -> tuple[float, float]:
        """From when on a machine works, and when it fails next."""
        failures, repair = self._failures[machine], self._cluster.repair
        for failure in failures:
            if failure > moment:
                return moment, failure
            moment = max(moment, failure + repair)
        failures.append(self._next_failure(moment))
        return moment, failures[-1]

    def _speculate(self, ends: dict[int, tuple[float, float]]) -> None:
        """The batches that end last are tried by workers that have nothing to do."""
        patience = _SPECULATE_AFTER * float(np.median(self._batches))
        last_first = sorted(ends, key=lambda batch: -ends[batch][0])
        for batch in last_first[:len(self._free)]:
            end, begin = ends[batch]
            free, worker, machine = heapq.heappop(self._free)
            copy_end = max(free, begin + patience) + self._batches[batch] * self._factors[machine]
            if free >= end or copy_end >= end:
                heapq.heappush(self._free, (free, worker, machine))
                continue
            ends[batch] = (copy_end, begin)
            self._copies += 1
            heapq.heappush(self._free, (float(copy_end), worker, machine))


def simulate(work: Work, cluster: Cluster) -> Outcome:
    return Simulation(work, cluster).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", help="one of measured.json (default: all)")
    parser.add_argument("--price", type=float, default=0.04, help="of a processor for an hour")
    for field in fields(Cluster):
        kind = (lambda text: text == "yes") if field.type == "bool" else type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    options = vars(parser.parse_args())
    measured, price = options.pop("measured"), options.pop("price")
    cluster = Cluster(**options)
    print(f"{'measured':24} {'ms a clip':>9} {'GB/s':>6} {'calculated':>10} {'simulated':>9} {'busy':>5} "
          f"{'repeated':>8} {'copies':>6} {'price':>8}")
    for name in [measured] if measured else json.loads(MEASURED.read_text()):
        work = work_of(name)
        outcome = simulate(work, cluster)
        read = cluster.clips * work.clip_bytes / outcome.hours / 3600 / 1e9
        print(f"{name:24} {1000 * work.seconds():9.1f} {read:6.2f} {60 * calculate(work, cluster):8.1f} m "
              f"{60 * outcome.hours:7.1f} m {outcome.busy:5.0%} {outcome.repeated:8} {outcome.copies:6} "
              f"{price * outcome.machine_hours * cluster.processors:8.0f}")


if __name__ == "__main__":
    main()
