"""
Generates tests/golden: for each case of goldens.py a weight file, frames and the expected answer.

    python -m tests.reference.generate_goldens [DIRECTORY]

The answer is computed in double precision from the very values that the weight file stores. The
weight file must state the configuration of the checkpoint, and give its answer (a near one where
values are rounded), which holds converter and reader to account.
"""

import sys
import tempfile
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from . import checkpoint
from .convert import ROOT, convert
from .goldens import GOLDENS, PROTOCOLS
from .options import command_line
from .random_weights import random_frames, random_state
from .run import classify, load_model, save_answer

MAX_BYTES = 2_500_000

README = """\
# Golden cases

Random weights, random frames, and the answers of the PyTorch implementation in `tests/reference`
(computed in double precision from the values as they are stored in the weight file). Made by

    python -m tests.reference.generate_goldens

which needs PyTorch, and `dualpath-convert` from `bindings/python`; the cases are described in
`tests/reference/goldens.py`.

- `NAME.gguf`: the weight file.
- `NAME.frames.npy`: the clip, bytes `[n][H][W][3]`, RGB.
- `NAME.logits.npy` (not without a head), `NAME.temporal.npy`, `NAME.spatial.npy`: logits, `y_t` and
  `y_s`, float32, averaged over views and crops.
- `NAME.pth`, for some: the checkpoint in the released format that the weight file was made of.
- `goldens.txt`: how to sample, a case a line: name, sampling, rate (0: the model's), views, crops.

"""


def sampling_of(golden):
    return {
        "policy": golden.sampling,
        "rate": golden.rate,
        "views": golden.views,
        "crops": golden.crops,
    }


def converter_options(golden, pth, scratch):
    options = command_line(golden.config, pth) + ["--type", golden.type]
    if golden.labels:
        labels = scratch / "labels.txt"
        labels.write_text("".join(f"{label}\n" for label in golden.labels))
        options += ["--labels", str(labels)]
    return options


def generate(golden, directory, scratch):
    """Writes the files of one case. Returns the largest relative difference between the answer of
    the weight file and that of the checkpoint."""
    seed = crc32(golden.name.encode())
    folder = directory if golden.keep_checkpoint else scratch
    pth, gguf = folder / f"{golden.name}.pth", directory / f"{golden.name}.gguf"
    checkpoint.save(pth, golden.config, random_state(golden.config, seed))
    convert(pth, gguf, converter_options(golden, pth, scratch))
    frames = random_frames(*golden.frames, seed)
    np.save(directory / f"{golden.name}.frames.npy", frames)
    model = load_model(str(gguf), torch.float64)
    if rounded(model.config) != rounded(golden.config):
        raise SystemExit(f"{golden.name}: {model.config} instead of {golden.config}")
    answer = classify(model, frames, **sampling_of(golden))
    save_answer(directory / golden.name, answer)

    known = {name: getattr(golden.config, name) for name in vars(golden.config)}
    original = load_model(str(pth), torch.float64, **known)
    return difference(answer, classify(original, frames, **sampling_of(golden)))


def rounded(config):
    """The fields of a configuration with floats as a weight file holds them."""
    return {
        name: np.float32(value).tolist() if isinstance(value, (float, tuple)) else value
        for name, value in vars(config).items()
    }


def difference(answer, expected):
    return max(
        np.abs(answer[name] - expected[name]).max() / np.abs(expected[name]).max()
        for name in expected
    )


def readme_table(goldens):
    rows = ["| name | type | D x L, H | R / p | T, g, Ts | frames | covers |", "|" + "---|" * 7]
    for golden in goldens:
        c, (n, height, width) = golden.config, golden.frames
        rows.append(
            f"| {golden.name} | {golden.type} | {c.width} x {c.blocks}, {c.heads} "
            f"| {c.image_size} / {c.patch_size} | {c.frames}, {c.grid}, {c.spatial_frames} "
            f"| {n} of {width}x{height} | {golden.covers} |"
        )
    return "\n".join(rows) + "\n"


def commands(goldens):
    """How the kept checkpoints become their weight files."""
    if not any(golden.keep_checkpoint for golden in goldens):
        return ""
    lines = ["", "The checkpoints that are kept were converted by", ""]
    for golden in goldens:
        if golden.keep_checkpoint:
            options = " ".join(command_line(golden.config, f"{golden.name}.pth"))
            labels = " --labels LABELS" if golden.labels else ""
            files = f"{golden.name}.pth -o {golden.name}.gguf"
            lines.append(f"    dualpath-convert {files} --type {golden.type}{labels} {options}")
    return "\n".join(lines) + "\n"


def sampling_table(goldens):
    return "".join(f"{g.name} {g.sampling} {g.rate} {g.views} {g.crops}\n" for g in goldens)


def generate_all(goldens, directory):
    """Writes a folder of cases. Returns how many bytes it has."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for golden in goldens:
            off = generate(golden, directory, Path(scratch))
            print(f"{golden.name}: differs from the checkpoint by {off:.1e}")
            if off > (1e-6 if golden.type == "f32" else 0.1):
                raise SystemExit(f"{golden.name}: the weight file is not that of the checkpoint")
    (directory / "README.md").write_text(README + readme_table(goldens) + commands(goldens))
    (directory / "goldens.txt").write_text(sampling_table(goldens))
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())


def main():
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "golden"
    size = generate_all(GOLDENS, directory) + generate_all(PROTOCOLS, directory / "protocols")
    print(f"{size} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"more than {MAX_BYTES} bytes: too much to commit")


if __name__ == "__main__":
    main()
