"""Measures a model on a list of video files: ``dualpath-evaluate MODEL LIST.csv``.

The list is a CSV file with the columns path, split and label, a class by number or by name; of a
file ``.npy``, bytes [n][H][W][3], views take every frame, as if it were sampled already. A
reference is one with the columns path and logit0, logit1, ...: what another implementation
answered for some of the files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ._confusion import count_pairs, describe_classes, draw
from ._lib import library, text
from ._lists import is_array, read_array, read_list, read_table, with_classes
from ._measured import Measured, Measurement, sha256_of
from ._png import encode_png
from ._refused import ending_in_a_sentence, show
from .model import Model
from .result import Result
from .session import Session

Logits = npt.NDArray[np.float32]


class Answers(NamedTuple):
    logits: dict[str, Logits]  # of each clip [C]
    classify_seconds: float  # in the library
    seconds: float  # decoding included


def read_reference(path: str) -> dict[str, Logits]:
    """The logits ``[C]`` of each clip of a reference."""
    columns, rows = read_table(path)
    names = [name for name in columns if name.startswith("logit")]
    if "path" not in columns or not names:
        raise ValueError(f"{path} has no column 'path' or no column 'logit0'")
    try:
        logits = [np.array([float(row[name]) for name in names], np.float32) for row in rows]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: a logit is missing or no number: {error}") from error
    return {row["path"]: answer for row, answer in zip(rows, logits)}


def check_reference(path: str, reference: dict[str, Logits], classes: int) -> None:
    """Refuses a reference of another model, by its number of classes."""
    strange = [len(logits) for logits in reference.values() if len(logits) != classes]
    if strange:
        raise ValueError(f"{path} has {strange[0]} logits of a clip, and the model {classes}")


def classify_file(session: Session, path: str, views: int = 1, crops: int = 1) -> Result:
    """The answer for a video file at the model's sampling rate, or for an array file."""
    if is_array(path):
        return session.classify(list(read_array(path)), rate=1, views=views, crops=crops)
    return session.classify_video(path, views=views, crops=crops)


