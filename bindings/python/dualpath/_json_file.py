"""Reads JSON files that cannot be trusted: bounded, no name twice, plain numbers only."""

from __future__ import annotations

import json
import os
from typing import Any

from ._refused import Refused, naming, show
from ._stated import is_number, is_positive

_MAX_BYTES = 1 << 24  # an index of 100,000 tensors has 10 MB
_MAX_DIGITS = 40
_MAX_WHOLE = 1 << 31


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1) if len(names) < 1000 else ""
        raise Refused(f"the name {show(twice)!r} stands twice in one object")
    return values


def _no_constant(name: str) -> Any:
    raise Refused(f"{name} is no number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise Refused(f"a whole number has {len(digits)} digits; at most {_MAX_DIGITS} are read")
    return int(digits)


def read_json(path: str) -> dict[str, Any]:
    """The object that the file holds."""
    with naming(show(os.path.basename(path))):
        if os.path.getsize(path) > _MAX_BYTES:
            raise Refused(f"has {os.path.getsize(path)} bytes; at most {_MAX_BYTES} are read")
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES)
        try:
            value = json.loads(data, object_pairs_hook=_pairs, parse_int=_whole,
                               parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Refused(f"is not sound JSON: {show(str(error))}") from error
        if not isinstance(value, dict):
            raise Refused(f"holds a {type(value).__name__}; expected an object")
    return value


class Section:
    """An object of a JSON file, whose values are asked for by name and kind. `way` names it."""

    def __init__(self, way: str, values: dict[str, Any]) -> None:
        self.way = way
        self.values = values

    def _refuse(self, key: str, expected: str) -> Refused:
        value = self.values[key]
        said = show(str(value), 40) if type(value) in (str, int, float, bool) \
            else f"a {type(value).__name__}"
        return Refused(f"{self.way}: {key} is {said}; expected {expected}")

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def section(self, key: str) -> Section | None:
        """An object in this one, if there is one."""
        if not self.has(key):
            return None
        if not isinstance(self.values[key], dict):
            raise self._refuse(key, "an object")
        return Section(f"{self.way}: {key}", self.values[key])

    def whole(self, key: str, default: int | None = None) -> int | None:
        """A whole number above 0. Height and width count as one, if they are equal."""
        if not self.has(key):
            return default
        value = self.values[key]
        if isinstance(value, list) and len(value) == 2 and type(value[0]) is type(value[1]) is int:
            value = value[0] if value[0] == value[1] else None
        if type(value) is not int or not 0 < value < _MAX_WHOLE:
            raise self._refuse(key, "a whole number above 0")
        return value

    def number(self, key: str, default: float | None = None) -> float | None:
        """A number above 0 that f32 has."""
        if not self.has(key):
            return default
        if not is_positive(self.values[key]):
            raise self._refuse(key, "a number above 0")
        return float(self.values[key])

    def text(self, key: str, default: str | None = None) -> str | None:
        if not self.has(key):
            return default
        if not isinstance(self.values[key], str):
            raise self._refuse(key, "text")
        return str(self.values[key])

    def yes(self, key: str, default: bool) -> bool:
        if not self.has(key):
            return default
        if not isinstance(self.values[key], bool):
            raise self._refuse(key, "true or false")
        return bool(self.values[key])

    def three(self, key: str, are_positive: bool) -> tuple[float, ...] | None:
        """Numbers for R, G and B."""
        if not self.has(key):
            return None
        value, check = self.values[key], is_positive if are_positive else is_number
        if not isinstance(value, list) or len(value) != 3 or not all(map(check, value)):
            raise self._refuse(key, "three numbers above 0" if are_positive else "three numbers")
        return tuple(map(float, value))
