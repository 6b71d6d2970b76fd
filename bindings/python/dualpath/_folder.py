"""Folders of checkpoints as Hugging Face lays them out: which file holds the weights, and weights
that an index spreads over several files.

An index comes from anywhere: it may name plain files of its own folder only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from ._json_file import read_json
from ._named_array import NamedArray
from ._refused import Refused, naming, show

Tensors = dict[str, NamedArray]

_INDEX_SUFFIX = ".index.json"
_USUAL = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
          "pytorch_model.bin.index.json", "open_clip_model.safetensors",
          "open_clip_model.safetensors.index.json", "open_clip_pytorch_model.bin",
          "open_clip_pytorch_model.bin.index.json")
_WEIGHTS = re.compile(r".+\.(safetensors|bin|pt|pth|ckpt|tar)")
_SHARD = re.compile(r"(.+)-\d+-of-\d+(\.safetensors|\.bin)")
_MAX_SHARDS = 1000


def find_weights(folder: str) -> str:
    """The path of the weights in a folder, or of their index."""
    names = sorted(os.listdir(folder))
    usual = [name for name in _USUAL if name in names]
    if usual:
        return inside(folder, usual[0])
    others = [name for name in names if _WEIGHTS.fullmatch(name)]
    if len(others) != 1:
        raise Refused(f"the folder has {len(others)} files of weights, and none of the usual names "
                      f"({', '.join(_USUAL[:3])}, ...): give the file")
    return inside(folder, others[0])


def index_of(path: str) -> str | None:
    """The index that a file belongs to, if it is an index or one of its parts."""
    if path.endswith(_INDEX_SUFFIX):
        return path
    part = _SHARD.fullmatch(os.path.basename(path))
    if part is None:
        return None
    index = os.path.join(os.path.dirname(path), part[1] + part[2] + _INDEX_SUFFIX)
    return index if os.path.isfile(index) else None


def inside(folder: str, name: str) -> str:
    """The path of a file in a folder. A link may lead to another file in it, or to where Hugging
    Face's cache keeps what its folders of snapshots link to; no other."""
    path = os.path.join(folder, name)
    home = os.path.realpath(folder)
    allowed = {home}
    if os.path.basename(os.path.dirname(home)) == "snapshots":
        allowed.add(os.path.join(os.path.dirname(os.path.dirname(home)), "blobs"))
    if os.path.dirname(os.path.realpath(path)) not in allowed:
        raise Refused(f"{show(name)} is a link to a file outside of the folder")
    return path


def _shards(weight_map: Any) -> dict[str, list[str]]:
    """The names of the tensors of each file of an index."""
    if not isinstance(weight_map, dict) or not weight_map:
        raise Refused("has no weight_map that names a file for each tensor")
    shards: dict[str, list[str]] = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not _WEIGHTS.fullmatch(name) or re.search(r"[/\\\0]", name):
            raise Refused(f"puts tensor {show(tensor)} into {show(str(name))}, which is no file of "
                          "weights in its folder")
        shards.setdefault(name, []).append(tensor)
    if len(shards) > _MAX_SHARDS:
        raise Refused(f"names {len(shards)} files; at most {_MAX_SHARDS} are read")
    return shards


def read_index(index: str, read: Callable[[str], Tensors]) -> Tensors:
    """The tensors of all files of an index, each of which has those that the index says."""
    folder, tensors = os.path.dirname(index), Tensors()
    weight_map = read_json(index).get("weight_map")
    with naming(show(os.path.basename(index))):
        for name, expected in _shards(weight_map).items():
            path = inside(folder, name)
            if not os.path.isfile(path):
                raise Refused(f"file {show(name)}, in which it puts {len(expected)} tensors, is "
                              "missing")
            with naming(show(name)):
                found = read(path)
            _check_shard(name, found, expected)
            tensors.update(found)
    return tensors


def _check_shard(name: str, found: Tensors, expected: list[str]) -> None:
    lost = [tensor for tensor in expected if tensor not in found]
    if lost:
        raise Refused(f"file {show(name)} lacks tensor {show(lost[0])}, which the index puts there")
    strange = sorted(set(found) - set(expected))
    if strange:
        raise Refused(f"file {show(name)} has tensor {show(strange[0])}, which the index puts "
                      "elsewhere or nowhere")
