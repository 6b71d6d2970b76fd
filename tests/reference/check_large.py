"""
Compares libdualpath with the PyTorch implementation on a full-sized model with random weights.

    python -m tests.reference.check_large PRESET... [--program build/dualpath] [--threads N]

Needs a few GB of memory and of room for temporary files. Fails when the logits differ by more than
0.001 of the largest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import checkpoint
from .convert import ROOT, convert
from .options import command_line
from .presets import PRESETS
from .random_weights import random_frames, random_state
from .run import classify, load_model

LIMIT = 1e-3


def reference_logits(config, pth, frames):
    known = {name: getattr(config, name) for name in vars(config)}
    return classify(load_model(str(pth), **known), frames)["logits"]


def library_logits(program, gguf, npy, threads):
    command = [program, "classify", gguf, npy, "--json", "--sampling", "given"]
    command += ["--views", 1, "--crops", 1]
    command += ["--threads", threads] if threads else []
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{program} failed: {done.stderr.strip()}")
    return np.array(json.loads(done.stdout)["logits"])


def compare(config, seed, program, threads, scratch):
    """Largest difference of a logit, relative to the largest logit."""
    pth, gguf, npy = (scratch / f"model{suffix}" for suffix in (".pth", ".gguf", ".npy"))
    height, width = config.image_size, config.image_size * 4 // 3
    frames = random_frames(config.frames, height, width, seed)
    np.save(npy, frames)
    checkpoint.save(pth, config, random_state(config, seed))
    expected = reference_logits(config, pth, frames)
    convert(pth, gguf, command_line(config, pth))
    answer = library_logits(program, gguf, npy, threads)
    if answer.shape != expected.shape:
        raise SystemExit(f"{answer.size} logits instead of {expected.size}")
    return np.abs(answer - expected).max() / np.abs(expected).max()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="+", choices=PRESETS)
    parser.add_argument("--program", default=ROOT / "build" / "dualpath")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = False
    for preset in arguments.preset:
        with tempfile.TemporaryDirectory() as scratch:
            off = compare(
                PRESETS[preset],
                arguments.seed,
                arguments.program,
                arguments.threads,
                Path(scratch),
            )
        good = off <= LIMIT  # not a number is not good
        failed |= not good
        print(f"{preset}: logits differ by {off:.2e} of the largest{'' if good else ': TOO MUCH'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
