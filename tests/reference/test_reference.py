"""
Tests of the reference itself: that every tensor counts, that framesets and positions are what the
formulas say at places that are easy to compute by hand, that files are read as they were written.
Run with `python -m pytest tests/reference`.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from . import checkpoint, positions, sampling, video
from .goldens import GOLDENS, PROTOCOLS, VARIANTS
from .model import DualPath
from .presets import TINY
from .protocol import Protocol
from .random_weights import random_frames, random_state
from .run import classify, load_model

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
SHARED = Path(os.environ.get("DUALPATH_SHARED", ROOT / ".." / "shared"))


def by_name(goldens):
    return pytest.mark.parametrize("golden", goldens, ids=lambda golden: golden.name)


def answer_of(config, state, frames):
    model = DualPath(config).eval()
    model.load_state_dict(state)
    return np.concatenate(list(classify(model, frames).values()))


@by_name(VARIANTS)
def test_every_tensor_counts(golden):
    config, state = golden.config, random_state(golden.config, 1)
    frames = random_frames(*golden.frames, 2)
    answer = answer_of(config, state, frames)
    assert 0.1 < np.abs(answer).max() < 20
    for name, tensor in state.items():
        changed = {**state, name: torch.zeros_like(tensor)}
        off = np.abs(answer_of(config, changed, frames) - answer).max() / np.abs(answer).max()
        assert off > 1e-3, name


@by_name(GOLDENS + PROTOCOLS)
def test_committed_answers(golden):
    folder = GOLDEN / "protocols" if golden in PROTOCOLS else GOLDEN
    model = load_model(str(folder / f"{golden.name}.gguf"), torch.float64)
    frames = np.load(folder / f"{golden.name}.frames.npy")
    answer = classify(
        model,
        frames,
        policy=golden.sampling,
        rate=golden.rate,
        views=golden.views,
        crops=golden.crops,
    )
    for name, values in answer.items():
        expected = np.load(folder / f"{golden.name}.{name}.npy")
        np.testing.assert_allclose(values, expected, atol=1e-6 * np.abs(expected).max())


def test_checkpoint_round_trip(tmp_path):
    state = random_state(TINY, 3)
    checkpoint.save(tmp_path / "tiny.pth", TINY, state)
    config, loaded = checkpoint.load(tmp_path / "tiny.pth", heads=TINY.heads)
    assert config == TINY
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_order_of_frames_counts():
    state, frames = random_state(TINY, 4), random_frames(16, 32, 32, 5)
    swapped = frames.copy()
    swapped[[3, 7]] = frames[[7, 3]]  # seen by the temporal path only
    assert np.abs(answer_of(TINY, state, swapped) - answer_of(TINY, state, frames)).max() > 1e-3


def test_framesets():
    frames = torch.rand(1, 32, 3, 16, 16)
    tiled = video.framesets(frames, 4, Protocol())
    assert tiled.shape == (1, 2, 3, 16, 16)
    # Frame 16 + 6 is in row 1, column 2 of the second frameset; its pixel (1, 3) is the mean of
    # rows 5, 6 and columns 13, 14.
    expected = frames[0, 22, :, 5:7, 13:15].mean(dim=(1, 2))
    torch.testing.assert_close(tiled[0, 1, :, 4 + 1, 8 + 3], expected)


def test_frame_index():
    index = positions.frame_index(replace(TINY, frames=32))  # G = g = 4: a patch a frame
    assert index[0].tolist() == list(range(17))
    assert index[1].tolist() == [0, *range(17, 33)]
    index = positions.frame_index(replace(TINY, image_size=24, grid=2, frames=8))
    # G = 3, g = 2: the middle patch lies on the corner of all four frames.
    assert index[0].tolist() == pytest.approx([0, 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4])


def test_sincos():
    time = positions.sincos_time(TINY)
    assert time[0, 0].tolist() == [0, 1] * 16  # index 0
    assert time[0, 5, 2] == np.sin(5 * 10000.0 ** (-2 / 32))
    space = positions.sincos_3d(TINY)
    assert not space[0, 0].any()
    assert space[0, 5, 0] == np.sin(5) and space[0, 5, 4] == np.cos(5)  # time
    assert torch.all(space[0, 1:, 8:14] == 0)  # one patch a tile: row 0


@pytest.mark.parametrize(
    "policy, n, rate, views, expected",
    [
        ("given", 4, 9, 1, [[0, 1, 2, 3]]),
        ("center", 20, 2, 1, [[6, 8, 10, 12]]),
        ("center", 20, 2, 2, [[2, 4, 6, 8], [8, 10, 12, 14]]),
        ("first", 20, 2, 2, [[0, 2, 4, 6], [6, 8, 10, 12]]),
        ("center", 6, 4, 1, [[0, 4, 4, 4]]),
        ("uniform", 8, 9, 1, [[1, 3, 5, 7]]),
        ("uniform", 2, 9, 2, [[0, 0, 1, 1], [0, 0, 1, 1]]),
        ("interval", 20, 2, 1, [[6, 8, 10, 12]]),
        ("interval", 20, 2, 3, [[2, 4, 6, 8], [6, 8, 10, 12], [10, 12, 14, 16]]),
        ("interval", 7, 2, 2, [[0, 2, 4, 6], [0, 2, 4, 6]]),
        ("spread", 20, 2, 1, [[6, 8, 10, 12]]),
        ("spread", 20, 2, 3, [[0, 2, 4, 6], [6, 8, 10, 12], [13, 15, 17, 19]]),
        ("spread", 6, 2, 1, [[0, 2, 4, 5]]),
        ("segments", 11, 9, 1, [[1, 3, 6, 9]]),
        ("segments", 2, 9, 1, [[0, 0, 0, 1]]),
    ],
)
def test_sampling(policy, n, rate, views, expected):
    assert sampling.sample(policy, n, 4, rate, views) == expected


def test_crops():
    assert [video.crop_offset(5, crop, 3) for crop in range(3)] == [0, 2, 5]
    assert [video.crop_offset(spare, 0, 1) for spare in (1, 3, 4)] == [0, 2, 2]  # halves to even


@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="no folder of shared golden cases")
@pytest.mark.parametrize(
    "name, known",
    [("tiny64_t16", {}), ("tiny112_t32", {}), ("paper112_t32", {"position": "sincos-3d"})],
)
def test_shared_goldens(name, known):
    model = load_model(str(SHARED / "golden" / f"{name}.pth"), **known)
    answer = classify(model, np.load(SHARED / "golden" / f"{name}.frames.npy"))
    expected = np.load(SHARED / "golden" / f"{name}.logits.npy")
    assert np.abs(answer["logits"] - expected).max() < 1e-5 * np.abs(expected).max()
