"""The paper's comparison, on one's own clips: ways of adapting one frozen image transformer, with equal
data and budget.

    python -m dualpath.train.compare COMPARISON.toml --data DATA --work WORK

Trains each method with each seed, converts it, lets the library classify what is held out, and writes the
table WORK/NAME.md: what is trained, what it costs, what is right. A comparison that was stopped (Ctrl-C,
a time limit) goes on when it is started again. Exit status: 0 done, 1 refused or stopped, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from .._refused import Refused
from ..convert import main as convert
from ..errors import DualPathError
from ..evaluate import classify_file
from ..model import Model
from ..session import Session
from .build import Folders, build_job, frozen_backbone, labels_of
from .clips import read_clips
from .comparison import Comparison, read_comparison
from .loop import Trainer, write_checkpoint
from .recipe import Recipe


class Cost(NamedTuple):
    """Of a method, whatever the seed."""

    trained: int  # parameters
    macs: int  # multiply-adds of a view
    milliseconds: float  # of a clip in the library, the median of all that are held out


class Row(NamedTuple):
    """A line of the table."""

    name: str
    cost: Cost
    right: list[int]  # of the clips that are held out, by seed
    clips: int

    @property
    def cells(self) -> list[str]:
        shares = [f"{right / self.clips:.1%}" for right in self.right]
        mean = f"{statistics.mean(self.right) / self.clips:.1%}"
        seeds = f"{mean} ({', '.join(shares)})" if len(shares) > 1 else mean
        return [self.name, f"{self.cost.trained:,}", f"{self.cost.macs / 1e9:.3f} G",
                f"{self.cost.milliseconds:.1f}", seeds]


_HEADINGS = ["method", "trained parameters", "multiply-adds a view", "ms a clip", "top-1"]


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [_HEADINGS, ["---", "---:", "---:", "---:", "---"], *(row.cells for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class Stopped(Exception):
    """Before the comparison was done."""


class Comparing:
    """A comparison in its folders, until a point of time.monotonic()."""

    def __init__(self, comparison: Comparison, folders: Folders, device: str, threads: int,
                 precision: str | None, deadline: float) -> None:
        self.comparison, self.folders, self.device = comparison, folders, device
        self.threads, self.precision, self.deadline = threads, precision, deadline
        common = comparison.common
        self.labels = labels_of(common, folders)
        self.label_file = folders.of_work(comparison.name + ".labels.txt")
        with open(self.label_file, "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in self.labels)
        assert common.data.clips is not None
        self.held_out = read_clips(
            folders.of_data(common.data.clips), common.data.held_out, self.labels)

    def rows(self) -> list[Row]:
        """All methods, those with the first seed before those with the second."""
        measured: dict[str, list[tuple[Cost, int]]] = {}
        for number, _ in enumerate(self.comparison.seeds):
            for name, recipes in self.comparison.methods.items():
                measured.setdefault(name, []).append(self._measured(recipes[number]))
        return [Row(name, seeds[0][0], [right for _, right in seeds], len(self.held_out))
                for name, seeds in measured.items()]

    def _measured(self, recipe: Recipe) -> tuple[Cost, int]:
        """What a recipe costs, and how many clips its model has right."""
        trained = self._train(recipe)
        with Model(self._convert(recipe), precision=self.precision) as model, \
                Session(model, threads=self.threads) as session:
            protocol, right, milliseconds = recipe.protocol, 0, []
            for path, label in self.held_out:
                result = classify_file(session, path, protocol.views, protocol.crops)
                assert result.logits is not None
                right += int(result.logits.argmax()) == label
                milliseconds.append(result.timings.total_ms)
            cost = Cost(trained, model.info.macs, statistics.median(milliseconds))
        print(f"{recipe.name}: {right} of {len(self.held_out)} in the library", file=sys.stderr)
        return cost, right

    def _train(self, recipe: Recipe) -> int:
        """Trains, or goes on, to the end; how many parameters that were."""
        job = build_job(recipe, self.folders, self.device)
        trainer = Trainer(job, recipe.train, self._checkpoint(recipe), self.device)
        if os.path.exists(trainer.output):
            trainer.resume(trainer.output)
        if trainer.step < trainer.steps and not trainer.run(self.deadline - time.monotonic()):
            raise Stopped
        return sum(parameter.numel() for parameter in trainer.trained)

    def _checkpoint(self, recipe: Recipe) -> str:
        return self.folders.of_work(recipe.name + ".pth")

    def _convert(self, recipe: Recipe) -> str:
        """The weight file of what a recipe has trained."""
        path = self.folders.of_work(recipe.name + ".gguf")
        words = [self._checkpoint(recipe), "-o", path, "--force", "--labels", self.label_file]
        if recipe.model.method == "st-adapter":  # whose checkpoints have the trained tensors only
            words += ["--backbone", self._frozen()]
        with contextlib.redirect_stdout(io.StringIO()):
            status = convert(words)
        if status != 0:
            raise Refused(f"{self._checkpoint(recipe)} was not converted")
        return path

    def _frozen(self) -> str:
        path = self.folders.of_work(self.comparison.name + ".frozen.pth")
        write_checkpoint(frozen_backbone(self.comparison.common, self.folders), path)
        return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dualpath.train.compare", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("comparison", help="a TOML file")
    add("--data", default=".", metavar="DIR", help="folder of clips, labels, backbones (.)")
    add("--work", default=".", metavar="DIR", help="folder of checkpoints and caches (.)")
    add("--set", action="append", metavar="KEY=VALUE", default=[], dest="changes",
        help="changes the file, such as train.epochs=3 or seeds=[1]")
    add("--time-limit", type=float, default=math.inf, metavar="MINUTES",
        help="stop after this time, to go on when started again")
    add("--device", default="cpu", help="where PyTorch computes (cpu)")
    add("--threads", type=int, default=0, metavar="N", help="0: as many as there are")
    add("--precision", choices=("f32", "bf16", "int8", "auto"),
        help="of the library (the file's, or f32)")
    return parser


def _stop(signal_number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _compare(options: argparse.Namespace) -> None:
    deadline = time.monotonic() + 60 * options.time_limit
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    comparison = read_comparison(options.comparison, options.changes)
    folders = Folders(options.data, options.work)
    os.makedirs(folders.work, exist_ok=True)
    comparing = Comparing(
        comparison, folders, options.device, options.threads, options.precision, deadline)
    table = markdown(comparing.rows())
    print(table, end="")
    with open(folders.of_work(comparison.name + ".md"), "w", encoding="utf-8") as file:
        file.write(table)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        _compare(options)
    except (Stopped, KeyboardInterrupt):
        print("compare: stopped; the same command goes on", file=sys.stderr)
    except (Refused, DualPathError, ValueError, OSError, FloatingPointError) as error:
        print(f"compare: {error}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