def classify_all(
    session: Session, root: str, paths: Sequence[str], views: int, crops: int
) -> Answers:
    """Answers each clip."""
    answers, milliseconds, start = {}, 0.0, time.perf_counter()
    for done, path in enumerate(paths, 1):
        result = classify_file(session, os.path.join(root, path), views, crops)
        if result.logits is None:
            raise ValueError("the model has no head: there is nothing to evaluate")
        answers[path] = result.logits
        milliseconds += result.timings.total_ms
        if sys.stderr.isatty():
            print(f"\r{done} of {len(paths)} clips", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return Answers(answers, milliseconds / 1000, time.perf_counter() - start)


@contextlib.contextmanager
def open_model(path: str, backbone: str | None, precision: str | None) -> Iterator[Model]:
    """A model of its own, or a task on a backbone."""
    with contextlib.ExitStack() as stack:
        if backbone is None:
            yield stack.enter_context(Model(path, precision=precision))
        else:
            frozen = stack.enter_context(Model(backbone, precision=precision, as_backbone=True))
            yield stack.enter_context(frozen.open_task(path))


def count_right(answers: Answers, clips: Sequence[tuple[str, int]], k: int) -> int:
    """Clips whose class is among the k likeliest."""
    return sum(label in np.argsort(-answers.logits[path], kind="stable")[:k]
               for path, label in clips)


def measure(answers: Answers, clips: Sequence[tuple[str, int]], session: Session) -> Measurement:
    info, total = session.model.info, len(clips)
    return Measurement(
        precision=info.precision,
        kernels=info.kernels,
        threads=session.threads,
        top_1=count_right(answers, clips, 1),
        top_5=count_right(answers, clips, 5) if info.classes > 5 else None,
        clips_per_second=total / answers.classify_seconds if answers.classify_seconds > 0 else None,
        clips_per_second_with_decoding=total / answers.seconds,
    )


def report_measurement(measured: Measurement, total: int) -> None:
    print(f"precision: {measured.precision}")
    for k, right in ((1, measured.top_1), (5, measured.top_5)):
        if right is not None:
            print(f"top-{k}: {right} of {total} clips, {right / total:.1%}")
    speed = float("nan") if measured.clips_per_second is None else measured.clips_per_second
    decoded = measured.clips_per_second_with_decoding
    print(f"speed: {speed:.1f} clips a second, {decoded:.1f} with decoding")


def report_difference(
    name: str, answers: dict[str, Logits], reference: dict[str, Logits]
) -> None:
    common = [path for path in answers if path in reference]
    if not common:
        raise ValueError("the reference holds none of these clips")
    differing = [p for p in common if answers[p].argmax() != reference[p].argmax()]
    largest = max(float(np.abs(answers[p] - reference[p]).max()) for p in common)
    print(
        f"{name}: {len(differing)} of {len(common)} decisions differ, "
        f"logits by at most {largest:.2g}"
    )
    for path in differing:
        print(f"  {show(path)}: {answers[path].argmax()}, {name} {reference[path].argmax()}")


def report_confusion(
    answers: Answers, clips: Sequence[tuple[str, int]], names: Sequence[str], path: str
) -> None:
    pairs = [(label, int(answers.logits[clip].argmax())) for clip, label in clips]
    counts = count_pairs(pairs, len(names))
    print("\n".join(describe_classes(counts, names)))
    with open(path, "wb") as file:
        file.write(encode_png(draw(counts)))
    print(f"confusion matrix: {path}, a row for each class, a column for each answer")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dualpath-evaluate", description=__doc__)
    add = parser.add_argument
    add("model", help="weight file")
    add("list", help="CSV file with the columns path, split, label")
    add("--backbone", metavar="MODEL", help="the model is a task of this one")
    add("--root", help="folder of the paths (default: that of the list)")
    add("--split", help="rows to take, such as test (default: all)")
    add("--reference", help="CSV file with the columns path, logit0, logit1, ...")
    add("--threads", type=int, default=0, help="0: as many as there are")
    add("--views", type=int, default=1, help="views in time of each clip, averaged (1)")
    add("--crops", type=int, default=1, help="crops of each view, averaged (1)")
    add("--precision", nargs="+", choices=("f32", "bf16", "int8", "auto"), default=[None],
        help="one or more, each compared with the first (default: the file's, or f32)")
    add("--json", action="store_true",
        help="print one JSON object instead, which dualpath-convert --card --measured reads")
    add("--confusion", metavar="PNG",
        help="draw the confusion matrix of the first precision, and print a line for each class")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json and (options.reference or options.confusion):
        parser.error("--json prints what was measured only: leave out --reference and --confusion")
    with ending_in_a_sentence("dualpath-evaluate"):
        _evaluate(options)


def _evaluate(options: argparse.Namespace) -> None:
    listed = read_list(options.list, options.split)
    reference = read_reference(options.reference) if options.reference else None
    root = options.root if options.root is not None else os.path.dirname(options.list)
    first: Answers | None = None
    measured = []
    for precision in options.precision:
        with open_model(options.model, options.backbone, precision) as model, \
                Session(model, threads=options.threads) as session:
            names = model.labels
            clips = with_classes(options.list, listed, names)
            if reference is not None:
                check_reference(options.reference, reference, len(names))
            paths = [path for path, _ in listed]
            answers = classify_all(session, root, paths, options.views, options.crops)
            measured.append(measure(answers, clips, session))
        if options.json:
            continue
        report_measurement(measured[-1], len(clips))
        if reference is not None:
            report_difference("reference", answers.logits, reference)
        if first is None:
            first = answers
            if options.confusion:
                report_confusion(answers, clips, names, options.confusion)
        else:
            report_difference(options.precision[0] or "default", answers.logits, first.logits)
    if options.json:
        print(json.dumps(_known(options, len(listed), measured).as_known()))


def _known(
    options: argparse.Namespace, clips: int, measured: Sequence[Measurement]
) -> Measured:
    return Measured(
        file=os.path.basename(options.model),
        sha256=sha256_of(options.model),
        backbone_sha256=None if options.backbone is None else sha256_of(options.backbone),
        library=text(library().dp_version_string()),
        list=os.path.basename(options.list),
        split=options.split,
        clips=clips,
        views=options.views,
        crops=options.crops,
        results=tuple(measured),
    )


if __name__ == "__main__":
    main()
