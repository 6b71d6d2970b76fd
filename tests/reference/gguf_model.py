"""
Reads a weight file as docs/weight-format.md describes it: the configuration and a state_dict whose
values are exactly those stored, whatever their type. Answers computed from it owe nothing to the
rounding of f16, bf16 or q8_0.
"""

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

from . import protocol
from .protocol import Protocol
from .sizes import config_of
from .weight_keys import keys
from .weight_names import reference_name


def load(path):
    """(config, state_dict for its network)"""
    reader = GGUFReader(path)
    method = known(reader, [("method", "method")]).get("method", "dualpath")
    settings = known(reader, keys(method))
    settings["protocol"] = Protocol(**known(reader, protocol.keys(method)))
    tensors = {tensor.name: stored_values(tensor) for tensor in reader.tensors}
    side = metadata(reader, "patch_size")
    tensors["patch.weight"] = tensors["patch.weight"].reshape(-1, 3, side, side)
    if "projection.weight" in tensors:
        tensors["projection.weight"] = tensors["projection.weight"].T
    state = {
        reference_name(name, method): as_module(name, tensor) for name, tensor in tensors.items()
    }
    config = config_of(state, method=method, **settings)
    agree(reader, config)
    return config, state


def as_module(name, tensor):
    """In the shape that PyTorch has it in: a convolution by channel has one input channel."""
    return (tensor.unsqueeze(1) if name.endswith(".conv.weight") else tensor).contiguous()


def known(reader, names):
    """The values of those keys that the file has, by field."""
    fields = {name: reader.get_field(f"dualpath.{key}") for key, name in names}
    values = {name: field.contents() for name, field in fields.items() if field is not None}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def metadata(reader, key):
    return reader.get_field(f"dualpath.{key}").contents()


def stored_values(tensor):
    values = dequantize(tensor.data, tensor.tensor_type)
    shape = [int(side) for side in reversed(tensor.shape)]
    return torch.from_numpy(np.array(values, dtype=np.float32).reshape(shape))


def agree(reader, config):
    """The sizes that the metadata states must be those of the tensors."""
    stated = {
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "embedding_length": config.width,
        "block_count": config.blocks,
    }
    for key, size in stated.items():
        if metadata(reader, key) != size:
            raise ValueError(f"dualpath.{key} is {metadata(reader, key)}, the tensors say {size}")
