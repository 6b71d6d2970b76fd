"""What is said to those who give the wrong kind of thing: the sentence names what to do instead."""

from __future__ import annotations

import io
import pathlib
import re
from typing import Any

import numpy as np
import pytest

import dualpath
from dualpath import convert
from dualpath._backbone import read_backbone
from dualpath._refused import Refused

FRAMES = np.zeros((16, 8, 12, 3), np.uint8)
FIRST = np.ascontiguousarray(np.moveaxis(FRAMES, -1, 1))
PATH = "clip.mp4"


def stand_in(module: str, name: str, *bases: type) -> type:
    """A class as another package has it, which need not be installed."""
    return type(name, bases, {"__module__": module})


Tensor = stand_in("torch", "Tensor")
Linear = stand_in("torch.nn.modules.linear", "Linear",
                  stand_in("torch.nn.modules.module", "Module"))
Picture = stand_in("PIL.JpegImagePlugin", "JpegImageFile", stand_in("PIL.Image", "Image"))
Decoded = stand_in("av.video.frame", "VideoFrame")


def moved(axis: int) -> str:
    return f"the channels come last, as in numpy.ascontiguousarray(numpy.moveaxis(frames, {axis}, -1))"


# Frames of a clip: what is given, the kind of error, and how the sentence ends.
CLIPS: list[tuple[Any, type[Exception], str]] = [
    (PATH, TypeError, "not a str: pass the path of a video to classify_video(), or read_video(path)"),
    (pathlib.PurePosixPath(PATH), TypeError,
     "not a pathlib.PurePosixPath: pass the path of a video to classify_video(), or read_video(path)"),
    ([PATH], TypeError,
     "not a str: pass the path of a video to classify_video(), or read_video(path)"),
    (b"bytes", TypeError, "not bytes: pass the path of the video to classify_video()"),
    (bytearray(4), TypeError, "not a bytearray: pass the path of the video to classify_video()"),
    (None, TypeError, "not None"),
    (Tensor(), TypeError,
     "not a torch.Tensor: pass tensor.cpu().numpy(), as uint8 with the channels last"),
    ([Tensor()], TypeError,
     "not a torch.Tensor: pass tensor.cpu().numpy(), as uint8 with the channels last"),
    ([Picture()], TypeError, "not a PIL.JpegImagePlugin.JpegImageFile: pass "
     "numpy.asarray(image.convert('RGB')), several of them in a list"),
    ([Decoded()], TypeError,
     "not an av.video.frame.VideoFrame: pass frame.to_ndarray(format='rgb24')"),
    ((frame for frame in FRAMES), TypeError,
     "not a generator: pass list(frames), or push them one by one with push_frame()"),
    (iter(FRAMES), TypeError,
     "not an iterator: pass list(frames), or push them one by one with push_frame()"),
    (FRAMES.tolist(), TypeError, "not a list: pass numpy.array(pixels, numpy.uint8)"),
    ({"video": FRAMES}, TypeError, "not a dict: pass the array that it holds"),
    (dualpath.Frame, TypeError, "not a type"),
    (FRAMES.astype(np.float32), TypeError, "not float32: pass "
     "(255 * frames).round().astype(numpy.uint8) if theirs are 0 .. 1"),
    (list(FRAMES / 255), TypeError, "not float64: pass "
     "(255 * frames).round().astype(numpy.uint8) if theirs are 0 .. 1"),
    (FRAMES.astype(np.uint16), TypeError,
     "not uint16: pass (frames >> 8).astype(numpy.uint8) if theirs are 0 .. 65535"),
    (FRAMES.astype(np.int64), TypeError,
     "not int64: pass frames.astype(numpy.uint8) if theirs are 0 .. 255"),
    (FIRST, ValueError, "not of shape [16, 3, 8, 12]: " + moved(-3)),
    (list(FIRST), ValueError, "not of shape [3, 8, 12]: " + moved(-3)),
    (np.moveaxis(FIRST, 1, 0), ValueError, "not of shape [3, 16, 8, 12]: " + moved(0)),
    (FRAMES[None], ValueError,
     "not of shape [1, 16, 8, 12, 3]: pass one clip at a time, as frames[i]"),
    ([FRAMES], ValueError, "not of shape [16, 8, 12, 3]: pass one frame, as frames[i]"),
    (FRAMES[0], ValueError, "are ambiguous: pass one RGB or RGBA frame as frame[None], gray frames "
     "as frames[..., None]"),
    (FRAMES[..., ::-1], ValueError, "Nothing is copied silently: pass "
     "numpy.ascontiguousarray(frames), and BGR pixels as Frame(pixels, format='bgr24')"),
]

