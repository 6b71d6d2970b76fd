"""Recipes, options, label files and arrays that are sound, and those that are refused."""

from __future__ import annotations

import pytest
from conftest import ROOT

pytest.importorskip("torch", reason="PyTorch is not installed")
from training import command

from dualpath.train.main import main as train
from dualpath.train.recipe import parse, read_recipe


def test_words_of_the_command_line(five_clips, capsys):
    for words in (["--threads", "0"], ["--views", "none"]):
        with pytest.raises(SystemExit):
            train([*command(five_clips), *words])
    assert "is not a number of at least 1" in capsys.readouterr().err
    assert train(command(five_clips, "--device", "nowhere")) == 1
    assert "dualpath-train: --device nowhere: " in capsys.readouterr().err


def test_changes_leave_the_rest_of_a_table(five_clips):
    recipe = read_recipe(str(five_clips / "recipe.toml"), ["model.adapters.s1=24"])
    assert recipe.model.adapters == {"s1": 24, "s2": 8, "t0": 8, "t1": 8, "t2": 8}
    recipe = read_recipe(str(five_clips / "recipe.toml"), ["model.adapters={ s1 = 24 }"])
    assert recipe.model.adapters == {"s1": 24} and recipe.model.heads == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("model.width=3", "model: unknown key 'width'"),
        ("train.epochs=0", "train.epochs = 0 is not above 0"),
        ("train.epochs=", "--set train.epochs="),
        ("train.learning_rate=nan", "train.learning_rate = nan is not finite"),
        ("train.weight_decay=-1", "train.weight_decay = -1.0 is below 0"),
        ("name=3", "name = 3 is not of type str"),
        ('name="a/b"', "name = 'a/b' is not the name of a file"),
        ("smoothing=2", "smoothing = 2.0 is not between 0 and 1"),
        ("augment.mix=1.5", "augment.mix = 1.5 is not between 0 and 1"),
        ("images.drop_until=-0.1", "images.drop_until = -0.1 is not between 0 and 1"),
        ("camera.zoom=[2, 1]", "camera.zoom = [2.0, 1.0] is not the least and the most"),
        ("model.adapters.s1=0", "model.adapters = {'s1': 0, "),
        ("model.adapters.s1=1.5", "model.adapters.s1 = 1.5 is not of type int"),
        ("model.std=[1, 0, 1]", "model.std = [1.0, 0.0, 1.0] is not three numbers above 0"),
        ("model.frames=0", "model.frames = 0 is not at least 1"),
        ("data.cache_side=0", "data.cache_side = 0 is not at least 1"),
        ('data.held_out="test"', "data.train is missing"),
        ('data={clips="clips", train="a", held_out="a"}', "data.held_out = 'a' is what is trained"),
        ('kind="camera"', "data.size is missing"),
        ("train.epochs=1.5", "train.epochs = 1.5 is not of type int"),
        ('kind="sounds"', "kind = 'sounds' is not one of"),
        ('model.paths="none"', "paths: 'none' is not"),
        ("model.image_size=50", "image_size = 50 is not a multiple of patch_size = 8"),
        ("model.adapters={ s9 = 4 }", "adapters: 's9' is not one of"),
        ('model.backbone="none.pth"', "none.pth"),
        ("model.mean=[1]", "model.mean is not three numbers"),
        ('data.clips="nowhere"', "nowhere"),
        ('data.train="test"', "clips/test"),
        ("camera.zoom=[0.5, 2]", "camera.zoom = [0.5, 2.0] is not above 1"),
        ("name.b=1", "--set name.b=1: name is not a table"),
        ('data={clips="broken"}', "clip.mp4"),
    ],
)
def test_refused(five_clips, capsys, change, complaint):
    (five_clips / "broken" / "a").mkdir(parents=True)
    (five_clips / "broken" / "a" / "clip.mp4").write_bytes(bytes(1000))
    assert train(command(five_clips, "--set", change)) == 1
    error = capsys.readouterr().err
    assert error.startswith("dualpath-train: ") and complaint in error


def test_recipes_of_the_project_are_understood():
    folder = ROOT / "examples" / "models" / "recipes"
    if not folder.is_dir():
        pytest.skip(f"no recipes in {folder}")
    names = {read_recipe(str(path)).name for path in folder.glob("*.toml")}
    assert names >= {"backbone", "human-action", "camera-motion"}


def test_missing_keys():
    with pytest.raises(ValueError, match="train is missing"):
        parse({"name": "x", "kind": "clips"})
    with pytest.raises(ValueError, match="missing 2 required"):
        parse({"name": "x", "kind": "clips", "train": {"epochs": 3}})


@pytest.mark.parametrize(("text", "complaint"), [
    (b"\xef\xbb\xbfbright\ndark\n", None), (b"bright\n\ndark\n", "line 2: a label is empty"),
    (b"dark\nbright\ndark\n", "has a label twice"), (b"\xff\xfe", "not text in UTF-8"),
    (b"", "names no class"),
])
def test_label_files(five_clips, capsys, text, complaint):
    (five_clips / "labels.txt").write_bytes(text)
    status = train(command(
        five_clips, "--set", 'data.labels="labels.txt"', "--set", "train.epochs=1"))
    assert status == (0 if complaint is None else 1)
    if complaint is None:
        assert (five_clips / "levels.labels.txt").read_text() == "bright\ndark\n"
    else:
        assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("data", [
    b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x06\x00{'a':", b"PK\x03\x04", b"\x80\x04K\x01.",
    b"\x93NUMPY\x01\x00\x3d\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1<<70,)}\n",
])
def test_array_files_that_are_none(five_clips, capsys, data):
    path = five_clips / "clips" / "bright" / "0.npy"
    path.write_bytes(data)
    assert train(command(five_clips)) == 1
    assert str(path) in capsys.readouterr().err
