"""Checkpoints and backbones: what they state, what goes together, what is damaged."""

from __future__ import annotations

import argparse
import dataclasses

import pytest

import dualpath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import SMALL, command

from dualpath._gguf_reader import read_weight_file
from dualpath.convert import main as convert
from dualpath.train.checkpoint import read_weights
from dualpath.train.loop import read_checkpoint
from dualpath.train.main import main as train
from dualpath.train.model import DualPath


@pytest.mark.parametrize("option", ["--resume", "--evaluate"])
def test_checkpoints_that_are_none(five_clips, capsys, option):
    path = five_clips / "levels.pth"
    words = [option] if option == "--resume" else [option, str(path)]
    for content in (b"", b"no checkpoint", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        assert train(command(five_clips, *words)) == 1
        assert f"dualpath-train: {path}" in capsys.readouterr().err
    for content, complaint in (
            ({"steps": 24}, "without a model"),
            ({"steps": 24, "step": 0, "model": {}, "lessons": {}, "optimizer": []}, "not of this"),
            ({"steps": 24, "model": {"visual.strange": torch.zeros(1)}}, "is not of this recipe")):
        torch.save(content, path)
        assert train(command(five_clips, *words)) == 1
        assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(("key", "value"), [
    ("grid", 4.0), ("frames", True), ("attention.layer_norm_epsilon", float("nan")),
    ("attention.layer_norm_epsilon", 2), ("adapter.scale", 1e39), ("adapter.scale", "2"),
    ("activation", "tanh"), ("adapter.serial_skip", 1), ("position.kind", ["table"]),
    ("image_mean", [0, 0]), ("image_std", [1, 0, 1]), (None, ["grid"]),
])
def test_what_a_checkpoint_may_not_state(tmp_path, capsys, key, value):
    pth, gguf = str(tmp_path / "model.pth"), tmp_path / "model.gguf"
    torch.save({"model": DualPath(SMALL).state_dict(),
                "dualpath": {**SMALL.stated(), key: value} if key else value}, pth)
    assert convert([pth, "-o", str(gguf)]) == 1 and not gguf.exists()
    assert (key or "no dictionary") in capsys.readouterr().err


def test_a_checkpoint_is_tensors_and_plain_values(five_clips):
    """PyTorch's own safe loading takes it; the converter finds the arguments of the run."""
    assert train(command(five_clips, "--set", "train.epochs=1")) == 0
    path = str(five_clips / "levels.pth")
    saved = torch.load(path, weights_only=True)
    assert saved["args"]["num_frames"] == 16 and type(saved["args"]) is dict
    assert convert([path, "-o", str(five_clips / "levels.gguf")]) == 0
    frozen = str(five_clips / "frozen.pth")
    assert train(command(five_clips, "--frozen", frozen)) == 0
    torch.load(frozen, weights_only=True)


def test_a_checkpoint_of_the_released_code_is_read(tmp_path):
    path = str(tmp_path / "released.pth")
    torch.save({"model": DualPath(SMALL).state_dict(), "args": argparse.Namespace(a=1)}, path)
    assert read_checkpoint(path, torch.device("cpu"))["args"].a == 1


def test_what_a_checkpoint_states_is_written(tmp_path):
    """Values that are nobody's default, whole numbers where a float is meant; an option beats them."""
    config = dataclasses.replace(
        SMALL, mean=(0, 0.25, 0.75), std=(1, 0.5, 2), adapter_scale=2, sampling_rate=7,
        spatial_frames=4, serial_skip=True)
    pth, gguf = str(tmp_path / "model.pth"), str(tmp_path / "model.gguf")
    torch.save({"model": DualPath(config).state_dict(), "dualpath": config.stated()}, pth)
    assert convert([pth, "-o", gguf, "--spatial-frames", "2", "--no-serial-skip"]) == 0
    written = read_weight_file(gguf).metadata
    expected = {**config.stated(), "spatial_frames": 2, "adapter.serial_skip": False}
    for key, value in expected.items():
        told = written[f"dualpath.{key}"]
        exact = isinstance(value, (str, bool))
        assert told == (value if exact else pytest.approx(value)), key  # numbers become f32
    with dualpath.Model(gguf) as model:
        assert model.sampling_rate == 7


def test_a_weight_file_is_a_backbone(five_clips, capsys):
    """A task is trained on what a shipped weight file holds, in q8_0, and is a task of that file."""
    gguf, task = (str(five_clips / name) for name in ("frozen.gguf", "task.gguf"))
    pth = str(five_clips / "frozen.pth")
    assert train(command(five_clips, "--frozen", pth)) == 0
    assert convert([pth, "-o", gguf, "--type", "q8_0"]) == 0
    on_it = ["--set", 'model.backbone="frozen.gguf"', "--set", "train.epochs=1"]
    assert train(command(five_clips, *on_it)) == 0
    capsys.readouterr()
    assert convert([str(five_clips / "levels.pth"), "-o", task, "--task-of", gguf]) == 0
    assert "frozen tensors are those of" in capsys.readouterr().out
    exact = read_weights(gguf).tensors["transformer.resblocks.0.mlp.c_fc.weight"]
    saved = torch.load(five_clips / "levels.pth", weights_only=False)["model"]
    assert (saved["visual.transformer.resblocks.0.mlp.c_fc.weight"] == exact).all()


@pytest.mark.parametrize("suffix", ["pth", "gguf"])
@pytest.mark.parametrize(("change", "key", "ours"), [
    ('activation="relu"', "activation", "relu"),
    ("layer_norm_eps=1e-5", "attention.layer_norm_epsilon", "1e-05"),
    ("heads=4", "attention.head_count", "4"),
    ("mean=[0.4, 0.5, 0.5]", "image_mean", "[0.4, 0.5, 0.5]"),
    ("std=[0.4, 0.5, 0.5]", "image_std", "[0.4, 0.5, 0.5]"),
])
def test_a_backbone_is_used_as_it_was_trained(five_clips, capsys, change, key, ours, suffix):
    pth = str(five_clips / "frozen.pth")
    assert train(command(five_clips, "--frozen", pth)) == 0
    assert convert([pth, "-o", str(five_clips / "frozen.gguf")]) == 0
    more = ["--set", f'model.backbone="frozen.{suffix}"', "--set", f"model.{change}"]
    assert train(command(five_clips, *more)) == 1
    said = capsys.readouterr().err
    assert f"frozen.{suffix}: {key} is " in said and f", and {ours} in the recipe" in said


@pytest.mark.parametrize("option", ["--resume", "--evaluate"])
@pytest.mark.parametrize("change", ["model.serial_skip=false", "model.heads=4", "model.frames=32"])
def test_a_checkpoint_goes_on_as_it_began(five_clips, capsys, change, option):
    changes = ["--set", "train.epochs=2", "--set", "model.spatial_frames=8"]
    assert train(command(five_clips, *changes, "--time-limit", "0.0001")) == 1
    capsys.readouterr()
    checkpoint = [str(five_clips / "levels.pth")] if option == "--evaluate" else []
    assert train(command(five_clips, *changes, "--set", change, option, *checkpoint)) == 1
    key = change.split(".")[1].split("=")[0]
    assert {"heads": "head_count"}.get(key, key) in capsys.readouterr().err


def test_another_look_at_clips_is_taken_by_a_checkpoint(five_clips, capsys):
    """Frames that are farther apart than in training are for the user to choose."""
    assert train(command(five_clips, "--set", "train.epochs=1")) == 0
    other = ["--set", "model.sampling_rate=3", "--evaluate", str(five_clips / "levels.pth")]
    assert train(command(five_clips, *other)) == 0


@pytest.mark.parametrize("width", [1280, 32])
def test_heads_that_a_width_does_not_tell(five_clips, capsys, width):
    wide = dataclasses.replace(SMALL, width=width, heads=1, adapters={}, head_width=None, classes=0)
    torch.save({"model": DualPath(wide).state_dict()}, five_clips / "backbone.pth")
    recipe = five_clips / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("heads = 2", ""))
    assert train(command(five_clips)) == 1
    assert f"model.heads is missing: a width of {width} does not tell them" in capsys.readouterr().err


