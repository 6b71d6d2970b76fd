"""From the tensors of a checkpoint to those of the weight file, by the table of names of its family
(_families.py).
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ._families import DROPPED_ANYWHERE, FAMILIES, Family, Rule
from ._named_array import NamedArray
from ._refused import Refused, show

Array = np.ndarray[Any, Any]


class Piece(NamedTuple):
    """A tensor of a checkpoint: a tensor of the weight file, or a part of one, or dropped."""

    source: str
    shape: tuple[int, ...]
    target: str | None
    reason: str = ""  # to drop it


class Mapped(NamedTuple):
    family: Family
    tensors: dict[str, Array]  # name in the weight file -> f32 array
    sources: dict[str, str]  # name in the weight file -> name in the checkpoint
    dropped: Counter[str]  # reason -> number of tensors
    pieces: list[Piece]  # all tensors of the checkpoint, in its order
    left_out: dict[str, str]  # name in the weight file -> why it is not written

    def leave_out(self, target: str, reason: str) -> bool:
        """Leaves out a tensor that the rules keep; false if there is none."""
        if target not in self.tensors:
            return False
        del self.tensors[target]
        self.left_out[target] = reason
        return True


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template).replace(r"\{i\}", r"(?P<i>0|[1-9]\d{0,4})")
    return re.compile(pattern.replace(r"\{s\}", "(?P<s>weight|bias)"))


def _match(template: str, name: str) -> dict[str, str] | None:
    found = _pattern(template).fullmatch(name)
    return {"i": "", "s": "", **found.groupdict()} if found else None


def source_name(family: Family, target: str) -> str:
    """What the checkpoint calls a tensor of the weight file, for messages."""
    for rule in family.rules:
        fields = _match(rule.target, target)
        if fields is not None:
            return rule.source.format(**fields)
    return target


def matrix_shape(mapped: Mapped, name: str) -> tuple[int, int]:
    """Rows and columns of a tensor that must be there."""
    if name not in mapped.tensors:
        raise Refused(f"tensor {source_name(mapped.family, name)} is missing")
    shape = mapped.tensors[name].shape
    if len(shape) != 2 or 0 in shape:
        raise Refused(f"tensor {mapped.sources[name]} has shape {list(shape)}; expected a matrix")
    return shape[0], shape[1]


def root_before(template: str, name: str) -> str | None:
    """What stands before a tensor in its name: nothing, or parts that end with a dot."""
    found = _ending(template).fullmatch(name)
    return found["root"] if found else None


@functools.cache
def _ending(template: str) -> re.Pattern[str]:
    return re.compile(r"(?P<root>(?:.*\.)?)" + _pattern(template).pattern, re.DOTALL)


def family_of(names: Collection[str]) -> Family | None:
    """The family that tensors of these names belong to, if there is one."""
    return next((family for family in FAMILIES
                 if any(_match(landmark, name) for landmark in family.landmarks for name in names)
                 and (not family.is_strict or explains(family, names))), None)


def explains(family: Family, names: Iterable[str]) -> bool:
    """Whether the table of a family has all of these names."""
    return all(_rule_for(family, name) or _reason_to_drop(family, name) for name in names)


def recognise(names: Collection[str]) -> Family:
    """The family that tensors of these names belong to."""
    family = family_of(names)
    if family is None:
        raise Refused("tensors of an unknown program: none of "
                      + ", ".join(mark for family in FAMILIES for mark in family.landmarks)
                      + "; the first is " + show(min(names)))
    return family


def _rule_for(family: Family, name: str) -> tuple[Rule, str] | None:
    for rule in family.rules:
        fields = _match(rule.source, name)
        if fields is not None:
            return rule, rule.target.format(**fields)
    return None


def _reason_to_drop(family: Family, name: str) -> str | None:
    return next((reason for pattern, reason in (*family.dropped, *DROPPED_ANYWHERE)
                 if re.fullmatch(pattern, name)), None)


def _patch(array: Array) -> Array:
    if array.ndim != 4 or array.shape[1] != 3 or array.shape[2] != array.shape[3]:
        raise Refused(f"has shape {list(array.shape)}; expected [D][3][p][p]")
    return array.reshape(array.shape[0], -1)


def _drop_ones(array: Array, dimensions: int) -> Array:
    """Without the dimensions of one element that some programs put in front."""
    ones = array.ndim - dimensions
    if ones < 0 or any(size != 1 for size in array.shape[:ones]):
        raise Refused(f"has shape {list(array.shape)}; expected {dimensions} dimensions")
    return array.reshape(array.shape[ones:])


def _convolution(array: Array) -> Array:
    """A depthwise one, of PyTorch's [b][1][kt][kh][kw]."""
    if array.ndim != 5 or array.shape[1] != 1:
        raise Refused(f"has shape {list(array.shape)}; expected [b][1][kt][kh][kw]")
    return array[:, 0]


_FLOATS = ("float16", "bfloat16", "float32", "float64")  # what can be read exactly, or is rounded
_SHAPERS: dict[str, Callable[[Array], Array]] = {"": lambda array: array, "patch": _patch, "conv": _convolution,
            "vector": lambda array: _drop_ones(array, 1),
            "rows": lambda array: _drop_ones(array, 2),
            "transposed": lambda array: _drop_ones(array, 2).T}


def _read(name: str, tensor: NamedArray, rule: Rule) -> Array:
    """The array of the weight file that a tensor becomes: f32, finite."""
    if tensor.dtype not in _FLOATS:
        raise Refused(f"tensor {show(name)} is of type {tensor.dtype}; expected floating point: "
                      f"{', '.join(_FLOATS)}")
    with np.errstate(over="ignore"):
        array = tensor.array().astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise Refused(f"tensor {name} has values that are not finite")
    try:
        return _SHAPERS[rule.shape](array)
    except Refused as error:
        raise Refused(f"tensor {name} {error}") from error


def map_tensors(tensors: Mapping[str, NamedArray]) -> Mapped:
    """Reads, renames and reshapes the tensors of a checkpoint. Any that the family does not
    explain is refused by name."""
    family = recognise(tensors)
    parts: dict[str, dict[int, tuple[str, Array]]] = {}
    dropped: Counter[str] = Counter()
    listed: list[Piece] = []
    for name, tensor in tensors.items():
        reason = _reason_to_drop(family, name)
        if reason:
            dropped[reason] += 1
            listed.append(Piece(name, tensor.shape, None, reason))
            continue
        found = _rule_for(family, name)
        if not found:
            raise Refused(f"unknown tensor {show(name)} of shape {list(tensor.shape)}: it would "
                          "be left out of the computation")
        rule, target = found
        listed.append(Piece(name, tensor.shape, target))
        parts.setdefault(target, {})[rule.part] = (name, _read(name, tensor, rule))
    arrays = {target: _join(family, target, pieces) for target, pieces in parts.items()}
    sources = {target: pieces[min(pieces)][0] for target, pieces in parts.items()}
    return Mapped(family, arrays, sources, dropped, listed, {})


def _join(family: Family, target: str, pieces: dict[int, tuple[str, Array]]) -> Array:
    """The pieces of one tensor (queries, keys, values) below each other."""
    for rule in family.rules:
        fields = _match(rule.target, target)
        if fields is not None and rule.part not in pieces:
            raise Refused(f"tensor {rule.source.format(**fields)} is missing")
    arrays = [pieces[part][1] for part in sorted(pieces)]
    if len(arrays) == 1:
        return arrays[0]
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim == 0:
        names = ", ".join(pieces[part][0] for part in sorted(pieces))
        raise Refused(f"tensors {names} differ in shape")
    return np.concatenate(arrays)
