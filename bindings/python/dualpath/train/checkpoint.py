"""Weights from files: the backbone that stays frozen, whatever program it comes from."""

from __future__ import annotations

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checkpoint import open_checkpoint
from .._names import CLIP, map_tensors, source_name
from .model import DualPath, VisionTransformer

TRAINED = ("adapter", "class_embedding", "positional_embedding", "visual.head.")

Tensors = dict[str, Tensor]


def read_tensors(path: str) -> Tensors:
    """The tensors of a checkpoint of any family that the converter knows, under the names that the
    released code gives them, without ``visual.``. Nothing in the file is executed."""
    mapped = map_tensors(open_checkpoint(path).tensors)
    tensors = {}
    for name, array in mapped.tensors.items():
        tensor = torch.from_numpy(array.copy())
        if name == "patch.weight":
            side = round((tensor.shape[1] // 3) ** 0.5)
            tensor = tensor.view(-1, 3, side, side)
        if name == "projection.weight":
            tensor = tensor.T.contiguous()
        tensors[source_name(CLIP, name).replace("visual.", "", 1)] = tensor
    return tensors


def sizes_of(tensors: Tensors) -> dict[str, Any]:
    """What the shapes of a backbone say, as arguments of ``Config``."""
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
    old, new = (round((count - 1) ** 0.5) for count in (len(table), tokens))
    square = table[1:].T.reshape(1, -1, old, old)
    resized = F.interpolate(
        square, size=(new, new), mode="bicubic", align_corners=False, antialias=new < old
    )
    return torch.cat([table[:1], resized.flatten(2)[0].T])


def fill(visual: VisionTransformer, tensors: Tensors, path: str) -> None:
    """Fills an image transformer with a backbone. All position tables begin as the images'; what
    is new (adapters, head) stays as it is."""
    state, given = visual.state_dict(), dict(tensors)
    for name in ("positional_embedding", "spatial_positional_embedding"):
        if name in state:
            table = given.get(name, given["positional_embedding"])
            given[name] = resize_positions(table, len(state[name]))
    if "temporal_positional_embedding" in state:
        framesets = len(state["temporal_positional_embedding"]) // len(given["positional_embedding"])
        table = given["positional_embedding"].repeat(framesets, 1)
        given["temporal_positional_embedding"] = table
    for name, own in state.items():
        if "adapter" in name or name.startswith("head."):
            continue
        if name not in given:
            raise ValueError(f"{path} has no tensor visual.{name}")
        if given[name].shape != own.shape:
            shapes = f"{list(given[name].shape)}; expected {list(own.shape)}"
            raise ValueError(f"{path}: tensor visual.{name} has the shape {shapes}")
        state[name] = given[name]
    visual.load_state_dict(state)


def freeze(model: DualPath, head_only: bool = False) -> None:
    """Leaves to training what the released code does: adapters, class token, position tables and
    head; or the head only."""
    trained = TRAINED[-1:] if head_only else TRAINED
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(part in name for part in trained))
