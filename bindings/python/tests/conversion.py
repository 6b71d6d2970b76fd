"""What the tests of dualpath-convert share: running it, and reading what it wrote with gguf's own reader."""

import os
from pathlib import Path

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="the converter needs the gguf package")
import checkpoints
from checkpoints import ADAPTERS, Sizes

from dualpath import convert

SHARED = Path(os.environ.get("DUALPATH_SHARED", Path(__file__).parents[3].parent / "shared"))

HALF = ("--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")  # pixels of timm's augreg


def read(path):
    """Metadata, and tensors as f32 with their types."""
    reader = gguf.GGUFReader(path)
    metadata = {key: field.contents() for key, field in reader.fields.items()}
    tensors = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
               for tensor in reader.tensors}
    types = {tensor.name: tensor.tensor_type.name.lower() for tensor in reader.tensors}
    return metadata, tensors, types


class Run:
    """Runs the converter in a folder: run() must succeed, refuse() must fail with a message."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.output = folder / "model.gguf"

    def _main(self, *arguments):
        status = convert.main([str(argument) for argument in arguments])
        return status, self.capsys.readouterr()

    def __call__(self, checkpoint, *options):
        status, printed = self._main(checkpoint, "-o", self.output, *options)
        assert status == 0, printed.err
        self.printed = printed.out
        return read(self.output)

    def refuse(self, checkpoint, *options):
        status, printed = self._main(checkpoint, "-o", self.output, *options)
        assert status == 1 and printed.err.startswith("dualpath-convert: ")
        assert not self.output.exists() and not list(self.folder.glob(".dualpath*"))
        return printed.err

    def refuse_again(self, checkpoint, *options):
        """After a conversion that went well."""
        self.output.unlink()
        return self.refuse(checkpoint, *options)

    def inspect(self, path):
        status, printed = self._main("--inspect", path)
        return status, printed.out, printed.err

    def save(self, tensors, **arguments):
        return checkpoints.save(self.folder / "checkpoint.pth", tensors,
                                **(arguments or {"num_frames": 16, "sampling_rate": 8}))

    def save_safetensors(self, tensors):
        numpy = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
        path = self.folder / "checkpoint.safetensors"
        numpy.save_file({name: np.ascontiguousarray(a) for name, a in tensors.items()}, path)
        return path


def clip_expectation(source):
    """The weight file's tensors of a model with CLIP's names."""
    d = len(source["visual.class_embedding"])
    expected = {"patch.weight": source["visual.conv1.weight"].reshape(d, -1),
                "class_token": source["visual.class_embedding"],
                "position.spatial": source["visual.positional_embedding"],
                "projection.weight": source["visual.proj"].T}
    names = {"ln_1.": "norm1.", "ln_2.": "norm2.", "attn.in_proj_": "attention.qkv.",
             "attn.out_proj.": "attention.out.", "mlp.c_fc.": "mlp.up.", "mlp.c_proj.": "mlp.down."}
    for adapter, short in ADAPTERS.items():
        names.update({f"{adapter}.{side}_proj.": f"adapter.{short}.{side}."
                      for side in ("down", "up")})
    for i in range(Sizes().blocks):
        expected.update({f"block.{i}.{target}{kind}": source[name]
                         for origin, target in names.items() for kind in ("weight", "bias")
                         if (name := f"visual.transformer.resblocks.{i}.{origin}{kind}") in source})
    for origin, target in {"ln_pre": "pre_norm", "ln_post": "post_norm",
                           "head.linear1": "head.hidden", "head.linear2": "head.output"}.items():
        expected.update({f"{target}.{kind}": source[f"visual.{origin}.{kind}"]
                         for kind in ("weight", "bias") if f"visual.{origin}.{kind}" in source})
    if "visual.spatial_positional_embedding" in source:
        expected["position.grid"] = source["visual.spatial_positional_embedding"]
    return expected


def assert_tensors(tensors, expected):
    assert set(tensors) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[name], array, err_msg=name)
