"""What a teacher says about pictures: dualpath.train.photographs."""

from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
save_file = pytest.importorskip(
    "safetensors.numpy", reason="safetensors is not installed").save_file

from dualpath.train.config import Config  # noqa: E402
from dualpath.train.model import DualPath  # noqa: E402
from dualpath.train.photographs import main as photographs  # noqa: E402

WIDTH, TOKENS = 64, 1 + 9  # the teacher looks at 96 pixels in patches of 32


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


def write_teacher(path, without=None):
    rng = np.random.default_rng(1)
    shapes = {
        "cls_token": (1, 1, WIDTH), "pos_embed": (1, TOKENS, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 32, 32), "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,), "norm.bias": (WIDTH,),
    }
    for layer, rows, columns in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 2, 1),
                                 ("mlp.fc2", 1, 2)):
        shapes[f"blocks.0.{layer}.weight"] = (rows * WIDTH, columns * WIDTH)
        shapes[f"blocks.0.{layer}.bias"] = (rows * WIDTH,)
    for norm in ("norm1", "norm2"):
        shapes[f"blocks.0.{norm}.weight"] = shapes[f"blocks.0.{norm}.bias"] = (WIDTH,)
    save_file({name: 0.1 * rng.standard_normal(shape, np.float32)
               for name, shape in shapes.items() if name != without}, path)


def test_pictures_and_what_a_teacher_says(folder):
    write_teacher(folder / "teacher.safetensors")
    photographs([str(folder), str(folder / "work"), "--split", "val", "--teacher",
                 str(folder / "teacher.safetensors"), "--teacher-side", "96"])
    x, y, tokens = (np.load(folder / "work" / f"val_{part}.npy") for part in ("x", "y", "tokens"))
    assert x.shape == (2, 64, 64, 3) and (x[0, 5, 5] == (250, 10, 10)).all()
    assert y.tolist() == [7, 3]
    assert tokens.shape == (2, TOKENS, WIDTH)
    assert not (tokens[0] == tokens[1]).all()


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
    (lambda folder: write_teacher(folder / "teacher.safetensors", "norm.bias"),
     "has no tensor visual.ln_post.bias"),
    (lambda folder: (folder / "teacher.safetensors").write_bytes(b"GGUF"), "teacher.safetensors"),
])
def test_refused(folder, change, complaint):
    write_teacher(folder / "teacher.safetensors")
    change(folder)
    with pytest.raises(SystemExit, match=f"photographs: .*{complaint}"):
        photographs([str(folder), str(folder / "work"), "--split", "val", "--teacher",
                     str(folder / "teacher.safetensors")])


@pytest.mark.parametrize(("changes", "complaint"), [
    ({"pre_norm": True}, "has a norm before its blocks, as CLIP has: it is no teacher"),
    ({"activation": "quick_gelu"}, "activation is quick_gelu, and gelu in a teacher"),
    ({"mean": (0.4, 0.5, 0.5)}, "image_mean is "),
])
def test_who_is_no_teacher(folder, changes, complaint):
    half = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    config = Config(image_size=96, patch_size=32, width=WIDTH, heads=1, blocks=1, mlp_width=WIDTH,
                    position="sincos-3d", **{**half, **changes})
    saved = {"model": DualPath(config).state_dict(), "dualpath": config.stated()}
    torch.save(saved, folder / "teacher.pth")
    with pytest.raises(SystemExit, match=f"photographs: .*teacher.pth.* ?{complaint}"):
        photographs([str(folder), str(folder / "work"), "--split", "val", "--teacher",
                     str(folder / "teacher.pth"), "--teacher-side", "96"])
