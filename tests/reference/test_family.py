"""
Tests of the methods with one path: that every tensor counts, that each method is what its formula
says, that files are read as they were written.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from . import checkpoint, sampling, video
from .convert import ROOT
from .family_goldens import ADAPTFORMER, AIM, AIM_TWO, FAMILY, PROBE, ST, VPT
from .generate_goldens import sampling_of
from .network import network
from .protocol import Protocol
from .random_weights import random_frames, random_state
from .run import classify, load_model

GOLDEN = ROOT / "tests" / "golden" / "family"
SHARED = Path(os.environ.get("DUALPATH_SHARED", ROOT / ".." / "shared")) / "golden"

METHODS = pytest.mark.parametrize(
    "config",
    [PROBE, VPT, replace(VPT, deep=False), ADAPTFORMER, AIM, AIM_TWO, ST],
    ids=["probe", "vpt_deep", "vpt_shallow", "adaptformer", "aim", "aim_two", "st"],
)


def by_name(goldens):
    return pytest.mark.parametrize("golden", goldens, ids=lambda golden: golden.name)


def model_of(config, state):
    model = network(config).eval()
    model.load_state_dict(state)
    return model


def answer_of(config, state, frames):
    return np.concatenate(list(classify(model_of(config, state), frames).values()))


@by_name(FAMILY)
def test_every_tensor_counts(golden):
    config, state = golden.config, random_state(golden.config, 1)
    frames = random_frames(config.frames, *golden.frames[1:], 2)
    answer = answer_of(config, state, frames)
    assert 0.1 < np.abs(answer).max() < 20
    for name, tensor in state.items():
        changed = {**state, name: torch.zeros_like(tensor)}
        off = np.abs(answer_of(config, changed, frames) - answer).max() / np.abs(answer).max()
        assert off == 0 if has_no_reader(config, name) else off > 1e-3, name


def has_no_reader(config, name):
    """Patches are not read after the last attention, so what is added to them there is lost."""
    return f"resblocks.{config.blocks - 1}.adapters.conv_mlp." in name


@by_name(FAMILY)
def test_committed_answers(golden):
    model = load_model(str(GOLDEN / f"{golden.name}.gguf"), torch.float64)
    frames = np.load(GOLDEN / f"{golden.name}.frames.npy")
    answer = classify(model, frames, **sampling_of(golden))
    for name, values in answer.items():
        expected = np.load(GOLDEN / f"{golden.name}.{name}.npy")
        np.testing.assert_allclose(values, expected, atol=1e-6 * np.abs(expected).max())


@METHODS
def test_checkpoint_round_trip(config, tmp_path):
    state = random_state(config, 3)
    checkpoint.save(tmp_path / "model.pth", config, state)
    loaded, tensors = checkpoint.load(tmp_path / "model.pth", **vars(config))
    assert loaded == config
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[name], state[name]) for name in state)


def test_aim_with_the_names_of_timm(tmp_path):
    config = replace(AIM, pre_norm=False, patch_bias=True, activation="gelu", layer_norm_eps=1e-6)
    state = random_state(config, 3)
    checkpoint.save(tmp_path / "model.pth", config, state)
    names = torch.load(tmp_path / "model.pth")["state_dict"].keys()
    assert {
        "backbone.patch_embed.proj.bias",
        "backbone.cls_token",
        "backbone.pos_embed",
        "backbone.blocks.1.attn.qkv.weight",
        "backbone.blocks.1.attn.proj.weight",
        "backbone.blocks.1.norm1.weight",
        "backbone.blocks.1.mlp.fc2.bias",
        "backbone.blocks.1.T_Adapter.D_fc1.weight",
        "backbone.ln_post.weight",
        "cls_head.fc_cls.weight",
    } <= names
    loaded, tensors = checkpoint.load(tmp_path / "model.pth", protocol=Protocol(), sampling_rate=4)
    assert loaded == config
    assert all(torch.equal(tensors[name], state[name]) for name in state)


@METHODS
def test_order_of_frames(config):
    """Counts where frames meet in the blocks, and nowhere else."""
    state, frames = random_state(config, 4), random_frames(config.frames, 16, 16, 5)
    off = np.abs(answer_of(config, state, frames[::-1].copy()) - answer_of(config, state, frames))
    meet = config.method in ("aim", "st-adapter")
    assert off.max() > 1e-3 if meet else off.max() < 1e-5


def test_convolution_over_frames():
    """Of a patch with those at the same place: a kernel that shifts by a frame, by hand."""
    state = random_state(ST, 6)
    block = model_of(ST, state).visual.transformer.resblocks[0]
    adapter = block.adapters["conv_attn"]
    with torch.no_grad():
        adapter.conv.weight.copy_(torch.tensor([1.0, 0, 0]).reshape(1, 1, 3, 1, 1))
        x = torch.rand(ST.frames, ST.tokens, ST.width)
        y = adapter(x)
        before = adapter.down_proj(x[4, 7]) + adapter.conv.bias
        torch.testing.assert_close(y[5, 7], adapter.up_proj(before))
        torch.testing.assert_close(y[0, 7], adapter.up_proj(adapter.conv.bias))
    assert not y[:, 0].any()


def test_attention_over_time_stays_at_its_place():
    block = model_of(AIM, random_state(AIM, 7)).visual.transformer.resblocks[0]
    x = torch.rand(AIM.frames, AIM.tokens, AIM.width)
    changed = x.clone()
    changed[3, 5] += torch.rand(AIM.width)
    with torch.no_grad():
        off = (block.over_time(changed) - block.over_time(x)).abs().amax(dim=-1)
    assert (off[:, 5] > 1e-4).all()
    off[:, 5] = 0
    assert off.max() < 1e-6


def test_shallow_prompts_stay_and_deep_ones_are_replaced():
    frames = random_frames(4, 16, 16, 8)
    for deep, count in ((True, 3), (False, 3)):
        config = replace(VPT, deep=deep)
        model = model_of(config, random_state(config, 8))
        x = model.visual.tokens(next(video.load_views(frames, config)))
        for block in model.visual.transformer.resblocks:
            x = block(x)
            assert x.shape[1] == config.tokens + count


@pytest.mark.parametrize(
    "long, rounding, expected",
    [(26, "down", 20), (26, "nearest", 21), (25, "nearest", 20), (85, "nearest", 68)],
)
def test_longer_side(long, rounding, expected):
    assert video.longer(16, long, 20, rounding) == expected


def test_crops_rounded_down():
    assert [video.crop_offset(5, crop, 3, "down") for crop in range(3)] == [0, 2, 5]
    assert [video.crop_offset(spare, 0, 1, "down") for spare in (1, 3, 4)] == [0, 1, 2]


def test_frames_past_the_end_wrap_around():
    assert sampling.sample("interval", 5, 4, 2, 1, "wrap") == [[0, 2, 4, 1]]
    assert sampling.sample("center", 5, 4, 2, 1, "wrap") == [[0, 2, 4, 1]]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of shared golden cases")
@pytest.mark.parametrize(
    "name, known",
    [
        ("aim64_t8", {}),
        ("aim64_t4_two", {}),
        ("st64_t8", {"frames": 8}),
        ("st80_t4_pre_mlp_only", {"frames": 4}),
    ],
)
def test_shared_goldens(name, known):
    model = load_model(str(SHARED / f"{name}.pth"), **known)
    answer = classify(model, np.load(SHARED / f"{name}.frames.npy"))
    expected = np.load(SHARED / f"{name}.logits.npy")
    assert np.abs(answer["logits"] - expected).max() < 1e-5 * np.abs(expected).max()
