"""Recipes: TOML files that say everything about a training run, so that it can be repeated.

Tables and keys are those of the dataclasses here and of ``Schedule``, ``Range`` and ``Protocol``; docs/training.md explains them. What is not known is refused by name.
"""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .camera import Range
from .config import METHODS, ONE_PATH
from .loop import Schedule
from .protocol import Protocol, published

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS = ("images", "clips", "camera")

T = TypeVar("T")


def _check(table: Any, low: float, high: float, *names: str) -> None:
    """Whether these values of a table are between two bounds."""
    for name in names:
        value = getattr(table, name)
        values = value.values() if isinstance(value, dict) else [value]
        if not all(low <= v <= high for v in values):
            raise ValueError(f"{name} = {value} is not {_between(low, high)}")


def _between(low: float, high: float) -> str:
    return f"at least {low}" if high == math.inf else f"between {low} and {high}"


@dataclass(frozen=True)
class Augmentation:
    """A recipe's table ``[augment]``."""

    smallest_crop: float = 0.5  # of the area of the largest square
    colour: float = 0.3  # of brightness, contrast, saturation
    flip: bool = True  # left and right exchanged in half of the clips, and in their labels
    noise: float = 0.0  # deviation, of pixels in 0 to 1
    lone_path: float = 0.0  # of both paths, part of the clips that one answers without the other
    mix: float = 0.0  # up to this part another clip shines through, in pixels and labels

    def __post_init__(self) -> None:
        _check(self, 0.01, 1, "smallest_crop")
        _check(self, 0, 1, "colour", "noise", "lone_path", "mix")


# The options of some methods only.
_OF_METHODS = {
    **dict.fromkeys(("spatial_frames", "grid", "head_width", "serial_skip", "position", "paths"),
                    ("dualpath",)),
    "adapters": ("dualpath", *(name for name, method in ONE_PATH.items() if method.adapters)),
    "adapter_scale": ("dualpath", *(name for name, method in ONE_PATH.items() if method.scale)),
    **dict.fromkeys(("kernel", "first_block"), ("st-adapter",)),
    **dict.fromkeys(("prompts", "deep"), ("vpt",)),
}


@dataclass(frozen=True)
class Model:
    """A recipe's table ``[model]``; the sizes of the blocks are the backbone's."""

    method: str = "dualpath"  # or a key of ONE_PATH
    backbone: str | None = None  # what stays frozen: a checkpoint or a weight file
    sizes: dict[str, int] = field(default_factory=dict)  # without a backbone: of a new one
    image_size: int = 96
    frames: int = 16
    spatial_frames: int = 8
    sampling_rate: int = 4
    grid: int = 4
    mean: list[float] = field(default_factory=lambda: [0.5, 0.5, 0.5])
    std: list[float] = field(default_factory=lambda: [0.5, 0.5, 0.5])
    heads: int | None = None  # None: width / 64
    head_width: int = 192
    adapters: dict[str, int] = field(default_factory=dict)
    adapter_scale: float | None = None  # None: as published
    kernel: list[int] = field(default_factory=lambda: [3, 1, 1])  # of frames, rows, columns
    first_block: int = 0  # that has adapters
    prompts: int = 0  # learned tokens an image
    deep: bool = True  # prompts of their own in all blocks
    serial_skip: bool = True
    activation: str = "gelu"
    layer_norm_eps: float = 1e-6
    position: str = "sincos-time"
    paths: str = "both"  # or spatial, temporal
    head_only: bool = False  # adapters, class token and tables stay frozen, too

    def __post_init__(self) -> None:
        _check(self, 1, math.inf, "sizes", "image_size", "frames", "spatial_frames",
               "sampling_rate", "grid", "head_width", "adapters")
        _check(self, 0, math.inf, "first_block", "prompts")
        _check(self, 1e-12, 1, "layer_norm_eps")
        self._check_method()
        if self.heads is not None:
            _check(self, 1, math.inf, "heads")
        for name in ("mean", "std"):
            if len(getattr(self, name)) != 3:
                raise ValueError(f"{name} is not three numbers")
        if min(self.std) <= 0:
            raise ValueError(f"std = {self.std} is not three numbers above 0")
        if len(self.kernel) != 3:
            raise ValueError(f"kernel = {self.kernel} is not three numbers")

    def _check_method(self) -> None:
        """Refuses what the method has no use for."""
        if self.method not in METHODS:
            raise ValueError(f"method = {self.method!r} is not one of {', '.join(METHODS)}")
        usual = {f.name: f for f in dataclasses.fields(self)}
        for name, methods in _OF_METHODS.items():
            default, factory = usual[name].default, usual[name].default_factory
            if callable(factory):
                default = factory()
            if self.method not in methods and getattr(self, name) != default:
                raise ValueError(f"{name} is not an option of {self.method}, but of "
                                 f"{', '.join(methods)}")


