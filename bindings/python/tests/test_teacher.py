"""The teacher of pre-training: dualpath.train.teacher."""

from __future__ import annotations

import checkpoints
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from dualpath._refused import Refused  # noqa: E402
from dualpath.train.checkpoint import fill, read_weights  # noqa: E402
from dualpath.train.config import Config  # noqa: E402
from dualpath.train.model import DualPath, VisionTransformer  # noqa: E402
from dualpath.train.teacher import Teacher  # noqa: E402

SIZES = checkpoints.Sizes(width=128, patch=16, blocks=3)  # two heads
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@pytest.fixture
def path(tmp_path):
    return checkpoints.save(tmp_path / "teacher.pth", checkpoints.timm(SIZES))


def images(side):
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.uniform(-1, 1, (2, 3, side, side)).astype(np.float32))


def test_tokens_are_those_of_the_image_transformer(path):
    """With all blocks, its last norm makes of them what the whole transformer answers."""
    teacher = Teacher(path, 4, 3)
    assert teacher.side == 64 and teacher.width == 128
    weights = read_weights(path)
    visual = VisionTransformer(Config(
        image_size=64, patch_size=16, width=128, heads=2, blocks=3, mlp_width=96))
    fill(visual, weights)
    told = teacher.tokens(images(64))
    norm = visual.ln_post
    expected = visual.image_tokens(images(64))
    # Only the norm's epsilon differs, and rounding in f32: 7e-8 seen.
    assert (told * norm.weight + norm.bias - expected).abs().max() < 1e-6 * expected.abs().max()
    assert told.shape == (2, 17, 128)
    assert told.mean(-1).abs().max() < 1e-4 and (told.var(-1, unbiased=False) - 1).abs().max() < 1e-3


def test_tokens_are_those_after_so_many_blocks(path, tmp_path):
    tensors = {name: tensor for name, tensor in checkpoints.timm(SIZES).items()
               if not name.startswith("blocks.2.")}
    shorter = checkpoints.save(tmp_path / "shorter.pth", tensors)
    told = Teacher(path, 4, 2).tokens(images(64))
    assert torch.equal(told, Teacher(shorter, 4, 2).tokens(images(64)))
    assert not torch.allclose(told, Teacher(path, 4, 3).tokens(images(64)), atol=0.1)


def test_it_looks_at_as_many_patches_as_its_student(path):
    teacher = Teacher(path, 3, 2)
    assert teacher.side == 48 and teacher.tokens(images(48)).shape == (2, 10, 128)


def test_blocks_that_it_does_not_have(path):
    with pytest.raises(ValueError, match=r"teacher_blocks = 4, and .*teacher.pth has 3 blocks"):
        Teacher(path, 4, 4)


def test_heads_that_are_not_of_64_channels(tmp_path):
    tensors = checkpoints.timm(checkpoints.Sizes(width=96, patch=16))
    path = checkpoints.save(tmp_path / "teacher.pth", tensors)
    with pytest.raises(Refused, match="has 96 channels, which are not known to be heads of 64"):
        Teacher(path, 4, 2)


def test_a_tensor_that_is_missing(tmp_path):
    tensors = checkpoints.timm(SIZES)
    del tensors["norm.bias"]
    path = checkpoints.save(tmp_path / "teacher.pth", tensors)
    with pytest.raises(ValueError, match=r"teacher.pth has no tensor visual.ln_post.bias"):
        Teacher(path, 4, 2)


@pytest.mark.parametrize(("changes", "complaint"), [
    ({"pre_norm": True}, "has a norm before its blocks, as CLIP has: it is no teacher"),
    ({"activation": "quick_gelu"}, "activation is quick_gelu, and gelu in a teacher"),
    ({"mean": (0.4, 0.5, 0.5)}, "image_mean is "),
])
def test_who_is_no_teacher(tmp_path, changes, complaint):
    config = Config(image_size=64, patch_size=16, width=64, heads=1, blocks=1, mlp_width=64,
                    position="sincos-3d", **{**HALF, **changes})
    path = tmp_path / "teacher.pth"
    torch.save({"model": DualPath(config).state_dict(), "dualpath": config.stated()}, path)
    with pytest.raises((Refused, ValueError), match=f"teacher.pth.* ?{complaint}"):
        Teacher(str(path), 4, 1)
