"""What a value or file of the wrong kind is, and what its owner is to call or pass instead.

Kinds are told by the names of their classes: nothing is imported for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

_FRAMES = {
    "torch.Tensor": "pass tensor.cpu().numpy(), as uint8 with the channels last",
    "PIL.Image.Image": "pass numpy.asarray(image.convert('RGB')), several of them in a list",
    "av.video.frame.VideoFrame": "pass frame.to_ndarray(format='rgb24')",
    "path": "pass the path of a video to classify_video(), or read_video(path)",
    "bytes": "pass the path of the video to classify_video()",
    "iterator": "pass list(frames), or push them one by one with push_frame()",
    "list": "pass numpy.array(pixels, numpy.uint8)",
    "dict": "pass the array that it holds",
    "dualpath.Frame": "pass [frame]",
}
_FOOTAGE = {
    **_FRAMES,
    "av.video.frame.VideoFrame": "pass the container that it comes from",
    "path": "pass one path",
    "bytes": "pass the path of the video, or av.open(io.BytesIO(data))",
    "file": "pass the path of the file, or av.open(file)",
    "int": "pass cv2.VideoCapture(number) for a camera",
    "iterator": "pass one source",
}
_MODEL = {
    "path": "open it first: dualpath.Model(path)",
    "dualpath.Session": "pass session.model",
}
_CONVERT = "save it with torch.save(), and dualpath-convert makes a weight file of the checkpoint"
_SOURCE = {
    "dualpath.Model": "this one is open; pass the file that it was opened from",
    "dualpath.Session": "pass session.model, or call session.classify()",
    "torch.nn.modules.module.Module": _CONVERT,
    "dict": _CONVERT,
}
_VIDEO = {
    "frames": "pass frames to classify()",
    "iterator": "pass list(frames) to classify()",
    "list": "pass a list of frames to classify()",
    "file": "pass the path of the file",
    "bytes": "write them to a file and pass its path",
    "int": "cameras are read by the caller, whose frames classify() takes",
}

_POOL = {"int": "pass dualpath.Pool(threads)"}

_SESSION = {
    "path": "create it first: dualpath.Session(dualpath.Model(path))",
    "dualpath.Model": "pass dualpath.Session(model)",
}
_CLASSES = {
    "path": "open it first: dualpath.Model(path)",
    "dualpath.Session": "pass session.model",
    "list": "pass len(labels)",
}
_WINDOW = {
    "dualpath.Result": "it has no time: pass windows of a dualpath.Stream",
    "list": "pass its windows one by one",
    "frames": "pass windows of a dualpath.Stream",
}

_REMEDIES = {
    "frames": _FRAMES, "model": _MODEL, "source": _SOURCE, "video": _VIDEO, "pool": _POOL,
    "session": _SESSION, "footage": _FOOTAGE, "classes": _CLASSES, "window": _WINDOW,
}
"""What to do, for each role that a value may have, by its kind."""

_CHOICES = {
    ("sampling", "all"): "'uniform' takes frames from the whole clip",
    ("precision", "fp16"): "'bf16' has 16 bits",
    ("precision", "float16"): "'bf16' has 16 bits",
    ("format", "rgb"): "'rgb24' is meant",
    ("format", "bgr"): "'bgr24' is meant",
    ("format", "gray"): "'gray8' is meant",
    ("format", "yuv420p"): "'i420' is meant",
    ("cpu", "cuda"): "models run on the CPU only",
    ("cpu", "gpu"): "models run on the CPU only",
    ("target", "cuda"): "models run on the CPU only",
}
"""What to say of names that stand for something elsewhere."""

_STARTS = (
    (0, b"GGUF", "a GGUF weight file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "compressed with gzip"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (4, b"pytorch", "an ONNX model"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
    (0, b"<!DOCTYPE", "a page of HTML"),
    (0, b"<!doctype", "a page of HTML"),
    (0, b"<html", "a page of HTML"),
)
"""How files begin that are taken for others: at which byte, with what, and what they are."""

_UNPACK = "unpack it first"
_FETCH = {"a Git LFS pointer": "fetch the file with 'git lfs pull'",
          "a page of HTML": "download the file itself"}
_AS_VIDEO = {
    **_FETCH,
    "a GGUF weight file": "pass it as the model",
    "a NumPy array": "pass numpy.load(path) to classify()",
    "a ZIP archive": _UNPACK,
    "compressed with gzip": _UNPACK,
}
_AS_CHECKPOINT = {
    **_FETCH,
    "a GGUF weight file": "it needs no conversion",
    "compressed with gzip": _UNPACK,
    "an HDF5 file": "give weights of PyTorch",
    "an ONNX model": "give the checkpoint that it was exported from",
}


def refusal(expected: str, value: Any, role: str) -> TypeError:
    """The error that says what a value is instead of what was expected, and what to do about it."""
    remedies = _REMEDIES[role]
    remedy = next((remedies[kind] for kind in _kinds(value) if kind in remedies), None)
    return TypeError(f"{expected}, not {named(value)}" + (f": {remedy}" if remedy else ""))


def named(value: Any) -> str:
    """A value by its type, such as "a torch.Tensor"."""
    name = _full_name(type(value))
    if name in ("NoneType", "bytes"):
        return name.removesuffix("Type")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def better_choice(what: str, name: Any) -> str:
    """The end of a sentence about a name that is none of the choices."""
    remedy = _CHOICES.get((what, name)) if isinstance(name, str) else None
    return f" ({remedy})" if remedy else ""


def dtype_advice(kind: str, size: int) -> str:
    """The end of a sentence about pixels of a NumPy type that is not uint8."""
    if kind == "f":
        return ": pass (255 * frames).round().astype(numpy.uint8) if theirs are 0 .. 1"
    if kind == "u" and size == 2:
        return ": pass (frames >> 8).astype(numpy.uint8) if theirs are 0 .. 65535"
    return ": pass frames.astype(numpy.uint8) if theirs are 0 .. 255"


def shape_advice(shape: tuple[int, ...]) -> str:
    """The end of a sentence about one frame, or a clip of four dimensions, that has a wrong shape."""
    for axis in (-3, 0):
        if len(shape) >= 3 and shape[axis] in (1, 3, 4) and shape[-1] not in (1, 3, 4):
            return (": the channels come last, as in "
                    f"numpy.ascontiguousarray(numpy.moveaxis(frames, {axis}, -1))")
    return ""


def video_advice(path: str) -> str | None:
    """What a file is that is no video, and what to do, where its first bytes tell."""
    try:
        with open(path, "rb") as file:
            return _file_advice(file.read(32), _AS_VIDEO)
    except OSError:
        return None


def checkpoint_advice(head: bytes) -> str | None:
    """The same of a file that is no checkpoint."""
    return _file_advice(head, _AS_CHECKPOINT)


def _file_advice(head: bytes, remedies: dict[str, str]) -> str | None:
    what = next((what for at, magic, what in _STARTS if head.startswith(magic, at)), "")
    return f"{what}: {remedies[what]}" if what in remedies else None


def _kinds(value: Any) -> Iterator[str]:
    """All that a value is, by the names that the tables use."""
    if isinstance(value, (str, os.PathLike)):
        yield "path"
    for base in type(value).__mro__:
        yield _full_name(base)
    if hasattr(value, "read"):
        yield "file"
    if isinstance(value, Iterator):
        yield "iterator"
    if hasattr(value, "shape"):
        yield "frames"
    if isinstance(value, (bytearray, memoryview)):
        yield "bytes"
    if isinstance(value, tuple):
        yield "list"


def _full_name(kind: type) -> str:
    """The name that callers know: of Python's own types and this package's without a module."""
    module = kind.__module__.removeprefix("_")
    if module.startswith("dualpath."):
        module = "dualpath"
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