@dataclass(frozen=True)
class Data:
    """A recipe's table ``[data]``; files are found in the data folder."""

    clips: str | None = None  # CSV list, or folder of a folder for each class
    train: str | None = None  # split
    held_out: str | None = None  # split to measure after each epoch
    labels: str | None = None  # file with the names of the classes, one a line
    photographs: str | None = None  # prefix of NAME_x.npy, NAME_y.npy among the products
    held_out_photographs: str | None = None
    more_photographs: list[str] = field(default_factory=list)  # without labels, pre-training only
    classes: int = 0  # of the photographs
    size: int = 0  # camera: clips of an epoch
    cache_side: int = 240  # shorter side of frames that are kept, this or up to twice as much
    cache_rate: int = 0  # every so many-th frame of a file is kept; 0: the sampling rate

    def __post_init__(self) -> None:
        _check(self, 0, math.inf, "classes", "size", "cache_rate")
        _check(self, 1, math.inf, "cache_side")
        if self.clips is not None and self.held_out is not None and self.train is None:
            raise ValueError("train is missing: without it the split held_out is trained on, too")
        if self.train is not None and self.train == self.held_out:
            raise ValueError(f"held_out = {self.held_out!r} is what is trained on")


@dataclass(frozen=True)
class Images:
    """A recipe's table ``[images]``, of pre-training."""

    teacher: str | None = None  # an image transformer
    teacher_blocks: int = 10  # after which its tokens are learned
    drop_until: float = 0.7  # part of the run in which half of the patches are left out
    mosaics: int = 0  # framesets of a moving camera in each step
    mosaic_size: int = 96  # their side in pixels

    def __post_init__(self) -> None:
        _check(self, 0, 1, "drop_until")
        _check(self, 0, math.inf, "mosaics")
        _check(self, 1, math.inf, "mosaic_size", "teacher_blocks")


@dataclass(frozen=True)
class Recipe:
    """A whole recipe."""

    name: str
    kind: str
    train: Schedule
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    augment: Augmentation = field(default_factory=Augmentation)
    camera: Range = field(default_factory=Range)
    images: Images = field(default_factory=Images)
    protocol: Protocol = field(default_factory=Protocol)
    smoothing: float = 0.1  # of labels

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind = {self.kind!r} is not one of {', '.join(KINDS)}")
        if os.path.basename(self.name) != self.name or not self.name:
            raise ValueError(f"name = {self.name!r} is not the name of a file")
        _check(self, 0, 1, "smoothing")


_TABLES: dict[str, Any] = {
    "train": Schedule,
    "model": Model,
    "data": Data,
    "augment": Augmentation,
    "camera": Range,
    "images": Images,
}


def _plain(value: Any, where: str, kind: str) -> Any:
    """A TOML value as a field wants it, by the word its annotation begins with."""
    word = kind.split("[")[0].split(" ")[0]
    if word in ("dict", "list", "tuple"):
        return _plain_parts(value, where, word, kind)
    if word == "float" and type(value) is int:
        value = float(value)
    plain: dict[str, Any] = {"int": int, "str": str, "bool": bool}
    if type(value) is not plain.get(word, float):
        raise ValueError(f"{where} = {value!r} is not of type {word}")
    if word == "float" and not math.isfinite(value):
        raise ValueError(f"{where} = {value} is not finite")
    return value


def _plain_parts(value: Any, where: str, word: str, kind: str) -> Any:
    """The same of a table, a list or a pair, whose parts are of the last type in the annotation."""
    if type(value) is not (dict if word == "dict" else list):
        raise ValueError(f"{where} = {value!r} is not of type {word}")
    part = kind.split("[")[1].split("]")[0].split(", ")[-1]
    if isinstance(value, dict):
        return {key: _plain(v, f"{where}.{key}", part) for key, v in value.items()}
    parts = [_plain(v, where, part) for v in value]
    return tuple(parts) if word == "tuple" else parts


def _fill(cls: type[T], table: Any, where: str) -> T:
    if not isinstance(table, dict):
        raise ValueError(f"{where} is not a table")  # noqa: TRY004
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(fields)}")
    values = {k: _plain(v, f"{where}.{k}", str(fields[k].type)) for k, v in table.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {str(error).split('__init__() ')[-1]}") from error
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error


def _protocol(model: Model, given: Any) -> Protocol:
    """That of the method, but for what is given."""
    if isinstance(given, dict):
        given = published(model.method, given)
    return _fill(Protocol, given, "protocol")


def parse(table: dict[str, Any]) -> Recipe:
    """A recipe from what a TOML file holds."""
    values = dict(table)
    for name, cls in _TABLES.items():
        if name in values:
            values[name] = _fill(cls, values[name], name)
    values["protocol"] = _protocol(values.get("model", Model()), values.get("protocol", {}))
    known = {f.name for f in dataclasses.fields(Recipe)}
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(sorted(known))}")
    for key in ("name", "kind", "train"):
        if key not in values:
            raise ValueError(f"{key} is missing")
    for key, kind in (("name", "str"), ("kind", "str"), ("smoothing", "float")):
        if key in values:
            values[key] = _plain(values[key], key, kind)
    return Recipe(**values)


def read_recipe(path: str, changes: list[str] | None = None) -> Recipe:
    """A recipe from a file, with changes such as ``train.epochs=3`` or ``model.paths="spatial"``."""
    try:
        return parse(read_tables(path, changes))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def read_tables(path: str, changes: list[str] | None = None) -> dict[str, Any]:
    """What the file holds, changed."""
    with open(path, "rb") as file:
        table = tomllib.load(file)
    for change in changes or []:
        _change(table, change)
    return table


def _change(table: dict[str, Any], change: str) -> None:
    """Sets a key, given as a line of TOML; beside a.b what else is in a stays as it is."""
    try:
        value: Any = tomllib.loads(change)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"--set {change}: {error}") from error
    for _ in range(change.split("=")[0].count(".")):
        (key, value), = value.items()
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"--set {change}: {key} is not a table")
    table.update(value)
