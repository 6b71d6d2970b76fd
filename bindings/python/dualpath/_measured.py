"""What was measured of a model: what ``dualpath-evaluate --json`` prints, and a model card reads."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from ._json_file import read_json
from ._refused import Refused, naming, show

_MAX_RESULTS = 16


class Measurement(NamedTuple):
    """Of one precision."""

    precision: str
    kernels: str
    threads: int
    top_1: int
    """Clips whose class was the likeliest one."""
    top_5: int | None
    """And among the five likeliest; None where there are no more classes."""
    clips_per_second: float | None
    """In the library; None where it was too fast to tell."""
    clips_per_second_with_decoding: float


class Measured(NamedTuple):
    file: str
    sha256: str
    """Of the weight file, by which a card knows it again."""
    backbone_sha256: str | None
    """Of the file of a task's backbone."""
    library: str
    """Its version."""
    list: str
    split: str | None
    clips: int
    views: int
    crops: int
    results: tuple[Measurement, ...]

    def as_known(self) -> dict[str, Any]:
        """For JSON."""
        return {**self._asdict(), "results": [one._asdict() for one in self.results]}


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def read_measured(path: str) -> Measured:
    """Nothing in the file is trusted."""
    known = read_json(path)
    with naming(show(path)):
        results = known.get("results")
        if not isinstance(results, list) or not 0 < len(results) <= _MAX_RESULTS:
            raise Refused("is not what dualpath-evaluate --json prints: there are no results")
        clips = _whole(known, "clips", 1)
        return Measured(
            _text(known, "file"), _text(known, "sha256"), _text_or_none(known, "backbone_sha256"),
            _text(known, "library"), _text(known, "list"), _text_or_none(known, "split"), clips,
            _whole(known, "views", 1), _whole(known, "crops", 1),
            tuple(_measurement(one, clips) for one in results),
        )


def _measurement(known: Any, clips: int) -> Measurement:
    if not isinstance(known, dict):
        raise Refused("a result is no object")
    top_5 = None if known.get("top_5") is None else _whole(known, "top_5", 0, clips)
    rate = known.get("clips_per_second")
    return Measurement(
        _text(known, "precision"), _text(known, "kernels"), _whole(known, "threads", 1),
        _whole(known, "top_1", 0, clips), top_5,
        None if rate is None else _rate(known, "clips_per_second"),
        _rate(known, "clips_per_second_with_decoding"),
    )


def _text(known: dict[str, Any], key: str) -> str:
    if not isinstance(known.get(key), str):
        raise Refused(f"{key} is missing, or no text")
    return str(known[key])


def _text_or_none(known: dict[str, Any], key: str) -> str | None:
    return None if known.get(key) is None else _text(known, key)


def _whole(known: dict[str, Any], key: str, low: int, high: int = 1 << 31) -> int:
    value = known.get(key)
    if type(value) is not int or not low <= value <= high:
        raise Refused(f"{key} is missing, or not a whole number from {low} to {high}")
    return value


def _rate(known: dict[str, Any], key: str) -> float:
    value = known.get(key)
    if type(value) not in (int, float) or not 0 < value < 1e9:  # type: ignore[operator]
        raise Refused(f"{key} is missing, or no number above 0")
    return float(value)  # type: ignore[arg-type]
