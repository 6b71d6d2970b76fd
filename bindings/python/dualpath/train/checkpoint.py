"""Weights from files: the backbone that stays frozen, whatever program it comes from, and what a
file states about its network."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._backbone import OPTIONS, read_backbone, same
from .._checkpoint import open_checkpoint
from .._families import CLIP
from .._names import Array, map_tensors, source_name
from .._refused import Refused, naming, show
from .config import AnyConfig
from .layouts import is_new, is_trained
from .model import DualPath, ImageTransformer
from .one_path import OnePath

Tensors = dict[str, Tensor]


class Weights(NamedTuple):
    """Tensors under the names that the released code gives them, without ``visual.``, and what the
    file states about the network that they are of (``Config.stated``)."""

    path: str
    tensors: Tensors
    stated: dict[str, Any]


def read_weights(path: str) -> Weights:
    """A weight file, or a checkpoint of any family that the converter knows. Nothing in the file is
    executed."""
    read = _read_weight_file if _is_weight_file(path) else _read_checkpoint
    arrays, stated = read(path)
    tensors = {}
    for name, array in arrays.items():
        source = source_name(CLIP, name)
        if source == name:
            raise Refused(f"{path}: unknown tensor {show(name)}")
        if array.ndim != (2 if _is_matrix(name) else 1):
            raise Refused(f"{path}: tensor {source} has shape {list(array.shape)}")
        tensor = torch.from_numpy(array.copy())
        if name == "patch.weight":
            tensor = _as_convolution(tensor, path)
        if name == "projection.weight":
            tensor = tensor.T.contiguous()
        tensors[source.replace("visual.", "", 1)] = tensor
    return Weights(path, tensors, stated)


def _is_matrix(name: str) -> bool:
    return name.startswith("position.") or (name.endswith(".weight") and "norm" not in name)


def _as_convolution(patches: Tensor, path: str) -> Tensor:
    """Rows of pixels ``[D][3 * p * p]`` as ``[D][3][p][p]``."""
    side = round((patches.shape[1] // 3) ** 0.5)
    if side < 1 or 3 * side * side != patches.shape[1]:
        raise Refused(f"{path}: patches have {patches.shape[1]} numbers; expected three squares")
    return patches.view(-1, 3, side, side)


def _is_weight_file(path: str) -> bool:
    if os.path.isdir(path):  # of Hugging Face
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"GGUF"


def _read_weight_file(path: str) -> tuple[Mapping[str, Array], dict[str, Any]]:
    backbone = read_backbone(path)
    arrays = {name: values for name, (values, _) in backbone.tensors.items()}
    return arrays, {key: backbone.value(key) for key in OPTIONS}


def _read_checkpoint(path: str) -> tuple[Mapping[str, Array], dict[str, Any]]:
    with naming(path):
        checkpoint = open_checkpoint(path)
        stated = {key: value for key, (value, _origin) in checkpoint.stated.items()}
        return map_tensors(checkpoint.tensors).tensors, stated


def check_stated(path: str, stated: Mapping[str, Any], config: AnyConfig, keys: Collection[str],
                 where: str = "the recipe") -> None:
    """That of these keys a file states nothing else than a network that is meant."""
    ours = config.stated()
    for key in keys:
        if key in stated and not same(ours[key], stated[key]):
            raise ValueError(f"{path}: {key} is {stated[key]}, and {ours[key]} in {where}")


_NEEDED = ("conv1.weight", "positional_embedding", "transformer.resblocks.0.mlp.c_fc.weight")


def sizes_of(weights: Weights) -> dict[str, Any]:
    """What the shapes of a backbone say, as arguments of ``Config``."""
    tensors = weights.tensors
    for name in _NEEDED:
        if name not in tensors:
            raise ValueError(f"{weights.path} has no tensor visual.{name}")
    blocks = [re.match(r"transformer\.resblocks\.(\d+)\.", name) for name in tensors]
    width, _, patch_size, _ = tensors["conv1.weight"].shape
    projection = tensors.get("proj")
    return {
        "width": width,
        "patch_size": patch_size,
        "blocks": 1 + max(int(found[1]) for found in blocks if found),
        "mlp_width": len(tensors["transformer.resblocks.0.mlp.c_fc.weight"]),
        "projection": None if projection is None else projection.shape[1],
        "patch_bias": "conv1.bias" in tensors,
        "pre_norm": "ln_pre.weight" in tensors,
    }


def resize_positions(table: Tensor, tokens: int) -> Tensor:
    """A position table ``[N][D]`` for another number of patches, the class token's row kept."""
    if len(table) == tokens:
        return table
    old, new = (round(max(count - 1, 0) ** 0.5) for count in (len(table), tokens))
    if old < 1 or old * old + 1 != len(table):
        raise ValueError(f"a position table has {len(table)} rows; expected a square and one more")
    square = table[1:].T.reshape(1, -1, old, old)
    resized = F.interpolate(
        square, size=(new, new), mode="bicubic", align_corners=False, antialias=new < old
    )
    return torch.cat([table[:1], resized.flatten(2)[0].T])


def fill(visual: ImageTransformer, weights: Weights) -> None:
    """Fills an image transformer with a backbone. All position tables begin as the images'; what
    is new (adapters, head) stays as it is."""
    path, state, given = weights.path, visual.state_dict(), dict(weights.tensors)
    for name in ("positional_embedding", "spatial_positional_embedding"):
        if name in state:
            table = given.get(name, given["positional_embedding"])
            try:
                given[name] = resize_positions(table, len(state[name]))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
    if "temporal_positional_embedding" in state:
        framesets = len(state["temporal_positional_embedding"]) // len(given["positional_embedding"])
        table = given["positional_embedding"].repeat(framesets, 1)
        given["temporal_positional_embedding"] = table
    for name, own in state.items():
        if is_new("visual." + name):
            continue
        if name not in given:
            raise ValueError(f"{path} has no tensor visual.{name}")
        if given[name].shape != own.shape:
            shapes = f"{list(given[name].shape)}; expected {list(own.shape)}"
            raise ValueError(f"{path}: tensor visual.{name} has the shape {shapes}")
        state[name] = given[name]
    visual.load_state_dict(state)


def freeze(model: DualPath | OnePath, head_only: bool = False) -> None:
    """Leaves to training what the method trains, or the head only."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_trained(model.config, name, head_only))
