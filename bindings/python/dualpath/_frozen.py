"""Checkpoints that hold only what was trained: their frozen image transformer comes from another file,
a checkpoint of it (--backbone) or the weight file that a task is opened on (--task-of).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ._backbone import Backbone, is_frozen
from ._checkpoint import Checkpoint, open_checkpoint
from ._families import AIM, AIM_TIMM, ST_ADAPTER
from ._methods import DUALPATH, method_of
from ._names import Array, Mapped, Piece, map_tensors, matrix_shape
from ._refused import Refused, naming

_NOT_FROZEN = ("class_token", "position.spatial")  # a transformer has them, and a task has its own


class Frozen(NamedTuple):
    """A checkpoint of an image transformer: its tensors, and what tells the rest of its network."""

    mapped: Mapped
    checkpoint: Checkpoint


def add_frozen(mapped: Mapped, checkpoint: Checkpoint, path: str | None, config: str | None,
               backbone: Backbone | None) -> Frozen:
    """Completes the tensors of a checkpoint, from another one at `path` or from the backbone of a
    task. What it has itself stays. Answers where the frozen transformer is from."""
    frozen = _found_frozen(mapped, checkpoint, path, config, backbone)
    if method_of(mapped) != DUALPATH and not _reads_projection(mapped):
        if mapped.leave_out("projection.weight", "the head does not read it"):
            mapped.dropped["projection, which the head does not read"] += 1
        if backbone is not None and "projection.weight" in backbone.tensors:
            raise Refused(f"{backbone.path} has a projection, which {mapped.family.label} does not "
                          "use: make one without it (--no-projection) for its tasks")
    return frozen


def _reads_projection(mapped: Mapped) -> bool:
    """Whether the head is for what the projection answers; that of the released code never is."""
    if mapped.family in (AIM, AIM_TIMM, ST_ADAPTER) or "head.output.weight" not in mapped.tensors \
            or "projection.weight" not in mapped.tensors:
        return False
    features, width = matrix_shape(mapped, "projection.weight")
    return matrix_shape(mapped, "head.output.weight")[1] == features != width


def _found_frozen(mapped: Mapped, checkpoint: Checkpoint, path: str | None, config: str | None,
                  backbone: Backbone | None) -> Frozen:
    is_whole = "patch.weight" in mapped.tensors or method_of(mapped) == DUALPATH
    if is_whole and path is not None:
        raise Refused("the checkpoint has the image transformer itself, and needs no --backbone")
    if is_whole:
        return Frozen(mapped, checkpoint)
    if backbone is not None and path is not None:
        raise Refused("give --backbone for a whole model or --task-of for a task, not both")
    if path is not None:
        with naming(path):
            return _from_checkpoint(mapped, path, config)
    if backbone is not None:
        arrays = {name: values for name, (values, _) in backbone.tensors.items()}
        pieces = [Piece(name, array.shape, name) for name, array in arrays.items()]
        _complete(mapped, arrays, {name: name for name in arrays}, pieces, backbone.path)
        return Frozen(mapped, checkpoint)
    raise Refused(f"the checkpoint has what was trained with {mapped.family.label} only: give the "
                  "image transformer that stayed frozen, a checkpoint with --backbone for a whole "
                  "model, or a weight file with --task-of for a task")


def _from_checkpoint(mapped: Mapped, path: str, config: str | None) -> Frozen:
    checkpoint = open_checkpoint(path, None, config)
    frozen = map_tensors(checkpoint.tensors)
    if method_of(frozen) != DUALPATH:
        raise Refused(f"has the names of {frozen.family.label}; expected those of a plain image "
                      "transformer")
    _complete(mapped, frozen.tensors, frozen.sources, frozen.pieces, path)
    return Frozen(frozen, checkpoint)


def _complete(mapped: Mapped, arrays: Mapping[str, Array], sources: Mapping[str, str],
              pieces: list[Piece], path: str) -> None:
    """Adds what the checkpoint lacks, and what became of each piece of the other file."""
    added = {name: array for name, array in arrays.items()
             if (name in _NOT_FROZEN or is_frozen(name)) and name not in mapped.tensors}
    mapped.tensors.update(added)
    mapped.sources.update({name: sources[name] for name in added})
    of_file = os.path.basename(os.path.abspath(path))
    for piece in pieces:
        if piece.target is not None and piece.target not in added:
            reason = "the checkpoint has its own" if piece.target in mapped.tensors else \
                "not of the frozen transformer"
            piece = piece._replace(target=None, reason=reason)
        mapped.pieces.append(piece._replace(source=f"{of_file}: {piece.source}"))
