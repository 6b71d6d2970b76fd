"""Pictures as arrays: dualpath.train.photographs."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

from dualpath.train.photographs import main as photographs  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """Two pictures of one colour each, back to back, with their labels."""
    pictures = []
    for colour in ((250, 10, 10), (10, 10, 250)):
        file = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(file, "png")
        pictures.append(file.getvalue())
    (tmp_path / "val.webp.bin").write_bytes(b"".join(pictures))
    offsets = np.cumsum([0, *map(len, pictures)])
    np.savez(tmp_path / "val.index.npz", offset=offsets, label=np.array([7, 3], np.int16))
    return tmp_path


def test_pictures_and_labels(folder):
    photographs([str(folder), str(folder / "work"), "--split", "val"])
    x, y = (np.load(folder / "work" / f"val_{part}.npy") for part in ("x", "y"))
    assert x.shape == (2, 64, 64, 3) and (x[0, 5, 5] == (250, 10, 10)).all()
    assert y.tolist() == [7, 3]


def test_frames_of_clips_have_no_labels(folder):
    """The middle square of every so many-th frame; of an array file as of a video."""
    frames = np.zeros((10, 40, 60, 3), np.uint8)
    frames[:, :, 10:50] = np.arange(10, dtype=np.uint8)[:, None, None, None]
    np.save(folder / "clip.npy", frames)
    (folder / "list.csv").write_text("path,split,label\nclip.npy,train,0\n")
    photographs([str(folder / "list.csv"), str(folder), "--name", "frames", "--every", "5",
                 "--side", "32"])
    x = np.load(folder / "frames_x.npy")
    assert x.shape == (2, 32, 32, 3) and x[:, 0, 0, 0].tolist() == [0, 5]
    assert np.load(folder / "frames_y.npy").tolist() == [-1, -1]


def damage_index(folder):
    (folder / "val.index.npz").write_bytes(b"PK\x03\x04")


def leave_out_labels(folder):
    np.savez(folder / "val.index.npz", offset=np.array([0, 1]))


def damage_picture(folder):
    data = (folder / "val.webp.bin").read_bytes()
    (folder / "val.webp.bin").write_bytes(b"\0" * 100 + data[100:])


@pytest.mark.parametrize(("change", "complaint"), [
    (damage_index, "val.index.npz is not an index"),
    (leave_out_labels, "val.index.npz is not an index"),
    (damage_picture, "val.webp.bin: picture 0 cannot be decoded"),
    (lambda folder: (folder / "val.index.npz").unlink(), "val.index.npz"),
])
def test_refused(folder, change, complaint):
    change(folder)
    with pytest.raises(SystemExit, match=f"photographs: .*{complaint}"):
        photographs([str(folder), str(folder / "work"), "--split", "val"])
