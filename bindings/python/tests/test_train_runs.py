"""Runs of training: what they give, that they go on after an interruption, what they replace."""

from __future__ import annotations

import numpy as np
import pytest

import dualpath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import CAMERA, RECIPE, command, trainer_of

from dualpath.convert import main as convert
from dualpath.train.build import Folders, build_job
from dualpath.train.loop import Trainer
from dualpath.train.main import main as train
from dualpath.train.recipe import read_recipe


def test_a_run_on_five_clips(five_clips, capsys):
    assert train(command(five_clips)) == 0
    assert "epoch 12.00 of 12" in capsys.readouterr().err
    assert (five_clips / "levels.labels.txt").read_text() == "bright\ndark\n"
    gguf = str(five_clips / "levels.gguf")
    labels = ["--labels", str(five_clips / "levels.labels.txt")]
    assert convert([str(five_clips / "levels.pth"), "-o", gguf, *labels]) == 0
    with dualpath.Model(gguf) as model, dualpath.Session(model) as session:
        for label, name in (("bright", "bright/0"), ("dark", "dark/4")):
            frames = np.load(five_clips / "clips" / f"{name}.npy")
            assert session.classify(list(frames)).top(1)[0].label == label


def test_what_a_recipe_freezes(five_clips):
    pth, gguf = (str(five_clips / f"frozen.{suffix}") for suffix in ("pth", "gguf"))
    assert train(command(five_clips, "--frozen", pth)) == 0
    assert convert([pth, "-o", gguf]) == 0
    with dualpath.Model(gguf) as model:
        assert model.info.input_size == 48 and model.info.classes == 0


@pytest.mark.parametrize("kind", ["clips", "camera"])
@pytest.mark.parametrize("paths", ["spatial", "temporal"])
def test_one_path_is_trained_alone(five_clips, kind, paths):
    """What the head makes of the other path stays zero, and its adapters stay as they began."""
    (five_clips / "recipe.toml").write_text(CAMERA if kind == "camera" else RECIPE)
    adapters = "model.adapters={ s1 = 4, s2 = 4, t0 = 4, t1 = 4, t2 = 4 }"
    recipe = read_recipe(str(five_clips / "recipe.toml"), [
        f'model.paths="{paths}"', adapters, "model.sampling_rate=1", "augment.lone_path=0.5",
        "train.epochs=1", "train.batch=2", "data.size=6"])
    job = build_job(recipe, Folders(str(five_clips), str(five_clips)))
    assert Trainer(job, recipe.train, str(five_clips / "x.pth")).run()
    visual = job.model.visual
    of_temporal, of_spatial = visual.head.linear1.weight.split(job.config.width, dim=1)
    grown = {name for name, p in visual.named_parameters() if "up_proj.weight" in name and p.any()}
    assert bool(of_temporal.any()) == (paths == "temporal")
    assert bool(of_spatial.any()) == (paths == "spatial")
    assert {name.split(".")[3][0] for name in grown} == {paths[0]}


def test_lone_path_blanks_nothing_of_one_path(five_clips):
    """With one path only, every clip counts, whatever part of them one path is to answer alone."""
    def losses(lone):
        changes = ['model.paths="spatial"', f"augment.lone_path={lone}", "train.epochs=1"]
        trainer = trainer_of(five_clips, *changes)
        assert trainer.run()
        return trainer.losses

    assert losses(0) == losses(1)


def test_evaluation_is_as_exact_as_training(five_clips, monkeypatch):
    for bf16 in ("true", "false"):
        trainer = trainer_of(five_clips, f"train.bf16={bf16}")
        monkeypatch.setattr(trainer.job, "evaluate", lambda _: str(torch.is_autocast_enabled("cpu")))
        assert trainer.evaluate().lower() == bf16


def test_gradients_that_are_not_finite(five_clips, monkeypatch):
    trainer = trainer_of(five_clips)
    step = trainer.job.step

    def without_slope(*batch):
        outcome = step(*batch)
        return outcome._replace(loss=(0 * outcome.loss).sqrt())

    monkeypatch.setattr(trainer.job, "step", without_slope)
    with pytest.raises(FloatingPointError, match="the gradient of step 0 is not finite"):
        trainer.run()


@pytest.mark.parametrize("muon", ["false", "true"])
def test_interrupted_and_resumed(five_clips, monkeypatch, muon):
    if muon == "true" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    torch.set_num_threads(1)
    change = f"train.muon={muon}"
    whole = trainer_of(five_clips, change)
    assert whole.run()
    assert len(whole.losses) == 24

    first = trainer_of(five_clips, change)
    step = first.job.step

    def interrupted(indices, progress, draw):
        if first.step == 9:  # in the middle of an epoch
            raise KeyboardInterrupt
        return step(indices, progress, draw)

    monkeypatch.setattr(first.job, "step", interrupted)
    assert not first.run()
    second = trainer_of(five_clips, change)
    second.resume(second.output)
    assert second.run()
    assert first.losses + second.losses == whole.losses


def test_time_limit_and_resume(five_clips, capsys):
    assert train(command(five_clips, "--time-limit", "0")) == 1
    assert "go on with --resume" in capsys.readouterr().out
    assert train(command(five_clips, "--resume")) == 0
    assert train(command(five_clips, "--resume", "--set", "train.epochs=3")) == 1
    assert "is of a run of 24 steps, not 6" in capsys.readouterr().err


def test_a_checkpoint_is_not_replaced_by_accident(five_clips, capsys):
    once = command(five_clips, "--set", "train.epochs=1")
    assert train(once) == 0
    before = (five_clips / "levels.pth").stat().st_mtime_ns
    assert train(once) == 1
    assert "levels.pth exists: --resume goes on from it" in capsys.readouterr().err
    assert (five_clips / "levels.pth").stat().st_mtime_ns == before
    assert train([*once, "--force"]) == 0


def test_evaluation_with_views(five_clips, capsys):
    changes = ["--set", 'data.clips="clips"', "--set", "train.epochs=1", 
               "--set", "augment.mix=0.4", "--set", "augment.lone_path=0.5"]
    assert train(command(five_clips, *changes)) == 0
    (five_clips / "list.csv").write_text(
        "path,split,label\n" + "".join(f"clips/{name}.npy,test,{label}\n" for name, label in
                                       (("bright/0", 0), ("bright/1", 0), ("dark/3", "dark")))
        + "clips/bright/2.npy,train,0\n")
    (five_clips / "labels.txt").write_text("bright\ndark\n")
    lists = ['data.clips="list.csv"', 'data.labels="labels.txt"', 'data.held_out="test"',
             'data.train="train"']
    more = [word for change in lists for word in ("--set", change)]
    checkpoint = str(five_clips / "levels.pth")
    assert train(command(five_clips, *more, "--evaluate", checkpoint, "--views", "3")) == 0
    assert " of 3, " in capsys.readouterr().out


def test_a_frozen_checkpoint_is_not_replaced_by_accident(five_clips, capsys):
    pth = five_clips / "frozen.pth"
    pth.write_bytes(b"mine")
    assert train(command(five_clips, "--frozen", str(pth))) == 1
    assert "exists: --force replaces it" in capsys.readouterr().err
    assert pth.read_bytes() == b"mine"
    assert train(command(five_clips, "--frozen", str(pth), "--force")) == 0
    assert pth.read_bytes() != b"mine"
    nowhere = str(five_clips / "nowhere" / "frozen.pth")
    assert train(command(five_clips, "--frozen", nowhere)) == 1
    assert f"{nowhere} cannot be written" in capsys.readouterr().err