def _lacks(name):
    return lambda state: {k: v for k, v in state.items() if name not in k}


@pytest.mark.parametrize(("change", "complaint"), [
    (_lacks("conv1.weight"), "backbone.pth"),
    (_lacks("positional_embedding"), "has no tensor visual.positional_embedding"),
    (_lacks("mlp.c_fc"), "has no tensor visual.transformer.resblocks.0.mlp.c_fc.weight"),
    (lambda s: {**s, "visual.positional_embedding": torch.zeros(18, 32)}, "has 18 rows"),
    (lambda s: {**s, "visual.positional_embedding": torch.zeros(1, 32)}, "has 1 rows"),
    (lambda s: {**s, "visual.ln_post.weight": torch.zeros(())}, "ln_post.weight has shape []"),
    (lambda s: {**s, "visual.ln_post.weight": torch.zeros(3)}, "has the shape [3]"),
])
def test_backbones_that_are_none(five_clips, capsys, change, complaint):
    path = five_clips / "backbone.pth"
    state = torch.load(path, weights_only=True)["model"]
    torch.save({"model": change(state)}, path)
    assert train(command(five_clips)) == 1
    said = capsys.readouterr().err
    assert complaint in said and "backbone.pth" in said


def test_checkpoints_that_are_damaged(tmp_path):
    """Whatever a damaged pickle asks for: a sentence that names the file, never a traceback."""
    path = tmp_path / "damaged.pth"
    torch.save({"model": DualPath(SMALL).state_dict(), "args": argparse.Namespace(a=1)}, path)
    whole, refused = path.read_bytes(), 0
    begin = whole.index(b"data.pkl") + 20
    for place in range(begin, begin + 400, 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x5A
        path.write_bytes(damaged)
        try:
            read_checkpoint(str(path), torch.device("cpu"))
        except ValueError as error:
            assert "damaged.pth" in str(error)
            refused += 1
    assert refused > 20  # of 134 places: bytes of tensors' names and sizes may change unseen


@pytest.mark.parametrize(("change", "complaint"), [
    ({"step": 1000}, "after step 1000 of 24"), ({"step": -1}, "after step -1"),
    ({"step": None}, "after step None"), ({"optimizer": []}, "it has 0 optimizers, not 1"),
    ({"optimizer": [None]}, "is not of this recipe"), ({"lessons": None}, "is not of this recipe"),
    ({"dualpath": {"frames": "many"}}, "the checkpoint says that frames is many"),
])
def test_runs_that_cannot_go_on(five_clips, capsys, change, complaint):
    assert train(command(five_clips, "--time-limit", "0.0001")) == 1
    path = five_clips / "levels.pth"
    saved = torch.load(path, weights_only=False)
    torch.save({**saved, **change}, path)
    capsys.readouterr()
    assert train(command(five_clips, "--resume")) == 1
    said = capsys.readouterr().err
    assert complaint in said and "levels.pth" in said
