"""Training on drawn camera movements."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import CAMERA, command, trainer_of

from dualpath.train.camera import (
    LABELS,
    MIRRORED,
    REVERSED,
    Range,
    camera_path,
    flow,
    windows,
)
from dualpath.train.loop import seeded
from dualpath.train.main import main as train
from dualpath.train.video import mirrored_labels


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


def test_a_moving_camera_mixes_no_clips(five_clips):
    (five_clips / "recipe.toml").write_text(CAMERA)

    def losses(mix):
        trainer = trainer_of(five_clips, 'model.paths="spatial"', f"augment.mix={mix}",
                             "model.sampling_rate=1", "train.epochs=1", "train.batch=2", "data.size=6")
        assert trainer.run()
        return trainer.losses

    assert losses(0) == losses(0.9)


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