MODELS: list[tuple[Any, str]] = [
    (Linear(), "not a torch.nn.modules.linear.Linear: save it with torch.save(), and "
     "dualpath-convert makes a weight file of the checkpoint"),
    ({"weight": FRAMES}, "not a dict: save it with torch.save(), and dualpath-convert makes a "
     "weight file of the checkpoint"),
    (3, "not an int"),
]

VIDEOS: list[tuple[Any, str]] = [
    (FRAMES, "not a numpy.ndarray: pass frames to classify()"),
    (Tensor(), "not a torch.Tensor"),
    (list(FRAMES), "not a list: pass a list of frames to classify()"),
    (iter(FRAMES), "not an iterator: pass list(frames) to classify()"),
    (io.BytesIO(), "not an io.BytesIO: pass the path of the file"),
    (0, "not an int: cameras are read by the caller, whose frames classify() takes"),
    (None, "not None"),
]

# Files: how they begin, and what is said of them as a model, as a video, and as a checkpoint.
FILES = [
    (b"PK\3\4", "a ZIP archive such as torch.save() writes: dualpath-convert makes a weight file",
     "a ZIP archive: unpack it first", None),
    (b"GGUF", None, "a GGUF weight file: pass it as the model",
     "a GGUF weight file: it needs no conversion"),
    (b"\x93NUMPY", "a NumPy array, a clip to classify and no model",
     "a NumPy array: pass numpy.load(path) to classify()", None),
    (b"\x1f\x8b", None, "compressed with gzip: unpack it first",
     "compressed with gzip: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: dualpath-convert reads checkpoints of PyTorch", None,
     "an HDF5 file: give weights of PyTorch"),
    (b"\x08\x07\x12\x07pytorch", "an ONNX model: give dualpath-convert the checkpoint", None,
     "an ONNX model: give the checkpoint that it was exported from"),
    (b"version https://git-lfs.github.com", "a Git LFS pointer: 'git lfs pull' fetches the file",
     "a Git LFS pointer: fetch the file with 'git lfs pull'",
     "a Git LFS pointer: fetch the file with 'git lfs pull'"),
    (b"<!DOCTYPE html>", "a page of HTML: download the weight file itself",
     "a page of HTML: download the file itself", "a page of HTML: download the file itself"),
]


# Choices and numbers: what is called, the kind of error, and how the sentence ends.
VALUES = [
    ({"sampling": "all"}, ValueError, "('uniform' takes frames from the whole clip)"),
    ({"sampling": ["center"]}, ValueError, "one of model, first, uniform, given, center, interval, spread, segments"),
    ({"rate": 0.5}, TypeError, "rate must be a whole number, not a float (0.5)"),
    ({"views": "3"}, TypeError, "views must be a whole number, not a str ('3')"),
]
OPTIONS = [
    ({"precision": "fp16"}, "f32, bf16, int8, auto ('bf16' has 16 bits)"),
    ({"cpu": "cuda"}, "(models run on the CPU only)"),
]
FRAME = [
    ({"format": "yuv420p"}, ValueError, "('i420' is meant)"),
    ({"format": "rgb"}, ValueError, "('rgb24' is meant)"),
    ({"rotation": -90}, ValueError, "0, 90, 180 or 270 degrees, not -90: -90 is 270"),
    ({"rotation": "90"}, TypeError, "rotation must be a whole number, not a str ('90')"),
    ({"aspect": 1.5}, TypeError, "aspect must be two numbers such as (16, 11), not 1.5"),
]


