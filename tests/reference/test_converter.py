"""
The converter makes of checkpoints in their released layouts the very weight files that the
reference writes itself: the golden cases of the methods with one path.
"""

from zlib import crc32

import numpy as np
import pytest
from gguf import GGUFReader

from . import checkpoint
from .convert import ROOT, convert
from .family_goldens import FAMILY
from .options import command_line
from .random_weights import random_state

GOLDEN = ROOT / "tests" / "golden" / "family"
# A checkpoint of a probe that has nothing trained is no checkpoint of a probe.
WITH_HEAD = [golden for golden in FAMILY if golden.config.classes]


def contents(path):
    """(metadata, tensors as they are stored) of a weight file"""
    reader = GGUFReader(path)
    keys = {key: field.contents() for key, field in reader.fields.items()}
    stated = {
        key: value
        for key, value in keys.items()
        if key.startswith("dualpath.") and key != "dualpath.tensor_crc32"
    }
    tensors = {
        tensor.name: (tensor.tensor_type, tensor.shape.tolist(), np.array(tensor.data))
        for tensor in reader.tensors
    }
    return stated, tensors


@pytest.mark.parametrize("golden", WITH_HEAD, ids=lambda golden: golden.name)
def test_converter_writes_the_goldens(golden, tmp_path):
    state = random_state(golden.config, crc32(golden.name.encode()))
    pth, gguf = tmp_path / "model.pth", tmp_path / "model.gguf"
    checkpoint.save(pth, golden.config, state)
    convert(pth, gguf, command_line(golden.config, pth) + ["--type", golden.type])
    stated, tensors = contents(gguf)
    expected_stated, expected = contents(GOLDEN / f"{golden.name}.gguf")
    assert stated == expected_stated
    assert tensors.keys() == expected.keys()
    for name, (kind, shape, values) in expected.items():
        assert tensors[name][:2] == (kind, shape), name
        np.testing.assert_array_equal(tensors[name][2], values, err_msg=name)
