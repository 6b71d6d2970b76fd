"""
Reads a weight file as docs/weight-format.md describes it: the configuration and a state_dict whose
values are exactly those stored, whatever their type. Answers computed from it owe nothing to the
rounding of f16, bf16 or q8_0.
"""

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

from .checkpoint import config_of
from .model import ADAPTER_MODULES

# metadata key after "dualpath.", field of Config
KEYS = (
    ("attention.head_count", "heads"),
    ("attention.layer_norm_epsilon", "layer_norm_eps"),
    ("activation", "activation"),
    ("adapter.activation", "adapter_activation"),
    ("adapter.scale", "adapter_scale"),
    ("adapter.serial_skip", "serial_skip"),
    ("position.kind", "position"),
    ("grid", "grid"),
    ("frames", "frames"),
    ("spatial_frames", "spatial_frames"),
    ("sampling_rate", "sampling_rate"),
    ("image_mean", "mean"),
    ("image_std", "std"),
)

NAMES = {
    "patch.weight": "conv1.weight",
    "patch.bias": "conv1.bias",
    "class_token": "class_embedding",
    "position.spatial": "positional_embedding",
    "position.grid": "spatial_positional_embedding",
    "position.table": "temporal_positional_embedding",
    "projection.weight": "proj",
}

# The first part of a name that matches is replaced.
PARTS = (
    ("pre_norm.", "ln_pre."),
    ("post_norm.", "ln_post."),
    ("head.hidden.", "head.linear1."),
    ("head.output.", "head.linear2."),
    ("norm1.", "ln_1."),
    ("norm2.", "ln_2."),
    ("attention.qkv.", "attn.in_proj_"),
    ("attention.out.", "attn.out_proj."),
    ("mlp.up.", "mlp.c_fc."),
    ("mlp.down.", "mlp.c_proj."),
    *((f"adapter.{a}.down.", f"{module}.down_proj.") for a, module in ADAPTER_MODULES.items()),
    *((f"adapter.{a}.up.", f"{module}.up_proj.") for a, module in ADAPTER_MODULES.items()),
)


def load(path):
    """(config, state_dict for DualPath)"""
    reader = GGUFReader(path)
    settings = {}
    for key, name in KEYS:
        field = reader.get_field(f"dualpath.{key}")
        if field is not None:
            value = field.contents()
            settings[name] = tuple(value) if isinstance(value, list) else value
    tensors = {tensor.name: stored_values(tensor) for tensor in reader.tensors}
    side = metadata(reader, "patch_size")
    tensors["patch.weight"] = tensors["patch.weight"].reshape(-1, 3, side, side)
    if "projection.weight" in tensors:
        tensors["projection.weight"] = tensors["projection.weight"].T
    state = {released_name(name): tensor.contiguous() for name, tensor in tensors.items()}
    config = config_of(state, **settings)
    agree(reader, config)
    return config, state


def metadata(reader, key):
    return reader.get_field(f"dualpath.{key}").contents()


def stored_values(tensor):
    values = dequantize(tensor.data, tensor.tensor_type)
    shape = [int(side) for side in reversed(tensor.shape)]
    return torch.from_numpy(np.array(values, dtype=np.float32).reshape(shape))


def released_name(name):
    """The name in released checkpoints of a tensor of the weight file."""
    if name in NAMES:
        return f"visual.{NAMES[name]}"
    if name.startswith("block."):
        name = name.replace("block.", "transformer.resblocks.", 1)
    for ours, theirs in PARTS:
        if ours in name:
            return f"visual.{name.replace(ours, theirs, 1)}"
    raise ValueError(f"unknown tensor '{name}'")


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
