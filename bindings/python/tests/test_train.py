"""dualpath.train against the reference implementation, against the library, and against itself."""

from __future__ import annotations

import argparse
import dataclasses
import sys

import checkpoints
import numpy as np
import pytest
from conftest import GOLDEN, ROOT

import dualpath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from dualpath._gguf_reader import read_weight_file
from dualpath.convert import main as convert
from dualpath.train import pixels
from dualpath.train.album import Photographs
from dualpath.train.build import Folders, build_job
from dualpath.train.camera import (
    LABELS,
    MIRRORED,
    REVERSED,
    Range,
    camera_path,
    flow,
    windows,
)
from dualpath.train.checkpoint import freeze, read_weights, resize_positions
from dualpath.train.clips import Cache, read_clips
from dualpath.train.config import Config
from dualpath.train.images import School, part_told
from dualpath.train.loop import Trainer, read_checkpoint, seeded
from dualpath.train.main import main as train
from dualpath.train.model import DualPath, VisionTransformer
from dualpath.train.mosaics import look_ahead
from dualpath.train.positions import sincos_3d
from dualpath.train.probe import choose_decay
from dualpath.train.probe import main as probe
from dualpath.train.recipe import parse, read_recipe
from dualpath.train.video import as_pixels, mirrored_labels

SMALL = Config(
    image_size=32, patch_size=8, width=32, heads=2, blocks=2, mlp_width=64, head_width=16,
    classes=3, adapters={"s1": 8, "s2": 8, "t0": 8, "t1": 8, "t2": 8},
)
VARIANTS = {
    "small": SMALL,
    "no skip": dataclasses.replace(SMALL, serial_skip=False),
    "paper": dataclasses.replace(
        SMALL, position="sincos-3d", position_grid=False, adapters={"s1": 4, "t1": 12}
    ),
    "table": dataclasses.replace(SMALL, position="table", frames=32, projection=24),
    "clip": dataclasses.replace(
        SMALL, activation="quick_gelu", pre_norm=True, patch_bias=False, layer_norm_eps=1e-5,
        adapter_scale=0.5, adapter_activation="relu", grid=2, image_size=48,
    ),
}


def with_weights(config: Config) -> DualPath:
    """A model in which every tensor counts; adapters begin as zero."""
    model, draw = DualPath(config), seeded(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def some_frames(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, height, width, 3), np.uint8)


def answer(model: DualPath, frames: np.ndarray) -> np.ndarray:
    """Logits for as many frames as the model takes."""
    config = model.config
    view = pixels.centre_view(*frames.shape[1:3], config.image_size)
    clip = pixels.look_twice(as_pixels(frames), view.expand(len(frames), -1, -1), config)
    batch = pixels.batch([clip]).map(lambda x: pixels.normalise(x / 255, config))
    with torch.inference_mode():
        return model(batch)[0].numpy()


