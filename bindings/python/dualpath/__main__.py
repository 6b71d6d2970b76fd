"""``python -m dualpath watch MODEL VIDEO``: what happens in a film, window after window."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ._refused import ending_in_a_sentence, show
from .evaluate import open_model
from .result import Window
from .session import Session
from .stream import Stream

_TOP = 5  # classes that are printed as JSON, as `dualpath classify --json` does


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dualpath", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    watch = commands.add_parser(
        "watch", help="a line for each window of a video file: when, and its likeliest class"
    )
    add = watch.add_argument
    add("model", metavar="MODEL", help="weight file")
    add("video", metavar="VIDEO", help="video file")
    add("--backbone", metavar="B", help="MODEL is a task of this model")
    add("--hop", type=int, metavar="N", help="sampled frames from one window to the next")
    add = watch.add_mutually_exclusive_group().add_argument
    add("--rate", type=int, metavar="N", help="sample every N-th frame (default: the model's rate)")
    add("--sample-fps", type=float, metavar="F", help="sample F frames a second")
    watch.add_argument("--json", action="store_true", help="print a JSON object on each line")
    return parser


def _watch(options: argparse.Namespace) -> None:
    describe = _as_json if options.json else _as_line
    how = {"hop": options.hop, "rate": options.rate, "sample_fps": options.sample_fps}
    with open_model(options.model, options.backbone, None) as model, Session(model) as session, \
            Stream(session, **how) as stream:
        for window in stream.watch(options.video):
            print(describe(window), flush=True)


def _as_line(window: Window) -> str:
    (best,) = window.top(1)
    label = show(best.label) if best.label else f"class {best.index}"
    return f"{window.start:9.2f} {window.end:9.2f}  {best.probability:7.2%}  {label}"


def _as_json(window: Window) -> str:
    has_head = window.logits is not None
    known: dict[str, Any] = {
        "start": window.start,
        "end": window.end,
        "frames": window.frames.tolist(),
        "times": window.times.tolist(),
        "top": [asdict(prediction) for prediction in window.top(_TOP)] if has_head else [],
    }
    arrays = ["probabilities", "logits"]
    arrays += [] if has_head else ["feature_temporal", "feature_spatial"]
    for name in arrays:
        numbers = getattr(window, name)
        known[name] = None if numbers is None else numbers.tolist()
    return json.dumps(known)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    try:
        with ending_in_a_sentence("dualpath watch"):
            _watch(options)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except SystemExit as end:
        if not isinstance(end.__cause__, BrokenPipeError):
            raise
        # Nobody reads on, as in `... | head`: what is left in the buffer must not be an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
