"""Cases that are not part of the repository: `golden`, `models` and `clips` under DUALPATH_SHARED.

Without that folder (by default `shared` beside the repository) they are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dualpath

SHARED = Path(os.environ.get("DUALPATH_SHARED", Path(__file__).parents[3].parent / "shared"))
GOLDENS = sorted(SHARED.glob("golden/*.pth"))
OTHER_METHODS = ("aim", "st")
CLIPS = sorted(SHARED.glob("clips/exact/*.frames.npy"))
MODEL = SHARED / "models" / "dualpath-vit-ti16-ufc10.pth"


def convert(checkpoint, output, *options):
    command = [sys.executable, "-m", "dualpath.convert", checkpoint, "-o", output, *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def options_of(checkpoint):
    """What a checkpoint of another method does not say: frames as they are given."""
    if not checkpoint.stem.startswith(OTHER_METHODS):
        return []
    frames = len(np.load(checkpoint.with_suffix(".frames.npy"), mmap_mode="r"))
    backbone = checkpoint.with_suffix(".backbone.pt")
    return ["--num-frames", str(frames), "--sampling-rate", "1",
            *(["--backbone", str(backbone)] if backbone.exists() else [])]


def logits_of(model, frames, threads=1, **options):
    with dualpath.Model(model, **options) as opened:
        with dualpath.Session(opened, threads=threads) as session:
            return session.classify(np.load(frames), sampling="given").logits


def distance(logits, expected):
    return np.abs(logits - expected).max() / np.abs(expected).max()


@pytest.mark.skipif(not GOLDENS, reason=f"no {SHARED}/golden/*.pth (DUALPATH_SHARED)")
@pytest.mark.parametrize("checkpoint", GOLDENS, ids=lambda path: path.stem)
def test_golden(checkpoint, tmp_path):
    convert(checkpoint, tmp_path / "model.gguf", *options_of(checkpoint))
    if checkpoint.stem.startswith(OTHER_METHODS) and "method" not in dualpath.ModelInfo.__annotations__:
        pytest.skip(f"{checkpoint.name} is of a method, and the library has one only")
    frames = checkpoint.with_suffix(".frames.npy")
    expected = np.load(checkpoint.with_suffix(".logits.npy"))
    for cpu in ("c", "avx2", "avx512"):
        for unfused in (False, True):
            form = {"cpu": cpu, "unfused": unfused}
            one = logits_of(tmp_path / "model.gguf", frames, **form)
            assert distance(one, expected) < 1e-4, form
            two = logits_of(tmp_path / "model.gguf", frames, threads=2, **form)
            assert np.array_equal(one, two), form


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model.gguf"
    convert(MODEL, output, *MODEL.with_name("convert.args").read_text().split())
    return output


@pytest.mark.skipif(not CLIPS or not MODEL.exists(),
                    reason=f"no {SHARED}/clips/exact or {SHARED}/models (DUALPATH_SHARED)")
@pytest.mark.parametrize("frames", CLIPS, ids=lambda path: path.name.split(".")[0])
def test_trained_model(trained, frames):
    expected = np.load(str(frames).replace(".frames.", ".logits."))
    assert distance(logits_of(trained, frames), expected) < 1e-4