def assert_close(logits: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(logits - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("name", VARIANTS)
def test_model_against_reference(name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    reference = pytest.importorskip("tests.reference.config", reason="no tests/reference here")
    from tests.reference.model import DualPath as Reference
    from tests.reference.run import classify

    config = VARIANTS[name]
    model = with_weights(config)
    other = Reference(reference.Config(**dataclasses.asdict(config))).eval()
    other.load_state_dict(model.state_dict())
    frames = some_frames(config.frames, 70, 51)
    assert_close(answer(model, frames), classify(other, frames)["logits"])


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


def movement(label: int, seed: int) -> torch.Tensor:
    """Centre, logarithm of the side and angle of the last window, seen from the first."""
    draw = seeded(seed)
    amount = Range(tremble=0.0, drift=0.0)
    views = windows(camera_path(label, 16, amount, draw), 120, 160, amount, draw)
    corner = views[:, :, :2] * torch.tensor([[160.0], [120.0]]) / 2
    centre = views[:, :, 2] * torch.tensor([160.0, 120.0]) / 2
    size = corner[:, :, 0].norm(dim=-1)
    angle = torch.atan2(corner[:, 1, 0], corner[:, 0, 0])
    path = torch.stack([centre[:, 0], centre[:, 1], size.log(), angle], dim=-1)
    return path[-1] - path[0]


def test_a_camera_does_what_its_label_says():
    for seed in range(5):
        moves = dict(zip(LABELS, (movement(label, seed) for label in range(len(LABELS)))))
        assert moves["static"].abs().max() < 1e-3
        assert moves["pan left"][0] < -5 and moves["pan right"][0] > 5
        assert moves["tilt up"][1] < -5 and moves["tilt down"][1] > 5  # rows count downwards
        assert moves["zoom in"][2] < -0.1 and moves["zoom out"][2] > 0.1
        assert moves["roll clockwise"][3] > 0.1 and moves["roll counter-clockwise"][3] < -0.1


def test_windows_stay_inside_the_picture():
    for seed in range(40):
        draw = seeded(seed)
        path = camera_path(seed % len(LABELS), 16, Range(), draw)
        views = windows(path, 240, 320, Range(), draw)
        reach = views[:, :, :2].abs().sum(-1) + views[:, :, 2].abs()
        assert reach.max() < 1.001


def test_mirrors_know_left_from_right():
    assert mirrored_labels(list(LABELS)) == list(MIRRORED)
    assert [REVERSED[label] for label in REVERSED] == list(range(len(LABELS)))
    assert mirrored_labels(["jump", "swim"]) == [0, 1]
    assert mirrored_labels(["turn left", "swim"]) is None
    for left, right in (("turn_left", "turn_right"), ("LeftTurn", "RightTurn"),
                        ("left-hand wave", "right-hand wave"), ("Turn LEFT", "turn right"),
                        ("anticlockwise", "clockwise"), ("counter clockwise", "clockwise")):
        assert mirrored_labels(["swim", left, right]) == [0, 2, 1]
        assert mirrored_labels(["swim", left]) is None
    assert mirrored_labels(["a bright leftover", "copyright"]) == [0, 1]


def write_clips(folder) -> None:
    """Five short clips in two classes, as arrays: bright ones and dark ones. The camera stands
    still, and something moves at the top."""
    for index, name in enumerate(["bright", "bright", "bright", "dark", "dark"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        level = 150 if name == "bright" else 10
        rng = np.random.default_rng(index)
        frames = np.tile(rng.integers(level, level + 80, (48, 64, 3), np.uint8), (20, 1, 1, 1))
        frames[:, :12] = rng.integers(level, level + 80, (20, 12, 64, 3), np.uint8)
        np.save(folder / name / f"{index}.npy", frames)


def write_backbone(path) -> None:
    frozen = dataclasses.replace(SMALL, adapters={}, head_width=None, classes=0)
    state = DualPath(frozen).state_dict()
    torch.save({"model": {k: v for k, v in state.items() if "spatial_pos" not in k}}, path)


RECIPE = """
name = "levels"
kind = "clips"
[model]
backbone = "backbone.pth"
heads = 2
image_size = 48
sampling_rate = 1
head_width = 16
adapters = { s1 = 8, s2 = 8, t0 = 8, t1 = 8, t2 = 8 }
[data]
clips = "clips"
cache_side = 48
[train]
epochs = 12
batch = 2
learning_rate = 5e-3
"""


@pytest.fixture
def five_clips(tmp_path):
    write_clips(tmp_path / "clips")
    write_backbone(tmp_path / "backbone.pth")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def command(folder, *more: str) -> list[str]:
    work = ["--data", str(folder), "--work", str(folder), "--threads", "1"]
    return [str(folder / "recipe.toml"), *work, *more]


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


def test_a_moving_camera_mixes_no_clips(five_clips):
    (five_clips / "recipe.toml").write_text(CAMERA)

    def losses(mix):
        trainer = trainer_of(five_clips, 'model.paths="spatial"', f"augment.mix={mix}",
                             "model.sampling_rate=1", "train.epochs=1", "train.batch=2", "data.size=6")
        assert trainer.run()
        return trainer.losses

    assert losses(0) == losses(0.9)


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


def trainer_of(folder, *changes: str) -> Trainer:
    recipe = read_recipe(str(folder / "recipe.toml"), list(changes))
    job = build_job(recipe, Folders(str(folder), str(folder)))
    return Trainer(job, recipe.train, str(folder / "levels.pth"))


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


CAMERA = """
name = "camera"
kind = "camera"
[model]
backbone = "backbone.pth"
heads = 2
spatial_frames = 2
image_size = 64
position = "table"
adapters = { t0 = 8, t1 = 8, t2 = 8 }
[data]
clips = "clips"
cache_side = 48
cache_rate = 1
size = 20
[train]
epochs = 1
batch = 10
learning_rate = 1e-3
"""


def test_a_run_of_a_moving_camera(five_clips, monkeypatch, capsys):
    monkeypatch.setattr("dualpath.train.build.HELD_OUT_CAMERA", 10)
    (five_clips / "recipe.toml").write_text(CAMERA)
    assert train(command(five_clips, "--set", "model.sampling_rate=1")) == 0
    assert "held out" not in capsys.readouterr().err
    one_path = ["--set", "model.sampling_rate=1", "--set", 'model.paths="spatial"']
    measured = command(five_clips, "--evaluate", str(five_clips / "camera.pth"), *one_path)
    assert train(measured) == 0  # which has no lesson of how the picture moves
    files = sorted((five_clips / "clips").glob("*/*.npy"))
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(
        f"{file.relative_to(five_clips)},{'train' if i < 4 else 'test'},some name\n"
        for i, file in enumerate(files)))
    splits = ['data.clips="list.csv"', 'data.train="train"', 'data.held_out="test"']
    job = trainer_of(five_clips, "model.sampling_rate=1", *splits).job
    assert [clip.path for clip in job.held_out.source.clips] == [str(files[4])]
    assert [clip.path for clip in job.source.clips] == [str(file) for file in files[:4]]
    assert job.evaluate().startswith("held out ") and " of 10, " in job.evaluate()
    saved = torch.load(five_clips / "camera.pth", weights_only=False)
    assert all(name.startswith("visual.") for name in saved["model"])
    assert set(saved["lessons"]) == {"flow_lesson.weight", "flow_lesson.bias"}


def test_a_moving_camera_needs_one_that_stands_still(five_clips, capsys):
    rng = np.random.default_rng(1)
    for path in (five_clips / "clips").glob("*/*.npy"):
        np.save(path, rng.integers(0, 256, (20, 48, 64, 3), np.uint8))
    (five_clips / "recipe.toml").write_text(CAMERA)
    assert train(command(five_clips, "--set", "model.sampling_rate=1")) == 1
    assert "of 16 frames, of 5 clips, none has a camera" in capsys.readouterr().err


def test_flow_is_what_the_windows_do():
    views = torch.zeros(16, 2, 3)
    views[:, 0, 0] = views[:, 1, 1] = 0.5
    views[:, 0, 2] = 0.1 * torch.arange(16) / 4  # to the right, by 0.1 in four frames
    moved = flow(views, 8, 4)
    torch.testing.assert_close(moved, torch.tensor([[-0.2, 0.0]]).expand(64, -1))


IMAGES = """
name = "images"
kind = "images"
[model]
image_size = 32
heads = 2
sizes = { width = 32, patch_size = 8, blocks = 2, mlp_width = 64 }
[data]
photographs = "train"
held_out_photographs = "train"
more_photographs = ["frames"]
classes = 3
clips = "clips"
cache_side = 48
[images]
teacher = "teacher.pth"
teacher_blocks = 2
mosaics = 2
mosaic_size = 32
[train]
epochs = 2
batch = 8
learning_rate = 1e-3
"""


def write_teacher(folder):
    """A random one of two blocks, with patches of 4 pixels."""
    checkpoints.save(folder / "teacher.pth", checkpoints.timm())


def test_pre_training_makes_a_backbone(five_clips, capsys):
    rng = np.random.default_rng(1)
    np.save(five_clips / "train_x.npy", rng.integers(0, 256, (24, 32, 32, 3), np.uint8))
    np.save(five_clips / "train_y.npy", np.arange(24) % 3)
    np.save(five_clips / "frames_x.npy", rng.integers(0, 256, (8, 48, 48, 3), np.uint8))
    np.save(five_clips / "frames_y.npy", np.full(8, -1))
    write_teacher(five_clips)
    (five_clips / "recipe.toml").write_text(IMAGES)
    assert train(command(five_clips)) == 0
    said = capsys.readouterr().err
    assert " of 24, " in said and ", told " in said and ", movement " in said
    assert train(command(five_clips, "--evaluate", str(five_clips / "images.pth"))) == 0
    assert capsys.readouterr().out.strip() == said.strip().split("left  ")[-1]  # of the last epoch
    saved = torch.load(five_clips / "images.pth", weights_only=False)
    assert all(name.startswith("visual.") for name in saved["model"])
    assert not any("spatial_positional" in name for name in saved["model"])
    for change, complaint in (
            ("model.sizes.layers=3", "model.sizes are to be blocks, mlp_width, patch_size, width"),
            ("data.classes=0", "data.classes is missing"),
            ('data.held_out_photographs="frames"', "of the shape [48, 48, 3]; expected [32, 32, 3]"),
            ("data.classes=2", "train_y.npy has the class 2, and data.classes = 2"),
            ("images.mosaic_size=48", "a multiple of 32"),
            ('images.teacher="none.pth"', "none.pth"),
            ("images.teacher_blocks=0", "teacher_blocks = 0"),
            ("images.teacher_blocks=3", "teacher_blocks = 3, and ")):
        assert train(command(five_clips, "--force", "--set", change)) == 1
        error = capsys.readouterr().err
        assert error.startswith("dualpath-train: ") and complaint in error
    assert {"mosaics.moved.weight", "mosaics.moved.bias"} <= set(saved["lessons"])
    for part, array, complaint in (
            ("x", rng.random((8, 48, 48, 3)), ": not bytes"),
            ("x", np.zeros((0, 48, 48, 3), np.uint8), ": not bytes"),
            ("y", np.zeros(7, np.int64), ": not a number"), ("y", np.array(["a"] * 8), ": not a number"),
            ("y", np.full(8, 3, ">i4"), " has the class 3")):
        path = five_clips / f"frames_{part}.npy"
        whole = path.read_bytes()
        np.save(path, array)
        assert train(command(five_clips, "--force")) == 1
        assert f"frames_{part}.npy{complaint}" in capsys.readouterr().err
        path.write_bytes(whole)
    (five_clips / "recipe.toml").write_text(IMAGES.replace('teacher = "teacher.pth"\n', ""))
    assert train(command(five_clips, "--force")) == 1
    assert "images.teacher is missing" in capsys.readouterr().err
    (five_clips / "recipe.toml").write_text(RECIPE.replace("backbone.pth", "images.pth"))
    assert train(command(five_clips, "--set", "train.epochs=1")) == 0


def image_job(five_clips):
    """A job of pre-training on eight photographs of noise, the first without a label."""
    rng = np.random.default_rng(2)
    np.save(five_clips / "train_x.npy", rng.integers(0, 256, (8, 32, 32, 3), np.uint8))
    np.save(five_clips / "train_y.npy", np.array([-1, 0, 1, 2, 0, 1, 2, 0]))
    write_teacher(five_clips)
    text = IMAGES.replace('more_photographs = ["frames"]\n', "").replace("mosaics = 2", "mosaics = 0")
    (five_clips / "recipe.toml").write_text(text)
    recipe = read_recipe(str(five_clips / "recipe.toml"))
    return build_job(recipe, Folders(str(five_clips), str(five_clips)))


def test_labels_change_nothing_of_the_transformer(five_clips):
    job = image_job(five_clips)
    gradients = []
    for labels in (job.school.sets[0].labels.clone(), torch.tensor([-1, 2, 2, 2, 2, 2, 2, 2])):
        job.school.sets[0].labels[:] = labels
        job.model.zero_grad()
        outcome = job.step(torch.arange(8), 1.0, seeded(1))
        assert outcome.size == 7
        outcome.loss.backward()
        gradients.append({name: p.grad.clone() for name, p in job.model.named_parameters()
                          if p.grad is not None})
    first, second = gradients
    assert first.keys() == second.keys()
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == {"image_head.weight", "image_head.bias"}
    assert first["visual.class_embedding"].abs().max() > 0


def test_which_part_is_told():
    there = torch.randn(50, 4, generator=seeded(1)) * 3 + torch.arange(4.0)
    mean = there.mean(0)
    for told, part in ((there, 1.0), (mean, 0.0), ((there + mean) / 2, 0.75), (2 * mean - there, -3.0)):
        assert part_told(told.expand_as(there), there) == pytest.approx(part, abs=1e-5)


@pytest.mark.parametrize("progress", [0.0, 1.0])  # half of the patches, all of them
def test_each_patch_learns_what_the_teacher_says_there(five_clips, progress):
    """Red grows to the right, green downwards; both tell the mean colours of their patches, and of
    the whole. The teacher looks at a side of 96 pixels."""
    job, n = image_job(five_clips), 50
    levels = 8 * np.arange(32)
    pictures = np.zeros((n, 32, 32, 3), np.uint8)
    pictures[..., 0], pictures[..., 1] = levels, levels[:, None]
    np.save(five_clips / "train_x.npy", pictures)
    np.save(five_clips / "train_y.npy", np.full(n, -1))
    job.school = School([Photographs(str(five_clips / "train"))], 3)
    job.model.teacher_class = job.model.teacher_patch = torch.nn.Identity()

    def colours(images):
        return torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(2).transpose(1, 2)

    def tokens(images):
        seen.append(images)
        patches = colours(images)
        return torch.cat([patches.mean(1, keepdim=True), patches], 1)

    seen = []
    job.teacher.side, job.teacher.tokens = 96, tokens
    job.augment = dataclasses.replace(job.augment, colour=0.0)
    job.model.visual.image_tokens = lambda images, keep=None: (
        tokens(images) if keep is None
        else tokens(images).gather(1, keep[..., None].expand(-1, -1, 3)))
    loss = job.step(torch.arange(n), progress, seeded(4)).loss
    # Along a line, means of 8 and of 24 points are the same, but for crops that touch the edge of their
    # picture, where its outermost pixels are repeated: 2e-6 seen, and 6 when the teacher looks at another crop.
    assert float(loss) < 1e-4
    for_teacher, images = seen
    assert images.shape == (n, 3, 32, 32) and for_teacher.shape == (n, 3, 96, 96)
    assert colours(images)[:, 0, 0].std() > 0.4  # mirrored ones, and crops: 0.65 seen


def test_two_heads_begin_by_looking_at_the_tiles_above_and_below():
    torch.manual_seed(1)
    config = Config(image_size=96, patch_size=8, width=192, heads=3, blocks=1, mlp_width=8)
    visual = VisionTransformer(config)
    look_ahead(visual, config)
    x = visual.embed(torch.rand(1, 3, 96, 96) - 0.5, sincos_3d(config).float())
    block = visual.transformer.resblocks[0]
    qkv = torch.nn.functional.linear(block.ln_1(x), block.attn.in_proj_weight).view(145, 3, 3, 64)
    scores = torch.einsum("qhd,khd->hqk", qkv[:, 0], qkv[:, 1])
    inside = 1 + torch.arange(144).view(12, 12)
    below, above = scores[0].argmax(-1), scores[1].argmax(-1)
    assert (below[inside[3:6]] == inside[6:9]).float().mean() > 0.5  # by chance 1 in 145
    assert (above[inside[6:9]] == inside[3:6]).float().mean() > 0.5  # by chance 1 in 145


def test_a_linear_probe_of_a_frozen_model(five_clips, capsys):
    gguf = str(five_clips / "backbone.gguf")
    assert convert([str(five_clips / "backbone.pth"), "-o", gguf, "--heads", "2", "--activation",
                    "gelu", "--num-frames", "16"]) == 0
    files = sorted((five_clips / "clips").glob("*/*.npy"))
    for file in files:
        np.save(file, np.load(file)[:16])
    lines = [f"{file.relative_to(five_clips)},{split},{int(file.parent.name == 'dark')}\n"
             for split in ("train", "test") for file in files]
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(lines))
    probe([gguf, str(five_clips / "list.csv")])
    assert "linear probe: 5 of 5 clips" in capsys.readouterr().out
    (five_clips / "other.csv").write_text("path,split,label\n" + lines[-1] + lines[0])
    probe([gguf, str(five_clips / "list.csv"), "--test-list", str(five_clips / "other.csv")])
    assert "linear probe: 1 of 1 clips" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="probe: .*none.gguf"):
        probe([str(five_clips / "none.gguf"), str(five_clips / "list.csv")])


def test_a_probe_is_not_misled_by_clips_of_one_scene():
    draw = seeded(1)
    labels = torch.arange(2).repeat_interleave(50)  # two classes of fifty scenes, hard to tell apart
    scenes = torch.randn(100, 200, generator=draw)
    scenes[:, 0] += 2.0 * labels - 1
    clips = scenes.repeat_interleave(4, 0) + 0.01 * torch.randn(400, 200, generator=draw)
    assert choose_decay(clips, labels.repeat_interleave(4), 2) >= 1


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


@pytest.mark.parametrize("paths", ["spatial", "temporal"])
def test_loading_forgets_the_missing_path(paths):
    alone = DualPath(SMALL, paths)
    alone.load_state_dict(with_weights(SMALL).state_dict())
    halves = alone.visual.head.linear1.weight.split(SMALL.width, dim=1)
    assert [bool(half.any()) for half in halves] == [paths == "temporal", paths == "spatial"]


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


def test_cache_keeps_every_nth_frame(tmp_path):
    """Of a video; an array file has the frames of a view already."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    write_clips(tmp_path / "clips")
    clips = read_clips(str(tmp_path / "clips"))
    assert [clip.label for clip in clips] == [0, 0, 0, 1, 1]
    cache = Cache(str(tmp_path / "cache"), 4, 24)
    original = np.load(clips[0].path)
    kept = cache.frames(clips[0].path)
    assert kept.shape == (20, 24, 32, 3)
    shrunk = original[4].reshape(24, 2, 32, 2, 3).mean((1, 3))
    np.testing.assert_allclose(kept[4], shrunk, atol=0.5)
    assert len(cache.sampled(clips[0].path, 8)) == 20
    video = str(tmp_path / "clip.avi")
    with av.open(video, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for frame in original:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert (cache.frames(video) == kept[::4]).all()
    assert (cache.sampled(video, 8) == kept[::8]).all()
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_an_array_of_an_older_cache_is_not_taken(tmp_path):
    """Once every so many-th frame of an array file was kept, under a name with that rate."""
    write_clips(tmp_path / "clips")
    path = str(tmp_path / "clips" / "dark" / "3.npy")
    caches = [Cache(str(tmp_path / "cache"), rate, 24) for rate in (1, 4)]
    assert len({len(cache.frames(path)) for cache in caches}) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_an_array_is_evaluated_as_it_is_held_out(five_clips):
    """Of 20 frames both take the 16 in the middle."""
    from dualpath.evaluate import classify_file

    changes = ['data.clips="list.csv"', 'data.train="train"', 'data.held_out="test"',
               'data.labels="labels.txt"', "train.epochs=1", "model.sampling_rate=4"]
    files = [f"clips/bright/{n}.npy" for n in range(3)] + [f"clips/dark/{n}.npy" for n in (3, 4)]
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(
        f"{file},{split},{file[6:-6]}\n" for file in files for split in ("train", "test")))
    (five_clips / "labels.txt").write_text("bright\ndark\n")
    trainer = trainer_of(five_clips, *changes)
    assert trainer.run()
    gguf = str(five_clips / "x.gguf")
    assert convert([trainer.output, "-o", gguf]) == 0
    views, _ = trainer.job.held_out.centre(4, 0, 1)
    trainer.job.model.eval()
    clip = views.map(lambda x: pixels.normalise(x[None] / 255, trainer.job.config))
    with torch.inference_mode():
        expected = trainer.job.model(clip)[0].numpy()
    with dualpath.Model(gguf) as model, dualpath.Session(model) as session:
        logits = classify_file(session, str(five_clips / files[4])).logits
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)  # f32, in another order: 1e-7 seen


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
