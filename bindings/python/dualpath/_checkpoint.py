"""Opens a checkpoint of any kind as named tensors and the arguments it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._legacyfile import LegacyFile
from ._named_array import NamedArray
from ._pickle import Record
from ._refused import Refused
from ._safetensors import read_safetensors
from ._stated import Value, checked
from ._torch_tensors import Tensor
from ._torchfile import Archive
from ._weights import choose_weights

_MAX_NODES = 1_000_000
_ARGUMENTS = ("args", "hyper_parameters")  # of a training run: the released code's, Lightning's
_OPENAI = ("__torch__.clip.", "__torch__.multimodal.")  # modules of OpenAI's archives


class Checkpoint:
    """`kind` in words, `tensors` by name, `arguments` of the training run by name, what the
    checkpoint states about its network (_stated.py), and `notes` for whoever converts it."""

    def __init__(self, kind: str, tensors: dict[str, NamedArray]) -> None:
        self.kind = kind
        self.tensors = tensors
        self.arguments: dict[str, Value] = {}
        self.stated: dict[str, Value] = {}
        self.notes: list[str] = []
        self.is_openai = False  # an archive that OpenAI's program has written


def open_checkpoint(path: str, weights: str | None = None) -> Checkpoint:
    """Reads what the file contains; the numbers of a tensor are read when they are asked for.
    `weights` names one of several sets (_weights.py)."""
    kind, value = _read_file(path)
    tensors, notes = choose_weights(_by_name(value), weights)
    checkpoint = Checkpoint(kind, tensors)
    checkpoint.notes = notes
    checkpoint.is_openai = isinstance(value, Record) and value.type_name.startswith(_OPENAI)
    if isinstance(value, dict):
        checkpoint.arguments = _arguments_of(value)
        checkpoint.stated = {key: Value(item, "checkpoint")
                             for key, item in checked(value.get("dualpath")).items()}
    return checkpoint


def _read_file(path: str) -> tuple[str, Any]:
    """The kind of a file, and the value in it."""
    with open(path, "rb") as file:
        head = file.read(300)
    if head.startswith(b"PK"):
        value = Archive(path).load()
        is_script = isinstance(value, Record) and value.type_name.startswith("__torch__.")
        return "TorchScript archive" if is_script else "PyTorch checkpoint", value
    if len(head) > 8 and head[8:9] == b"{":
        return "safetensors file", read_safetensors(path)
    if head[:1] == b"\x80":
        return "PyTorch checkpoint of before 1.6", LegacyFile(path).load()
    if b"ustar" in head:
        raise Refused("this is a tar archive: unpack it, and give the checkpoint in it")
    raise Refused("neither a PyTorch archive nor a safetensors file")


def _by_name(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Record) and value.type_name.startswith("__torch__."):
        return _tensors_of_module(value)
    if not isinstance(value, dict):
        raise Refused(f"the file holds a {type(value).__name__}; expected a dictionary of tensors")
    return value


def _arguments_of(value: dict[Any, Any]) -> dict[str, Value]:
    """The first arguments that are there, each with where it stands."""
    for key in _ARGUMENTS:
        given = value.get(key)
        found = given.attributes if isinstance(given, Record) else given
        if type(found) is dict:
            return {name: Value(item, f"{key}.{name}") for name, item in found.items()
                    if isinstance(name, str)}
    return {}


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
