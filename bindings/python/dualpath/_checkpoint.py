"""Opens a checkpoint of any kind as named tensors and the arguments it was trained with."""

from __future__ import annotations

from typing import Any

from ._legacyfile import LegacyFile
from ._named_array import NamedArray
from ._pickle import Record
from ._refused import Refused, show
from ._safetensors import read_safetensors
from ._stated import Value, checked
from ._torch_tensors import Tensor
from ._torchfile import Archive

_STATE_KEYS = ("model", "state_dict", "model_state_dict", "module")
_MAX_NODES = 1_000_000
_ARGUMENTS = ("args", "hyper_parameters")  # of a training run: the released code's, Lightning's
_OPENAI = ("__torch__.clip.", "__torch__.multimodal.")  # modules of OpenAI's archives


class Checkpoint:
    """`kind` in words, `tensors` by name, `arguments` of the training run by name, and what the
    checkpoint states about its network (_stated.py)."""

    def __init__(self, kind: str, tensors: dict[str, NamedArray]) -> None:
        self.kind = kind
        self.tensors = tensors
        self.arguments: dict[str, Value] = {}
        self.stated: dict[str, Value] = {}
        self.is_openai = False  # an archive that OpenAI's program has written


def open_checkpoint(path: str) -> Checkpoint:
    """Reads what the file contains; the numbers of a tensor are read when they are asked for."""
    with open(path, "rb") as file:
        head = file.read(300)
    if head.startswith(b"PK"):
        return _checkpoint_of("PyTorch checkpoint", Archive(path).load())
    if len(head) > 8 and head[8:9] == b"{":
        return _open_safetensors(path)
    if head[:1] == b"\x80":
        return _checkpoint_of("PyTorch checkpoint of before 1.6", LegacyFile(path).load())
    if b"ustar" in head:
        raise Refused("this is a tar archive: unpack it, and give the checkpoint in it")
    raise Refused("neither a PyTorch archive nor a safetensors file")


def _checkpoint_of(kind: str, value: Any) -> Checkpoint:
    if isinstance(value, Record) and value.type_name.startswith("__torch__."):
        module = Checkpoint("TorchScript archive", _without_wrapper(_tensors_of_module(value)))
        module.is_openai = value.type_name.startswith(_OPENAI)
        return module
    if not isinstance(value, dict):
        raise Refused(f"the file holds a {type(value).__name__}; expected a dictionary of tensors")
    state = next((value[key] for key in _STATE_KEYS if isinstance(value.get(key), dict)), value)
    tensors: dict[str, NamedArray] = {name: item for name, item in state.items()
               if isinstance(name, str) and isinstance(item, Tensor)}
    if not tensors:
        raise Refused("the file holds no tensors by name, at the top or under any of "
                      + ", ".join(_STATE_KEYS))
    strange = [name for name in state if name not in tensors]
    if state is not value and strange:
        raise Refused(f"{show(str(strange[0]))} of the model is not a tensor")
    checkpoint = Checkpoint(kind, _without_wrapper(tensors))
    checkpoint.arguments = _arguments_of(value)
    checkpoint.stated = {key: Value(item, "checkpoint")
                         for key, item in checked(value.get("dualpath")).items()}
    return checkpoint


def _arguments_of(value: dict[Any, Any]) -> dict[str, Value]:
    """The first arguments that are there, each with where it stands."""
    for key in _ARGUMENTS:
        given = value.get(key)
        found = given.attributes if isinstance(given, Record) else given
        if type(found) is dict:
            return {name: Value(item, f"{key}.{name}") for name, item in found.items()
                    if isinstance(name, str)}
    return {}


def _without_wrapper(tensors: dict[str, NamedArray]) -> dict[str, NamedArray]:
    """Names without the `module.` that a model wrapped for several processes puts in front."""
    prefix = "module."
    if all(name.startswith(prefix) for name in tensors):
        return {name[len(prefix):]: tensor for name, tensor in tensors.items()}
    return tensors


def _tensors_of_module(module: Record) -> dict[str, NamedArray]:
    """The tensors of a tree of modules, named by the way to them as state_dict() does."""
    tensors: dict[str, NamedArray] = {}
    waiting, nodes = [("", module)], 0
    while waiting:
        prefix, record = waiting.pop()
        nodes += len(record.attributes) + 1
        if nodes > _MAX_NODES or len(prefix) > 1000:
            raise Refused("the modules of the archive contain each other")
        for name, item in record.attributes.items():
            if isinstance(item, Tensor):
                tensors[prefix + name] = item
            elif isinstance(item, Record):
                waiting.append((f"{prefix}{name}.", item))
    return tensors


def _open_safetensors(path: str) -> Checkpoint:
    return Checkpoint("safetensors file", _without_wrapper(read_safetensors(path)))
