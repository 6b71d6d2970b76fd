"""dualpath-train: trains what a recipe says.

    dualpath-train recipe.toml --data DATA --work WORK

Inputs are found in DATA, checkpoints and decoded frames go to WORK. The checkpoint WORK/NAME.pth is
for dualpath-convert; WORK/NAME.labels.txt names the classes. A run that was stopped (Ctrl-C, a time
limit) goes on with --resume; without it, a checkpoint is only replaced with --force. Exit status:
0 done, 1 refused or stopped, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .._refused import Refused


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dualpath-train", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("recipe", help="a TOML file")
    add("--data", default=".", metavar="DIR", help="folder of clips, labels, backbones (.)")
    add("--work", default=".", metavar="DIR", help="folder of checkpoints and caches (.)")
    add("--set", action="append", metavar="KEY=VALUE", default=[], dest="changes",
        help='changes the recipe, such as train.epochs=3 or model.paths=\'"spatial"\'')
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    add("--force", action="store_true", help="replace a checkpoint that is there")
    add("--time-limit", type=float, default=math.inf, metavar="MINUTES",
        help="stop after this time, to go on with --resume")
    add("--device", default="cpu", help="where PyTorch computes (cpu)")
    add("--threads", type=_positive, metavar="N", help="of PyTorch on the CPU")
    add("--frozen", metavar="CHECKPOINT",
        help="write what the recipe freezes, at its image size, and train nothing")
    add("--evaluate", metavar="CHECKPOINT", help="measure this checkpoint and train nothing")
    add("--views", type=_positive, default=1, metavar="N", help="of a clip with --evaluate (1)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def _check_device(name: str) -> None:
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {name}: {str(error).splitlines()[0]}") from error


def _stop(signal_number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _train(options: argparse.Namespace) -> int:
    import torch

    from .build import Folders, build_job, frozen_backbone, labels_of
    from .loop import Trainer, write_checkpoint
    from .recipe import read_recipe

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    _check_device(options.device)
    recipe = read_recipe(options.recipe, options.changes)
    folders = Folders(options.data, options.work)
    os.makedirs(folders.work, exist_ok=True)
    if options.frozen is not None:
        if os.path.exists(options.frozen) and not options.force:
            raise ValueError(f"{options.frozen} exists: --force replaces it")
        write_checkpoint(frozen_backbone(recipe, folders), options.frozen)
        return 0
    job = build_job(recipe, folders, options.device)
    output = folders.of_work(recipe.name + ".pth")
    trainer = Trainer(job, recipe.train, output, options.device)
    if options.evaluate is not None:
        trainer.load(options.evaluate)
        print(trainer.evaluate(options.views) or "nothing is held out")
        return 0
    if options.resume and options.force:
        raise ValueError("--resume goes on, --force begins anew: give one of them")
    there = os.path.exists(output)
    if there and not options.resume and not options.force:
        raise ValueError(f"{output} exists: --resume goes on from it, --force begins anew")
    if options.resume and there:
        trainer.resume(output)
    if recipe.kind != "images":
        with open(folders.of_work(recipe.name + ".labels.txt"), "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in labels_of(recipe, folders))
    signal.signal(signal.SIGTERM, _stop)
    finished = trainer.run(60 * options.time_limit)
    print(f"{output}: {'finished' if finished else 'stopped; go on with --resume'}")
    return 0 if finished else 1


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _train(options)
    except ModuleNotFoundError as error:
        print(f"dualpath-train: {error}: pip install 'dualpath[train]'", file=sys.stderr)
    except (Refused, ValueError, OSError, FloatingPointError) as error:
        print(f"dualpath-train: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
