"""Task files: which tensors are frozen, the hash that names a backbone, and whether the frozen
weights of a checkpoint are those of a backbone's weight file, up to the rounding of its types.
"""

from __future__ import annotations

import mmap
from argparse import Namespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._gguf_reader import TensorInfo, WeightFile
from ._hyper import Hyper
from ._names import Array
from ._refused import Refused, show

Floats = npt.NDArray[np.float32]

# What tensors do not tell about a backbone: key in the weight file -> the option that stands for it.
OPTIONS = {"attention.head_count": "heads", "attention.layer_norm_epsilon": "ln_eps",
           "activation": "activation", "image_mean": "mean", "image_std": "std"}
_OF_BLOCKS = ("patch_size", "embedding_length", "block_count", "attention.head_count",
              "attention.layer_norm_epsilon", "activation")
_DEFAULTS = {"attention.layer_norm_epsilon": 1e-5, "activation": "quick_gelu",
             "image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}


def is_frozen(name: str) -> bool:
    """Whether a task has this tensor from its backbone."""
    return not name.startswith(("class_token", "position.", "head.")) \
        and ".adapter." not in name and not name.endswith(".prompt")


class Backbone(NamedTuple):
    path: str
    hash: str
    name: str
    metadata: dict[str, Any]
    tensors: dict[str, tuple[Floats, Floats]]  # values, rounding of each

    @property
    def frozen(self) -> dict[str, tuple[Floats, Floats]]:
        """Those that its tasks have from it."""
        return {name: tensor for name, tensor in self.tensors.items() if is_frozen(name)}

    def value(self, key: str) -> Any:
        """Of the metadata, a list as a tuple."""
        value = self.metadata.get(f"dualpath.{key}", _DEFAULTS.get(key))
        return tuple(value) if isinstance(value, list) else value


def _hash(file: WeightFile) -> str:
    """FNV-1a of 64 bits, over a line for each frozen tensor in the order of their names."""
    value = 0xCBF29CE484222325
    for tensor, checksum in sorted(zip(file.tensors, file.checksums or ())):
        if is_frozen(tensor.name):
            for byte in f"{tensor.name} {tensor.type} {checksum:08x}\n".encode():
                value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


def _decode(data: bytes, tensor: TensorInfo) -> tuple[Floats, Floats]:
    """The numbers of a tensor, and by how much rounding to its type may have changed each."""
    if tensor.type == "f32":
        values = np.frombuffer(data, "<f4")
        return values.reshape(tensor.shape), np.zeros(tensor.shape, np.float32)
    if tensor.type == "f16":
        values = np.frombuffer(data, "<f2").astype(np.float32)
        rounding = np.abs(values) * 2.0**-11 + 2.0**-25
    elif tensor.type == "bf16":
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        rounding = np.abs(values) * 2.0**-8
    else:
        blocks = np.frombuffer(data, [("scale", "<f2"), ("quants", "i1", 32)])
        scale = blocks["scale"].astype(np.float32)[:, None]
        values = scale * blocks["quants"]
        # half a step, and what rounding the scale to f16 does to 127 of them
        rounding = np.broadcast_to(np.abs(scale) * (0.5 + 127 * 2.0**-11), values.shape)
    return values.reshape(tensor.shape), rounding.reshape(tensor.shape).astype(np.float32)


def _read(path: str, data: mmap.mmap) -> Backbone:
    file = WeightFile(data)
    if file.damaged is None:
        raise Refused(f"{path}: carries no checksums, by which tasks name their backbone")
    if file.damaged:
        raise Refused(f"{path}: tensor {show(file.damaged[0])} is damaged")
    if file.metadata.get("general.architecture") != "dualpath":
        raise Refused(f"{path}: not a model of libdualpath")
    if "dualpath.backbone.hash" in file.metadata:
        raise Refused(f"{path}: is a task itself; give its backbone")
    tensors = {tensor.name: _decode(file.bytes_of(data, tensor), tensor)
               for tensor in file.tensors}
    name = file.metadata.get("general.name", "")
    return Backbone(path, _hash(file), name, file.metadata, tensors)


def read_backbone(path: str) -> Backbone:
    """Refuses what is no whole, sound model."""
    with open(path, "rb") as file, \
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _read(path, data)
        except Refused as error:
            raise error if path in str(error) else Refused(f"{path}: {error}") from error


def take_options(backbone: Backbone, options: Namespace, stated: dict[str, Any]) -> None:
    """What is neither given as an option nor stated by the checkpoint is as the backbone has it."""
    for key, name in OPTIONS.items():
        if getattr(options, name) is None and key not in stated:
            setattr(options, name, backbone.value(key))


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values of metadata are the same in the file, where numbers are f32."""
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, (int, float)):
        return bool(np.float32(ours) == np.float32(theirs))
    return bool(ours == theirs)


def check_hyper(backbone: Backbone, hyper: Hyper) -> None:
    """That the checkpoint's blocks are computed as the backbone's; remembers which it is."""
    for key in _OF_BLOCKS:
        if not same(hyper[key], backbone.value(key)):
            raise Refused(f"{key} is {hyper[key]} ({hyper.values[key].origin}), and "
                          f"{backbone.value(key)} in {backbone.path}")
        hyper.set(key, hyper[key], "backbone")
    hyper.set("backbone.hash", backbone.hash, "--task-of")
    hyper.set("backbone.name", backbone.name, "--task-of")


def _check_tensor(backbone: Backbone, name: str, source: str, array: Array) -> None:
    values, rounding = backbone.tensors[name]
    if values.shape != array.shape:
        raise Refused(f"tensor {source} has shape {list(array.shape)}, and {list(values.shape)} "
                      f"in {backbone.path}")
    difference = np.abs(values - array)
    beyond = difference > rounding
    if beyond.any():
        raise Refused(f"tensor {source} is not that of {backbone.path}: {beyond.sum()} of "
                      f"{beyond.size} numbers differ, by up to {difference.max():.3g}")


def without_frozen(backbone: Backbone, tensors: dict[str, Array],
                   sources: dict[str, str]) -> dict[str, Array]:
    """The tensors of the task, when all others are those of the backbone."""
    frozen = backbone.frozen
    missing = [name for name in frozen if name not in tensors]
    if missing:
        raise Refused(f"{backbone.path} has {missing[0]}, which this checkpoint lacks")
    for name, array in tensors.items():
        if is_frozen(name):
            if name not in frozen:
                raise Refused(f"tensor {sources[name]} ({name}) is not in {backbone.path}")
            _check_tensor(backbone, name, sources[name], array)
    return {name: array for name, array in tensors.items() if not is_frozen(name)}
