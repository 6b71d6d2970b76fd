"""
Writes a network of the reference as a weight file, in the names of docs/weight-format.md. The bytes
are written by the converter's own writer: run with PYTHONPATH=bindings/python.
"""

from types import SimpleNamespace

from . import protocol
from .weight_keys import stated_keys
from .weight_names import written_name


def save(path, config, state, kind="f32"):
    """Matrices are stored as `kind`; vectors, position tables and convolutions as f32."""
    from dualpath._gguf_writer import write_weight_file

    values = {key: (value, "the reference") for key, value in metadata(config).items()}
    tensors = {written_name(name): stored(name, tensor) for name, tensor in state.items()}
    write_weight_file(str(path), SimpleNamespace(values=values), tensors, [], {}, kind)


def metadata(config):
    """What the file states, by key after "dualpath."."""
    return {
        "method": config.method,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "embedding_length": config.width,
        "block_count": config.blocks,
        **{key: getattr(config, name) for key, name in stated_keys(config)},
        **{key: getattr(config.protocol, name) for key, name in protocol.keys(config.method)},
    }


def stored(name, tensor):
    """In the shape that the file has it in."""
    if name == "visual.conv1.weight":
        tensor = tensor.flatten(1)
    elif name == "visual.proj":
        tensor = tensor.T
    elif name.endswith(".conv.weight"):
        tensor = tensor.squeeze(1)
    return tensor.contiguous().numpy()
