"""What is compared: methods on one backbone, clips and budget. A comparison is a recipe whose tables
are what all methods have in common, with a table ``[methods.NAME]`` for each of them, and ``seeds``.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

from .config import METHODS
from .protocol import USUAL
from .recipe import Recipe, parse, read_tables

SEEDS = [1, 2]

# What must be equal for all methods, of the table [model]; of [train], all but _FREE.
_EQUAL = ("backbone", "sizes", "image_size", "frames", "sampling_rate", "mean", "std", "heads",
          "activation", "layer_norm_eps")
_FREE = ("learning_rate", "weight_decay")


@dataclass(frozen=True)
class Comparison:
    """Methods by the names that the recipe has for them, each with a recipe for each seed."""

    name: str
    seeds: list[int]
    methods: dict[str, list[Recipe]]

    @property
    def common(self) -> Recipe:
        """One of the recipes, for what all have in common."""
        return next(iter(self.methods.values()))[0]


def read_comparison(path: str, changes: list[str] | None = None) -> Comparison:
    """A comparison from a file, with changes as of a recipe."""
    try:
        return parse_comparison(read_tables(path, changes))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def parse_comparison(table: dict[str, Any]) -> Comparison:
    """A comparison from what a TOML file holds."""
    common = dict(table)
    if not isinstance(common.get("name"), str):
        raise ValueError("name is missing")  # noqa: TRY004
    methods, seeds = _methods(common.pop("methods", None)), _seeds(common.pop("seeds", SEEDS))
    if common.get("kind") != "clips":
        raise ValueError(f"kind = {common.get('kind')!r}: methods are compared on 'clips'")
    recipes = {name: [_recipe(common, name, own, seed) for seed in seeds]
               for name, own in methods.items()}
    comparison = Comparison(common["name"], seeds, recipes)
    if comparison.common.data.held_out is None:
        raise ValueError("data.held_out is missing: what methods are measured on")
    return comparison


def _methods(methods: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(methods, dict) or not methods:
        raise ValueError("there is no table [methods.NAME]")
    for name, own in methods.items():
        if not isinstance(own, dict):
            raise ValueError(f"methods.{name} is not a table")  # noqa: TRY004
        if os.path.basename(name) != name or not name:
            raise ValueError(f"methods.{name}: a name is part of that of a file")
        for key in _EQUAL:
            if key in own:
                raise ValueError(f"methods.{name}.{key}: it is the same for all methods, and stands "
                                 "in [model]")
        for key in _table(own, "train", f"methods.{name}."):
            if key not in _FREE:
                raise ValueError(f"methods.{name}.train.{key}: all methods have the same budget; "
                                 f"only {' and '.join(_FREE)} may differ")
    return methods


def _seeds(seeds: Any) -> list[int]:
    if not isinstance(seeds, list) or not seeds or len(set(map(str, seeds))) < len(seeds) \
            or any(type(seed) is not int or seed < 0 for seed in seeds):
        raise ValueError(f"seeds = {seeds!r} is not a list of different whole numbers")
    return seeds


def _recipe(common: dict[str, Any], name: str, own: dict[str, Any], seed: int) -> Recipe:
    """The recipe of a method and a seed. Where the comparison says nothing about the protocol, all
    are looked at in DualPath's way, not each in its own."""
    model = {key: value for key, value in own.items() if key != "train"}
    if name in METHODS:
        model.setdefault("method", name)
    tables = {
        **common,
        "name": f"{common['name']}-{name}-{seed}",
        "model": {**_table(common, "model"), **model},
        "train": {**_table(common, "train"), **own.get("train", {}), "seed": seed},
        "protocol": {**dataclasses.asdict(USUAL), **_table(common, "protocol")},
    }
    try:
        return parse(tables)
    except ValueError as error:
        raise ValueError(f"with methods.{name}: {error}") from error


def _table(tables: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"{where}{name} is not a table")  # noqa: TRY004
    return table
