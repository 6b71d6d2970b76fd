"""The model of dualpath.train against the reference implementation and the library."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from conftest import GOLDEN, ROOT

import dualpath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import (
    SMALL,
    VARIANTS,
    answer,
    answer_of_reference,
    assert_close,
    some_frames,
    with_weights,
)

from dualpath.convert import main as convert
from dualpath.train import pixels
from dualpath.train.checkpoint import freeze, read_weights, resize_positions
from dualpath.train.model import DualPath
from dualpath.train.video import as_pixels


@pytest.mark.parametrize("name", VARIANTS)
def test_model_against_reference(name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    config = VARIANTS[name]
    model = with_weights(config)
    frames = some_frames(config.frames, 70, 51)
    assert_close(answer(model, frames), answer_of_reference(model, frames))


@pytest.mark.parametrize("name", VARIANTS)
def test_model_against_library(name, tmp_path):
    pytest.importorskip("gguf", reason="the converter's gguf is not installed")
    config = VARIANTS[name]
    model, frames = with_weights(config), some_frames(config.frames, 64, 93)
    pth, gguf = str(tmp_path / "model.pth"), str(tmp_path / "model.gguf")
    torch.save({"model": model.state_dict(), "dualpath": config.stated()}, pth)
    assert convert([pth, "-o", gguf]) == 0
    with dualpath.Model(gguf) as opened, dualpath.Session(opened) as session:
        logits = session.classify(list(frames), sampling="given").logits
    assert_close(answer(model, frames), logits)


def test_what_is_trained():
    model = DualPath(SMALL)
    freeze(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {"visual.class_embedding", "visual.positional_embedding",
            "visual.spatial_positional_embedding", "visual.head.linear1.weight"} <= trained
    blocks = {name.split(".", 4)[-1] for name in trained if "resblocks" in name}
    assert len(blocks) == 5 * 4 and all("adapter" in name for name in blocks)
    assert not any(name.startswith(("visual.conv1", "visual.ln_post")) for name in trained)


@pytest.mark.parametrize("paths", ["spatial", "temporal"])
def test_one_path_is_the_answer_of_both(paths):
    """What the other path says has no weight in the head, so that the library may compute it."""
    alone = DualPath(SMALL, paths)
    both = DualPath(SMALL)
    both.load_state_dict(alone.state_dict())
    frames = some_frames(16, 32, 32)
    np.testing.assert_allclose(answer(alone, frames), answer(both, frames), atol=1e-5)


def test_tiles_are_what_the_library_makes():
    frames = as_pixels(some_frames(2, 40, 70))
    views = pixels.centre_view(40, 70, 48).expand(2, -1, -1)
    for grid in (1, 2, 3, 4):
        whole = pixels.look(frames, views, 48)
        shrunk = torch.nn.functional.interpolate(
            whole, size=(48 // grid, 48 // grid), mode="bilinear", align_corners=False
        )
        torch.testing.assert_close(pixels.look_small(frames, views, 48, grid), shrunk)


def test_positions_are_resized():
    table = torch.randn(17, 8)
    assert resize_positions(table, 17) is table
    larger = resize_positions(table, 37)
    assert larger.shape == (37, 8) and torch.equal(larger[0], table[0])
    constant = resize_positions(torch.ones(17, 8), 145)
    torch.testing.assert_close(constant, torch.ones(145, 8))


@pytest.mark.parametrize("paths", ["spatial", "temporal"])
def test_loading_forgets_the_missing_path(paths):
    alone = DualPath(SMALL, paths)
    alone.load_state_dict(with_weights(SMALL).state_dict())
    halves = alone.visual.head.linear1.weight.split(SMALL.width, dim=1)
    assert [bool(half.any()) for half in halves] == [paths == "temporal", paths == "spatial"]


def test_release_of_a_golden_checkpoint():
    """A checkpoint of the reference, through the training package, gives the reference's answer."""
    from dualpath.train.checkpoint import sizes_of

    path = GOLDEN / "plain-skip.pth"
    if not path.exists():
        pytest.skip(f"no {path}")
    weights = read_weights(str(path))
    assert sizes_of(weights)["width"] == weights.tensors["class_embedding"].numel()
    assert any("adapter" in name for name in weights.tensors)
    assert "torch" in sys.modules
