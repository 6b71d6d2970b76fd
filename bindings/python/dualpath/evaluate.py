"""Measures a model on a list of video files: ``python -m dualpath.evaluate --help``.

The list is a CSV file with the columns path, split and label; a reference is one with the columns
path and logit0, logit1, ...: what another implementation answered for some of the files.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .model import Model
from .session import Session

Logits = npt.NDArray[np.float32]


def read_list(path: str, split: str | None) -> list[tuple[str, int]]:
    """Paths and labels of the clips of a split (None: of all)."""
    with open(path, newline="") as file:
        rows = csv.DictReader(file)
        return [
            (row["path"], int(row["label"])) for row in rows if split in (None, row.get("split"))
        ]


def read_reference(path: str) -> dict[str, Logits]:
    """The logits ``[C]`` of each clip of a reference."""
    with open(path, newline="") as file:
        rows = csv.DictReader(file)
        columns = [name for name in rows.fieldnames or () if name.startswith("logit")]
        return {row["path"]: np.array([row[c] for c in columns], np.float32) for row in rows}


def classify_all(session: Session, root: str, paths: Sequence[str]) -> dict[str, Logits]:
    """The logits ``[C]`` of each clip: one centre view at the model's sampling rate."""
    answers = {}
    for done, path in enumerate(paths, 1):
        logits = session.classify_video(os.path.join(root, path)).logits
        if logits is None:
            raise SystemExit("the model has no head: there is nothing to evaluate")
        answers[path] = logits
        if sys.stderr.isatty():
            print(f"\r{done} of {len(paths)} clips", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return answers


def answer_in(
    precision: str | None, model: str, threads: int, root: str, paths: Sequence[str]
) -> dict[str, Logits]:
    with Model(model, precision=precision) as opened, Session(opened, threads=threads) as session:
        return classify_all(session, root, paths)


def report_accuracy(answers: dict[str, Logits], clips: Sequence[tuple[str, int]]) -> None:
    right = sum(int(answers[path].argmax()) == label for path, label in clips)
    print(f"top-1: {right} of {len(clips)} clips, {right / len(clips):.1%}")


def report_difference(answers: dict[str, Logits], reference: dict[str, Logits]) -> None:
    common = [path for path in answers if path in reference]
    if not common:
        raise SystemExit("the reference holds none of these clips")
    differing = [p for p in common if answers[p].argmax() != reference[p].argmax()]
    largest = max(float(np.abs(answers[p] - reference[p]).max()) for p in common)
    print(
        f"reference: {len(differing)} of {len(common)} decisions differ, "
        f"logits by at most {largest:.2g}"
    )
    for path in differing:
        print(f"  {path}: {answers[path].argmax()}, reference {reference[path].argmax()}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m dualpath.evaluate", description=__doc__)
    parser.add_argument("model", help="weight file")
    parser.add_argument("list", help="CSV file with the columns path, split, label")
    parser.add_argument("--root", help="folder of the paths (default: that of the list)")
    parser.add_argument("--split", help="rows to take, such as test (default: all)")
    parser.add_argument("--reference", help="CSV file with the columns path, logit0, logit1, ...")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are")
    parser.add_argument(
        "--precision", choices=("f32", "bf16", "int8", "auto"), help="default: the file's, or f32"
    )
    parser.add_argument(
        "--against-f32", action="store_true", help="answer in f32, too, and compare the decisions"
    )
    options = parser.parse_args(arguments)
    clips = read_list(options.list, options.split)
    if not clips:
        parser.error(f"{options.list} holds no clip of the split {options.split!r}")
    root = options.root if options.root is not None else os.path.dirname(options.list)
    paths = [path for path, _ in clips]
    answers = answer_in(options.precision, options.model, options.threads, root, paths)
    report_accuracy(answers, clips)
    if options.reference:
        report_difference(answers, read_reference(options.reference))
    if options.against_f32:
        report_difference(answers, answer_in("f32", options.model, options.threads, root, paths))


if __name__ == "__main__":
    main()
