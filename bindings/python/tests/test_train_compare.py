"""dualpath.train.compare: what is equal for all methods, and the table that it writes."""

from __future__ import annotations

import copy
import os
import re

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from conftest import ROOT
from training import needs_converter

import dualpath
from dualpath.train.build import Folders, build_job
from dualpath.train.compare import Cost, Row, markdown
from dualpath.train.compare import main as compare
from dualpath.train.comparison import parse_comparison, read_comparison
from dualpath.train.loop import Trainer
from dualpath.train.protocol import USUAL

COMPARISON = """
name = "all"
kind = "clips"
seeds = [1, 3]
[model]
backbone = "backbone.pth"
heads = 2
image_size = 48
sampling_rate = 1
[data]
clips = "list.csv"
labels = "labels.txt"
train = "train"
held_out = "test"
cache_side = 48
[augment]
flip = false
[train]
epochs = 4
batch = 2
learning_rate = 5e-3
bf16 = false
[methods.probe]
[methods.probe.train]
learning_rate = 1e-2
[methods.vpt]
prompts = 2
[methods.vpt-shallow]
method = "vpt"
prompts = 2
deep = false
[methods.adaptformer]
adapters = { mlp = 4 }
[methods.st-adapter]
adapters = { conv_mlp = 4 }
[methods.aim]
adapters = { time = 4, space = 4, mlp = 4 }
[methods.dualpath]
head_width = 8
adapters = { s1 = 4, t1 = 4 }
"""
NAMES = ["probe", "vpt", "vpt-shallow", "adaptformer", "st-adapter", "aim", "dualpath"]


@pytest.fixture
def folder(five_clips):
    """A list of five clips, of which three are trained on, and a comparison."""
    paths = sorted((five_clips / "clips").glob("*/*.npy"))
    splits = ["train", "test", "train", "train", "test"]
    rows = [f"clips/{path.parent.name}/{path.name},{split},{path.parent.name}\n"
            for path, split in zip(paths, splits)]
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(rows))
    (five_clips / "labels.txt").write_text("bright\ndark\n")
    (five_clips / "all.toml").write_text(COMPARISON)
    return five_clips


def command(folder, *more: str) -> list[str]:
    return [str(folder / "all.toml"), "--data", str(folder), "--work", str(folder),
            "--threads", "1", *more]


def test_methods_share_all_but_themselves(folder):
    comparison = read_comparison(str(folder / "all.toml"))
    assert list(comparison.methods) == NAMES and comparison.seeds == [1, 3]
    recipes = [recipe for each in comparison.methods.values() for recipe in each]
    assert len({recipe.name for recipe in recipes}) == len(recipes) == 14
    for recipe in recipes:
        assert recipe.protocol == USUAL  # also of those that were published with another
        assert recipe.data == recipes[0].data and recipe.augment == recipes[0].augment
        assert (recipe.train.epochs, recipe.train.batch) == (4, 2)
        assert recipe.model.frames == 16 and recipe.model.image_size == 48
    assert [r.train.seed for r in comparison.methods["aim"]] == [1, 3]
    assert [each[0].model.method for each in comparison.methods.values()] == [
        "probe", "vpt", "vpt", "adaptformer", "st-adapter", "aim", "dualpath"]
    assert comparison.methods["probe"][0].train.learning_rate == 1e-2
    assert comparison.methods["aim"][0].train.learning_rate == 5e-3


def test_changes(folder):
    changes = ["seeds=[5]", 'protocol.sampling="uniform"', "train.epochs=2"]
    comparison = read_comparison(str(folder / "all.toml"), changes)
    recipe, = comparison.methods["st-adapter"]
    assert recipe.train.seed == 5 and recipe.train.epochs == 2
    assert recipe.protocol.sampling == "uniform" and recipe.protocol.views == 1