def ends(sentence: str) -> str:
    return re.escape(sentence) + "$"


@pytest.mark.parametrize("frames, error, sentence", CLIPS)
def test_clips(session, frames, error, sentence):
    with pytest.raises(error, match=ends(sentence)):
        session.classify(frames)


@pytest.mark.parametrize("source, sentence", MODELS)
def test_models(source, sentence):
    for use in (dualpath.Model, dualpath.verify):
        with pytest.raises(TypeError, match=ends(sentence)):
            use(source)


@pytest.mark.parametrize("path, sentence", VIDEOS)
def test_videos(session, path, sentence):
    pytest.importorskip("av")
    for use in (session.classify_video, dualpath.read_video):
        with pytest.raises(TypeError, match=re.escape(sentence)):
            use(path)


@pytest.mark.parametrize("start, model, video, checkpoint", FILES)
def test_files(start, model, video, checkpoint, tmp_path, capsys):
    path = tmp_path / "file"
    path.write_bytes(start + bytes(100))
    if model is not None:
        with pytest.raises(dualpath.FormatError, match=re.escape(model)):
            dualpath.Model(path)
    if video is not None:
        pytest.importorskip("av")
        with pytest.raises(ValueError, match=ends(f"{path} is {video}")):
            dualpath.read_video(path)
    if checkpoint is not None:
        assert convert.main([str(path), "-o", str(tmp_path / "model.gguf")]) == 1
        assert f"nor a safetensors file, but {checkpoint}\n" in capsys.readouterr().err


def test_backbone_that_is_a_checkpoint(tmp_path):
    checkpoint = tmp_path / "backbone.pth"
    checkpoint.write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(Refused, match="not a GGUF file but a checkpoint: convert it first"):
        read_backbone(str(checkpoint))


@pytest.mark.parametrize("options, error, sentence", VALUES)
def test_values(session, options, error, sentence):
    with pytest.raises(error, match=ends(sentence)):
        session.classify(FRAMES, **options)


@pytest.mark.parametrize("options, sentence", OPTIONS)
def test_options(released, options, sentence):
    with pytest.raises(ValueError, match=ends(sentence)):
        dualpath.Model(released.model, **options)


@pytest.mark.parametrize("options, error, sentence", FRAME)
def test_frames(options, error, sentence):
    with pytest.raises(error, match=ends(sentence)):
        dualpath.Frame(FRAMES[0], **options)


def test_exchanged_objects(released, model, session):
    """One object where another of this package is wanted."""
    for call, sentence in [
        (lambda: dualpath.classify(PATH),
         "classify() needs a model and a clip: classify('model.gguf', 'clip.mp4')"),
        (lambda: dualpath.classify(session, FRAMES),
         "not a dualpath.Session: pass session.model, or call session.classify()"),
        (lambda: dualpath.Session(released.model),
         "not a str: open it first: dualpath.Model(path)"),
        (lambda: dualpath.Session(session), "not a dualpath.Session: pass session.model"),
        (lambda: dualpath.Session(model, pool=4), "not an int: pass dualpath.Pool(threads)"),
        (lambda: dualpath.Session(model, threads="all"),
         "threads must be a whole number, not a str ('all')"),
        (lambda: dualpath.Model(model),
         "not a dualpath.Model: this one is open; pass the file that it was opened from"),
        (lambda: dualpath.compile_model(released.model, None),
         "a model is compiled to a path or a binary file object, not None"),
        (lambda: session.classify(dualpath.Frame(FRAMES[0])),
         "not a dualpath.Frame: pass [frame]"),
        (lambda: dualpath.read_video(PATH, max_frames="3"),
         "max_frames must be a whole number, not a str ('3')"),
        (lambda: session.classify(FRAMES).top("5"), "k must be a whole number, not a str ('5')"),
    ]:
        with pytest.raises(TypeError, match=ends(sentence)):
            call()
