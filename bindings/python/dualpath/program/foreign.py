"""What an input is that no reader takes, by how it begins, and what helps."""

from __future__ import annotations

from typing import NamedTuple

ADVICE = " (what comes by a network: ffmpeg -i URL -f yuv4mpegpipe - | dualpath watch MODEL -)"

_PICTURE = ", one frame: a clip is a folder of PNG files, or a video"
_UNPACK = ": unpack it into a pipe, and give - as INPUT"
_FETCH = ": download the video itself"


class Kind(NamedTuple):
    what: str | None
    """None: unknown."""
    may_be_video: bool

    def refusal(self) -> str:
        """Why a pipe is not read."""
        if self.what is None:
            return ("neither Y4M nor NumPy. For raw frames say --size WxH; for other video: ffmpeg -i "
                    "VIDEO -f yuv4mpegpipe - | dualpath classify MODEL -")
        way = ": ffmpeg -i INPUT -f yuv4mpegpipe - | dualpath classify MODEL -"
        return f"neither Y4M nor NumPy, but {self.what}{way if self.may_be_video else ''}"


_STARTS = (  # at which byte, with what
    (0, b"GGUF", Kind("a weight file: MODEL goes before INPUT", False)),
    (4, b"ftyp", Kind("an MP4 or QuickTime video", True)),
    (0, b"\x1a\x45\xdf\xa3", Kind("a Matroska or WebM video", True)),
    (8, b"AVI ", Kind("an AVI video", True)),
    (8, b"WAVE", Kind("sound (WAV), which has no frames", False)),
    (0, b"GIF8", Kind("a GIF", True)),
    (0, b"\x89PNG", Kind("a PNG picture" + _PICTURE, False)),
    (0, b"\xff\xd8\xff", Kind("a JPEG picture" + _PICTURE, False)),
    (0, b"\x1f\x8b", Kind("compressed with gzip" + _UNPACK, False)),
    (0, b"\x28\xb5\x2f\xfd", Kind("compressed with zstd" + _UNPACK, False)),
    (0, b"\xfd7zXZ", Kind("compressed with xz" + _UNPACK, False)),
    (0, b"PK\3\4", Kind("a ZIP archive, such as .npz: unpack it, and give a .npy file", False)),
    (4, b'\0\0\0\0{"', Kind("a safetensors file: dualpath-convert makes a MODEL of it", False)),
    (4, b"pytorch", Kind("an ONNX model, which has no frames", False)),
    (0, b"version https://git-lfs", Kind("a Git LFS pointer: 'git lfs pull' fetches the file", False)),
    (0, b"<!DOCTYPE", Kind("a page of HTML" + _FETCH, False)),
    (0, b"<!doctype", Kind("a page of HTML" + _FETCH, False)),
    (0, b"<html", Kind("a page of HTML" + _FETCH, False)),
)


def kind_of(start: bytes) -> Kind:
    """By the first 32 bytes."""
    for at, magic, kind in _STARTS:
        if start.startswith(magic, at):
            return kind
    return Kind(None, True)