@pytest.mark.parametrize(("change", "words"), [
    ({"methods": None}, "there is no table [methods.NAME]"),
    ({"methods": {}}, "there is no table [methods.NAME]"),
    ({"methods": {"aim": 3}}, "methods.aim is not a table"),
    ({"methods": {"a/b": {"method": "probe"}}}, "part of that of a file"),
    ({"methods": {"vpt": {"frames": 8}}}, "methods.vpt.frames: it is the same for all"),
    ({"methods": {"vpt": {"train": {"epochs": 8}}}}, "methods.vpt.train.epochs: all methods have"),
    ({"methods": {"vpt": {"train": 8}}}, "methods.vpt.train is not a table"),
    ({"methods": {"vpt": {"grid": 2}}}, "with methods.vpt: model.grid is not an option of vpt"),
    ({"methods": {"mine": {"method": "x"}}}, "with methods.mine: model.method = 'x'"),
    ({"seeds": []}, "seeds = [] is not a list"), ({"seeds": [1, 1]}, "is not a list of different"),
    ({"seeds": [True]}, "is not a list"), ({"seeds": 1}, "is not a list"),
    ({"kind": "camera"}, "kind = 'camera': methods are compared on 'clips'"),
    ({"name": 3}, "name is missing"), ({"data": {"clips": "x"}}, "data.held_out is missing"),
    ({"train": 3}, "train is not a table"), ({"strange": 3}, "unknown key 'strange'"),
])
def test_comparisons_that_are_refused(change, words):
    table = {"name": "n", "kind": "clips", "data": {"clips": "x", "train": "a", "held_out": "b"},
             "train": {"epochs": 1, "batch": 1, "learning_rate": 1e-3}, "methods": {"probe": {}}}
    parse_comparison(copy.deepcopy(table))
    with pytest.raises(ValueError) as caught:
        parse_comparison({**table, **change})
    assert words in str(caught.value)


def test_comparisons_of_the_project_are_understood():
    path = ROOT / "examples" / "models" / "comparisons" / "human-action.toml"
    if not path.exists():
        pytest.skip(f"no {path}")
    comparison = read_comparison(str(path))
    assert set(comparison.methods) == {
        "probe", "vpt", "adaptformer", "st-adapter", "aim", "dualpath"}


def test_table():
    cost = Cost(12345, 1_234_567_890, 4.56)
    assert markdown([Row("aim", cost, [3, 4], 4), Row("probe", cost, [1], 3)]) == """\
| method | trained parameters | multiply-adds a view | ms a clip | top-1 |
| --- | ---: | ---: | ---: | --- |
| aim | 12,345 | 1.235 G | 4.6 | 87.5% (75.0%, 100.0%) |
| probe | 12,345 | 1.235 G | 4.6 | 33.3% |
"""


@needs_converter
def test_the_table_is_the_librarys(folder, capsys):
    """A run that was stopped and goes on; its numbers are those of training and of the files."""
    assert compare(command(folder, "--time-limit", "0")) == 1
    assert "stopped; the same command goes on" in capsys.readouterr().err
    assert compare(command(folder)) == 0
    table = capsys.readouterr().out
    assert (folder / "all.md").read_text() == table
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")]
             for line in table.splitlines()[2:]]
    assert [line[0] for line in lines] == NAMES
    comparison = read_comparison(str(folder / "all.toml"))
    for name, trained, macs, milliseconds, top1 in lines:
        shares = []
        for recipe in comparison.methods[name]:
            job = build_job(recipe, Folders(str(folder), str(folder)))
            trainer = Trainer(job, recipe.train, str(folder / "unused.pth"))
            trainer.load(str(folder / f"{recipe.name}.pth"))
            right = int(re.match(r"held out (\d) of 2", trainer.evaluate())[1])
            shares.append(f"{right / 2:.1%}")
        assert top1.endswith(f"({', '.join(shares)})")
        assert int(trained.replace(",", "")) == sum(
            p.numel() for p in job.model.parameters() if p.requires_grad)
        with dualpath.Model(str(folder / f"{recipe.name}.gguf")) as model:
            assert macs == f"{model.info.macs / 1e9:.3f} G"
            assert model.info.method == recipe.model.method
            assert list(model.labels) == ["bright", "dark"]
        assert float(milliseconds) >= 0


@needs_converter
def test_what_is_trained_is_not_trained_again(folder, capsys):
    only = ["--set", "seeds=[1]", "--set", "train.epochs=1"]
    (folder / "all.toml").write_text(COMPARISON[: COMPARISON.index("[methods.vpt]")])
    assert compare(command(folder, *only)) == 0
    before = os.stat(folder / "all-probe-1.pth").st_mtime_ns
    first = capsys.readouterr().out
    assert compare(command(folder, *only)) == 0
    assert os.stat(folder / "all-probe-1.pth").st_mtime_ns == before
    again = capsys.readouterr().out
    assert [line.split("|")[1:4] for line in again.splitlines()] == [
        line.split("|")[1:4] for line in first.splitlines()]
    assert compare(command(folder, "--set", "seeds=[1]")) == 1  # of other steps
    assert "is of a run of 1 steps, not 4" in capsys.readouterr().err


def test_complaints_name_the_file(folder, capsys):
    assert compare(command(folder, "--set", "seeds=[]")) == 1
    assert f"compare: {folder / 'all.toml'}: seeds = []" in capsys.readouterr().err
    assert compare([str(folder / "none.toml")]) == 1
    assert "none.toml" in capsys.readouterr().err
