"""What class tokens attend to, and the same by PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT

import dualpath

KINDS = ["last", "rollout"]


def frames_for(model, golden):
    """As many frames as the model takes, of those of the golden case."""
    frames = golden.load("frames")
    return frames[np.arange(model.frames) % len(frames)]


class TestAttention:
    @pytest.mark.parametrize("kind", KINDS)
    def test_shapes(self, model, clip, answer, kind):
        with dualpath.Session(model, attention=kind) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
            attention = session.attention()
        info = model.info
        heads = info.heads if kind == "last" else 1
        tokens = (info.input_size // info.patch_size) ** 2 + 1
        assert attention.spatial.shape == (info.spatial_frames, heads, tokens)
        assert attention.temporal.shape == (info.framesets, heads, tokens)
        for weights in attention:
            assert weights.dtype == np.float32 and weights.flags.owndata
            np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)

    def test_size(self, model):
        sizes = [dualpath.Session.size(model, threads=1, attention=k) for k in ("none", *KINDS)]
        assert sizes[0] < sizes[1] and sizes[0] < sizes[2]
        with dualpath.Session(model, threads=1, attention="last", arena=sizes[1]):
            pass

    def test_mistakes(self, model, session, clip):
        with pytest.raises(ValueError, match="unknown attention 'first': one of none, last, rollout"):
            dualpath.Session(model, attention="first")
        session.classify(clip, sampling="given")
        with pytest.raises(dualpath.ArgumentError, match="keeps no attention"):
            session.attention()
        with dualpath.Session(model, attention="last") as other:
            with pytest.raises(dualpath.ArgumentError, match="has no attention"):
                other.attention()


@pytest.fixture(scope="module")
def torch():
    if not (ROOT / "tests" / "reference").is_dir():
        pytest.skip("no tests/reference here")
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def reference_weights(torch, path, frames):
    """The attention weights of each block, [images, heads, N, N], of the temporal and then of the
    spatial path."""
    from tests.reference.run import classify, load_model

    model = load_model(path, torch.float64)
    weights = []

    def see(attention, inputs):
        (x,) = inputs
        images, tokens, width = x.shape
        size = width // attention.heads
        qkv = torch.nn.functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        q, k, _ = qkv.reshape(images, tokens, 3, attention.heads, size).permute(2, 0, 3, 1, 4)
        weights.append((q @ k.transpose(-1, -2) / size**0.5).softmax(dim=-1).numpy())

    for block in model.visual.transformer.resblocks:
        block.attn.register_forward_pre_hook(see)
    classify(model, frames, policy="given")
    half = len(weights) // 2
    return weights[:half], weights[half:]


def roll_out(blocks):
    """Through all blocks, the class token's row, [images, 1, N]."""
    product = np.eye(blocks[0].shape[-1])
    for weights in blocks:
        product = (weights.mean(axis=1) + np.eye(weights.shape[-1])) / 2 @ product
    return product[:, :1]


class TestAgainstPyTorch:
    @pytest.mark.parametrize("unfused", [False, True], ids=["fused", "unfused"])
    def test_weights(self, torch, golden, unfused, monkeypatch):
        monkeypatch.syspath_prepend(str(ROOT))
        with dualpath.Model(golden.model, unfused=unfused) as model:
            frames = frames_for(model, golden)
            temporal, spatial = reference_weights(torch, golden.model, frames)
            for kind in KINDS:
                with dualpath.Session(model, attention=kind) as session:
                    session.classify(frames, sampling="given", crops=1)
                    got = session.attention()
                for weights, blocks in ((got.spatial, spatial), (got.temporal, temporal)):
                    expected = blocks[-1][:, :, 0] if kind == "last" else roll_out(blocks)
                    # float32 through all blocks, where scores become relative errors of weights
                    np.testing.assert_allclose(weights, expected, rtol=2e-4, atol=1e-6)
