"""Which tensors of a checkpoint are the model's: the set of weights in nested dictionaries, and
what wrappers have put in front of its names.

A set is found by the landmark of a family (_families.py), not by a list of keys and prefixes: whatever
stands before the landmark stands before the other names, too.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ._families import FAMILIES, Family
from ._named_array import NamedArray
from ._names import explains, root_before
from ._refused import Refused, show

Tensors = dict[str, NamedArray]

# What files call the model itself, in the order in which it is looked for.
_MODEL_KEYS = ("model", "state_dict", "model_state_dict", "model_state", "module", "net", "network",
               "params", "weights")
_AVERAGED = {"ema", "swa", "avg", "averaged", "polyak"}
# Modules that pass on to the one they hold, wherever they stand in a name: of several processes,
# of a compiler, of sharding, of recomputing.
_WRAPPERS = re.compile(r"(?<![^.])(module|_orig_mod|_fsdp_wrapped_module"
                       r"|_checkpoint_wrapped_module)\.")
_MAX_DEPTH = 4  # of dictionaries in each other
_MAX_DICTIONARIES = 10_000
_MAX_MODELS = 16  # in one dictionary; there may be a student and a teacher, and averages of both


class WeightSet(NamedTuple):
    """`name` is the way to it in the file: keys of dictionaries and the prefix of its tensors.
    `stranger` is the name of something beside them that is no tensor. `is_swapped` of MMEngine, which
    exchanges the averages and what the run goes on with when it saves them."""

    name: str
    tensors: Tensors
    stranger: str | None
    is_swapped: bool = False

    @property
    def is_averaged(self) -> bool:
        """Whether its name says that it is an average over the steps of a training run."""
        is_named = bool(_AVERAGED.intersection(re.split(r"[._]", self.name)))
        return is_named != self.is_swapped

    def is_meant_by(self, word: str) -> bool:
        return word == self.name or word in self.name.split(".") \
            or word == "ema" and self.is_averaged


class Choice(NamedTuple):
    tensors: Tensors
    notes: list[str]


def _without_wrappers(tensors: Tensors) -> Tensors:
    plain: Tensors = {}
    for name, tensor in tensors.items():
        short = _WRAPPERS.sub("", name)
        if short in plain:
            raise Refused(f"two tensors are named {show(short)} without what wraps them")
        plain[short] = tensor
    return plain


def _roots(names: Iterable[str]) -> dict[str, str]:
    """What stands before the names of each model, and what the family wants there instead: a tower
    saved alone lacks the name of the tower."""
    names = set(names)
    roots: dict[str, str] = {}
    claimed: set[str] = set()  # what stands before the names of towers that have been found
    for family in FAMILIES:
        found = _roots_of(family, names, claimed)
        roots.update({root: tower for root, tower in found.items() if root not in roots})
        claimed.update(root if tower else root + family.tower for root, tower in found.items())
    if len(roots) > _MAX_MODELS:
        raise Refused(f"the names are those of {len(roots)} models; at most {_MAX_MODELS} are "
                      "looked at")
    return roots


def _roots_of(family: Family, names: set[str], claimed: set[str]) -> dict[str, str]:
    """The same of one family, without models that another one has claimed."""
    roots: dict[str, str] = {}
    found = _before(family.landmarks, names)
    if family.is_strict:
        found = {root for root in found if len(found) <= _MAX_MODELS and _is_all(family, root, names)}
    roots.update({root: "" for root in found if root + family.tower not in claimed})
    if not family.tower:
        return roots
    landmarks = [landmark[len(family.tower):] for landmark in family.landmarks]
    mate = family.mate[len(family.tower):]
    for root in _before(landmarks, names):
        if not root.endswith(family.tower) and root + mate in names and root not in claimed:
            roots.setdefault(root, family.tower)
    return roots


def _before(landmarks: Iterable[str], names: Iterable[str]) -> set[str]:
    """What stands before a landmark in some name."""
    found = (root_before(landmark, name) for landmark in landmarks for name in names)
    return {root for root in found if root is not None}


def _is_all(family: Family, root: str, names: Iterable[str]) -> bool:
    """Whether all names with this root are of the family."""
    return explains(family, (name[len(root):] for name in names if name.startswith(root)))


def _renamed(tensors: Tensors, roots: dict[str, str], root: str) -> Tensors:
    """The tensors of one root without it, and those of none, which are left as they are: whoever
    maps names will miss a place for them."""
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        own = max((r for r in roots if name.startswith(r)), key=len, default=None)
        if own not in (root, None):
            continue
        short = name if own is None else roots[root] + name[len(root):]
        if short in renamed:
            raise Refused(f"two tensors are named {show(short)} without the prefix {show(root)}")
        renamed[short] = tensor
    return renamed


def _dictionaries(value: Mapping[Any, Any]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """A dictionary and those in it, with the way to each. One may be in several places."""
    waiting: deque[tuple[int, str, Mapping[Any, Any]]] = deque([(0, "", value)])
    count = 1
    while waiting:
        depth, way, outer = waiting.popleft()
        yield way, outer
        for key, inner in outer.items() if depth < _MAX_DEPTH else ():
            if isinstance(inner, dict) and isinstance(key, str):
                count += 1
                waiting.append((depth + 1, f"{way}.{key}" if way else key, inner))
                if count > _MAX_DICTIONARIES:
                    raise Refused(f"the file has more than {_MAX_DICTIONARIES} dictionaries in "
                                  "each other")


def _tensors_in(value: Mapping[Any, Any]) -> Tensors:
    return {name: item for name, item in value.items()
            if isinstance(name, str) and isinstance(item, NamedArray)}


def _models_in(value: Mapping[Any, Any]) -> dict[str, Tensors]:
    """The tensors of each model whose names are in a dictionary, by what stands before them."""
    tensors = _tensors_in(value)
    roots = _roots(_WRAPPERS.sub("", name) for name in tensors)
    plain = _without_wrappers(tensors) if roots else {}
    return {root: _renamed(plain, roots, root) for root in roots}


def _sets(value: Mapping[Any, Any]) -> list[WeightSet]:
    """All sets of weights that some family knows."""
    sets = []
    is_swapped = "message_hub" in value and "ema_state_dict" in value
    known: dict[int, dict[str, Tensors]] = {}
    for way, inner in _dictionaries(value):
        if id(inner) not in known:
            known[id(inner)] = _models_in(inner)
        for root, tensors in known[id(inner)].items():
            name = ".".join(part for part in (way, root.strip(".")) if part)
            stranger = None if inner is value else _stranger(inner)
            sets.append(WeightSet(name, tensors, stranger, is_swapped))
    return sets


def _stranger(state: Mapping[Any, Any]) -> str | None:
    return next((str(name) for name, item in state.items()
                 if not isinstance(name, str) or not isinstance(item, NamedArray)), None)


def _check_only_tensors(stranger: str | None) -> None:
    if stranger is not None:
        raise Refused(f"{show(stranger)} of the model is not a tensor")


def _listed(sets: list[WeightSet]) -> str:
    names = [show(some.name) or "the file itself" for some in sets[:_MAX_MODELS]]
    return ", ".join(names + ["..."] * (len(sets) > len(names)))


def _named(sets: list[WeightSet], word: str) -> WeightSet:
    meant = [some for some in sets if some.is_meant_by(word)]
    exact = [some for some in meant if some.name == word]
    if len(exact or meant) != 1:
        raise Refused(f"--weights {show(word)} means {len(meant)} of the sets of weights in the "
                      f"file, which are: {_listed(sets)}")
    return (exact or meant)[0]


def _usual(sets: list[WeightSet]) -> WeightSet:
    """What the file calls the model."""
    candidates = [some for some in sets if some.is_swapped or not some.is_averaged] or sets
    for key in _MODEL_KEYS:
        if len(candidates) == 1:
            break
        of_key = [some for some in candidates if some.name.split(".")[0] == key]
        candidates = of_key or candidates
    if len(candidates) != 1:
        raise Refused(f"the file has several sets of weights, {_listed(candidates)}: choose one "
                      "with --weights NAME")
    return candidates[0]


def _notes(sets: list[WeightSet], chosen: WeightSet) -> list[str]:
    others = [some for some in sets if some is not chosen]
    if not others:
        said = f"the only weights of the file, {show(chosen.name)}, are averages (EMA)"
        return [said] if chosen.is_averaged else []
    averaged = [some for some in others if some.is_averaged]
    notes = [f"the weights are those of {_listed([chosen])}; the file also has {_listed(others)}"]
    if chosen.is_swapped and chosen.is_averaged:
        notes.append(f"{_listed([chosen])} are averages (EMA), which MMEngine puts there")
    if averaged and not chosen.is_averaged:
        notes.append(f"{_listed(averaged)} are averages (EMA): --weights ema takes them")
    return notes


def _unknown_program(value: Mapping[Any, Any]) -> Tensors:
    """The tensors under the first usual key, or else at the top: to be shown and refused."""
    state = next((value[key] for key in _MODEL_KEYS if isinstance(value.get(key), dict)), value)
    tensors = _tensors_in(state)
    if not tensors:
        raise Refused("the file holds no tensors by name, at the top or under any of "
                      + ", ".join(_MODEL_KEYS))
    if state is not value:
        _check_only_tensors(_stranger(state))
    return _without_wrappers(tensors)


def choose_weights(value: Mapping[Any, Any], wanted: str | None) -> Choice:
    """The tensors of the model in what a file holds, by the names that a family has for them.
    `wanted` is the name of a set, `ema` for averages, or None for what the file calls the model."""
    sets = _sets(value)
    if wanted is not None:
        chosen = _named(sets, wanted)
    elif sets:
        chosen = _usual(sets)
    else:
        return Choice(_unknown_program(value), [])
    _check_only_tensors(chosen.stranger)
    return Choice(chosen.tensors, _notes(sets, chosen))
