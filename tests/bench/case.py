"""
What is measured: one model, one clip, and the answer. A case is a folder of files that is made once
(export.py) and that every contender reads.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    folder: Path
    preset: str  # of tests/reference/presets.py

    # model/: the weights as a checkpoint and as the library's file, the clip, the answer
    checkpoint = property(lambda self: self.folder / "model" / "model.pth")
    weights = property(lambda self: self.folder / "model" / "model.gguf")
    frames = property(lambda self: self.folder / "model" / "frames.npy")
    inputs = property(lambda self: self.folder / "model" / "inputs.npz")
    logits = property(lambda self: self.folder / "model" / "logits.npy")

    # the model for peers that read files
    onnx = property(lambda self: self.folder / "onnx" / "model.onnx")
    onnx_int8 = property(lambda self: self.folder / "onnx-int8" / "model.onnx")
    openvino_int8 = property(lambda self: self.folder / "openvino-int8" / "model.xml")

    def tensors(self):
        """The clip as peers get it, by the names of the network's inputs."""
        with np.load(self.inputs) as arrays:
            return dict(arrays)
