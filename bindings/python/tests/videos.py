"""Video files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def write_video(path: Path, count: int, seed: int = 0) -> None:
    """A file of frames that differ from each other, with frames out of order (B-frames)."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 6, 8, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in pixels.repeat(8, axis=1).repeat(8, axis=2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
