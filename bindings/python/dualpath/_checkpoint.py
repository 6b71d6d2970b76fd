"""Opens a checkpoint of any kind: its tensors by name, and what it says about its network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ._advice import checkpoint_advice
from ._aim_config import read_aim_config
from ._configs import NO_CONFIG, Config, find_config, read_config
from ._families import AIM, AIM_TIMM
from ._folder import find_weights, index_of, read_index
from ._legacyfile import LegacyFile
from ._named_array import NamedArray
from ._names import family_of
from ._pickle import Record
from ._refused import Refused, show
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
    checkpoint or a configuration beside it states about its network (_stated.py), the `sizes` that
    the configuration gives its tensors, and `notes` for whoever converts it."""

    def __init__(self, kind: str, tensors: dict[str, NamedArray]) -> None:
        self.kind = kind
        self.tensors = tensors
        self.arguments: dict[str, Value] = {}
        self.stated: dict[str, Value] = {}
        self.config: Config = NO_CONFIG
        self.notes: list[str] = []
        self.is_openai = False  # an archive that OpenAI's program has written


def open_checkpoint(path: str, weights: str | None = None, config: str | None = None) -> Checkpoint:
    """Reads what a file, or a folder of Hugging Face, contains; the numbers of a tensor are read
    when they are asked for. `weights` names one of several sets (_weights.py), `config` a
    configuration file in the place of the one beside the weights."""
    if os.path.isdir(path):
        path = find_weights(path)
    kind, value = _read(path)
    tensors, notes = choose_weights(_by_name(value), weights)
    checkpoint = Checkpoint(kind, tensors)
    checkpoint.notes = notes
    checkpoint.is_openai = isinstance(value, Record) and value.type_name.startswith(_OPENAI)
    if isinstance(value, dict):
        _add_inner_config(checkpoint, value)
        checkpoint.arguments = _arguments_of(value)
        checkpoint.stated.update({key: Value(item, "checkpoint")
                                  for key, item in checked(value.get("dualpath")).items()})
    _add_config(checkpoint, os.path.dirname(path), config)
    return checkpoint


def _read(path: str) -> tuple[str, Any]:
    """The kind of the weights, and the value in the file or in the files of an index."""
    index = index_of(path)
    if index is not None:
        return "checkpoint in several files", read_index(index, _read_part)
    return _read_file(path)


def _read_file(path: str) -> tuple[str, Any]:
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
    what = checkpoint_advice(head)
    raise Refused("neither a PyTorch archive nor a safetensors file"
                  + (f", but {what}" if what else ""))


def _read_part(path: str) -> dict[str, NamedArray]:
    """The tensors of one of several files."""
    value = _by_name(_read_file(path)[1])
    strange = next((name for name, item in value.items() if not isinstance(item, NamedArray)), None)
    if strange is not None:
        raise Refused(f"{show(str(strange))} is not a tensor")
    return dict(value)


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


def _add_inner_config(checkpoint: Checkpoint, value: dict[Any, Any]) -> None:
    """Reads the configuration that a checkpoint of AIM holds."""
    if family_of(checkpoint.tensors) in (AIM, AIM_TIMM):
        checkpoint.config = read_aim_config(value)
        checkpoint.stated = dict(checkpoint.config.stated)
        checkpoint.notes += checkpoint.config.notes


def _add_config(checkpoint: Checkpoint, folder: str, given: str | None) -> None:
    """Reads the configuration file that is given, or the one beside the weights of a backbone. One
    beside DualPath's own weights says nothing about them."""
    family = family_of(checkpoint.tensors)
    if given is None and family is not None and not _is_adapted(checkpoint.tensors):
        given = find_config(family, folder)
    if given is None:
        return
    if family is None:
        raise Refused("a configuration file is given for tensors of an unknown program")
    checkpoint.config = read_config(family, given)
    checkpoint.stated = {**checkpoint.config.stated, **checkpoint.stated}
    checkpoint.notes += checkpoint.config.notes


def _is_adapted(tensors: Mapping[str, NamedArray]) -> bool:
    return any("_adapter_" in name or name.startswith("visual.head.") for name in tensors)


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
