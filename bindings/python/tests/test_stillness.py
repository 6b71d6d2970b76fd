"""dualpath.train.stillness: cameras that stand still are told from those that move."""

import csv

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from dualpath.train.camera_set import main as camera_set  # noqa: E402
from dualpath.train.stillness import stands_still, stays  # noqa: E402

HEIGHT, WIDTH, FRAMES = 240, 320, 16


def scene(seed=1, margin=80):
    """A picture with detail of several sizes, larger than what the camera sees."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT + 2 * margin, WIDTH + 2 * margin, 3))
    for size in (4, 10, 20):
        coarse = rng.uniform(0, 80, (picture.shape[0] // size, picture.shape[1] // size, 3))
        picture += coarse.repeat(size, 0).repeat(size, 1)
    return picture.astype(np.uint8)


def camera(path, someone=False, noise=4.0, margin=80):
    """What it sees at these places ``[n][2]``, in pixels from the middle."""
    picture, rng = scene(), np.random.default_rng(2)
    frames = []
    for number, (x, y) in enumerate(path):
        top, left = margin + round(y), margin + round(x)
        frame = picture[top : top + HEIGHT, left : left + WIDTH].astype(float)
        if someone:  # of a quarter of the picture, who walks
            frame[40:, 8 * number : 8 * number + 100] = rng.uniform(0, 255, 3)
        frames.append((frame + rng.normal(0, noise, frame.shape)).clip(0, 255).astype(np.uint8))
    return np.stack(frames)


AT_REST = np.zeros((FRAMES, 2))
PAN = np.stack([np.linspace(-20, 20, FRAMES), np.zeros(FRAMES)], 1)
SHAKE = np.random.default_rng(3).normal(0, 8, (FRAMES, 2))


@pytest.mark.parametrize("someone", [False, True])
def test_still(someone):
    assert stands_still(camera(AT_REST, someone))


@pytest.mark.parametrize("path", [PAN, PAN[:, ::-1], SHAKE], ids=["pan", "tilt", "shake"])
@pytest.mark.parametrize("someone", [False, True])
def test_moving(path, someone):
    assert not stands_still(camera(path, someone))


def test_one_jolt_is_enough():
    path = AT_REST.copy()
    path[9] = 12, 0
    parts = stays(camera(path))
    assert parts[9] < 0.1 and parts[[8, 10]].min() > 0.9


@pytest.mark.parametrize("pixels, still", [(2, True), (6, False)])
def test_how_far_is_too_far(pixels, still):
    path = np.stack([np.linspace(0, pixels, FRAMES), np.zeros(FRAMES)], 1)
    assert stands_still(camera(path)) is still


def test_nobody_can_tell_without_detail():
    assert not stands_still(np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8))


@pytest.mark.parametrize("change, count, split", [
    ([], 2, "test"), (["--any-camera"], 4, "test"), (["--split", "a"], 2, "a")])
def test_a_set_is_of_cameras_that_stand_still(tmp_path, change, count, split, capsys):
    rest = np.zeros((16, 2))
    for name, path in (("still", rest), ("moving", PAN)):
        np.save(tmp_path / f"{name}.npy", camera(path))
    (tmp_path / "list.csv").write_text("path,split,label\nstill.npy,a,0\nmoving.npy,a,0\n")
    camera_set([str(tmp_path / "list.csv"), str(tmp_path / "set"), "--each", "2", *change])
    assert capsys.readouterr().out == f"{count} clips of {count // 2} of 2 videos\n"
    with open(tmp_path / "set" / "list.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [str(number) for number in range(count)]
    assert {row["split"] for row in rows} == {split}
    clip = np.load(tmp_path / "set" / rows[0]["path"])
    assert clip.shape == (16, 128, 128, 3) and clip.dtype == np.uint8


def test_a_set_of_nothing_is_refused(tmp_path):
    np.save(tmp_path / "moving.npy", camera(PAN))
    (tmp_path / "list.csv").write_text("path,split,label\nmoving.npy,a,0\n")
    with pytest.raises(SystemExit, match="of 1 videos none"):
        camera_set([str(tmp_path / "list.csv"), str(tmp_path / "set")])
    assert not (tmp_path / "set" / "list.csv").exists()
    with pytest.raises(SystemExit):
        camera_set([str(tmp_path / "list.csv"), str(tmp_path / "set"), "--each", "0"])
