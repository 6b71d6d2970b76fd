"""
Generates tests/golden/family: for each case of family_goldens.py a weight file, frames and the
expected answer.

    PYTHONPATH=bindings/python python -m tests.reference.generate_family [DIRECTORY]

The answer is computed in double precision from the very values that the weight file stores.
"""

import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from . import gguf_writer
from .convert import ROOT
from .family_goldens import FAMILY
from .generate_goldens import difference, rounded, sampling_of, sampling_table
from .network import network
from .random_weights import random_frames, random_state
from .run import classify, load_model, save_answer

MAX_BYTES = 1_300_000

README = """\
# Golden cases of the methods with one path

Random weights, random frames, and the answers of the PyTorch implementation in `tests/reference`
(computed in double precision from the values as they are stored in the weight file). Made by

    PYTHONPATH=bindings/python python -m tests.reference.generate_family

which needs PyTorch; the cases are described in `tests/reference/family_goldens.py`.

- `NAME.gguf`: the weight file.
- `NAME.frames.npy`: the clip, bytes `[n][H][W][3]`, RGB.
- `NAME.logits.npy` (not without a head), `NAME.spatial.npy`: logits `[C]` and what the head reads
  `[O]`, float32. Where the file says that probabilities are averaged, logits are their logarithms.
- `goldens.txt`: how to sample, a case a line: name, sampling, rate, views, crops (0 and `model`: as
  the file says).

"""


def generate(golden, directory):
    """Writes the files of one case. Returns the largest relative difference between the answer of
    the weight file and that of the weights before they were rounded."""
    seed = crc32(golden.name.encode())
    state = random_state(golden.config, seed)
    gguf = directory / f"{golden.name}.gguf"
    gguf_writer.save(gguf, golden.config, state, golden.type)
    frames = random_frames(*golden.frames, seed)
    np.save(directory / f"{golden.name}.frames.npy", frames)
    model = load_model(str(gguf), torch.float64)
    if rounded(model.config) != rounded(golden.config):
        raise SystemExit(f"{golden.name}: {model.config} instead of {golden.config}")
    answer = classify(model, frames, **sampling_of(golden))
    save_answer(directory / golden.name, answer)

    original = network(golden.config)
    original.load_state_dict(state)
    return difference(answer, classify(original.double().eval(), frames, **sampling_of(golden)))


def readme_table():
    rows = ["| name | method | type | D x L, H | R / p | T | frames | covers |", "|" + "---|" * 8]
    for golden in FAMILY:
        c, (n, height, width) = golden.config, golden.frames
        rows.append(
            f"| {golden.name} | {c.method} | {golden.type} | {c.width} x {c.blocks}, {c.heads} "
            f"| {c.image_size} / {c.patch_size} | {c.frames} | {n} of {width}x{height} "
            f"| {golden.covers} |"
        )
    return "\n".join(rows) + "\n"


def main():
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "golden" / "family"
    directory.mkdir(parents=True, exist_ok=True)
    for golden in FAMILY:
        off = generate(golden, directory)
        print(f"{golden.name}: differs from the unrounded weights by {off:.1e}")
        if off > (1e-6 if golden.type == "f32" else 0.1):
            raise SystemExit(f"{golden.name}: the weight file is not that of the network")
    (directory / "README.md").write_text(README + readme_table())
    (directory / "goldens.txt").write_text(sampling_table(FAMILY))
    size = sum(path.stat().st_size for path in directory.iterdir())
    print(f"{size} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"more than {MAX_BYTES} bytes: too much to commit")


if __name__ == "__main__":
    main()
