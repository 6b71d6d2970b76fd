"""Files beside videos: lists of labelled clips, names of classes, clips that are array files.

A list is a CSV file with the columns path, split and label. A clip is a video file, or a ``.npy``
file of bytes ``[n][H][W][3]``, frames that are as far apart as those of a view.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._refused import if_damaged


def read_table(path: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns' names and the rows of a CSV file; None where a row is too short."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            return list(table.fieldnames or ()), list(table)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from error


def read_labels(path: str) -> list[str]:
    """The names of classes, one a line."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            labels = [line.rstrip("\n") for line in file]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8") from error
    if not labels:
        raise ValueError(f"{path} names no class")
    for line, label in enumerate(labels, 1):
        if not label.strip():
            raise ValueError(f"{path}, line {line}: a label is empty")
    return labels


def read_list(path: str, split: str | None = None) -> list[tuple[str, str]]:
    """Paths as they are written, and labels, of the clips of a split (None: of all)."""
    columns, rows = read_table(path)
    missing = {"path", "label"} - set(columns)
    if missing:
        raise ValueError(f"{path} has no column {min(missing)!r}")
    clips = [(row["path"], row["label"]) for row in rows if split in (None, row.get("split"))]
    if None in (part for clip in clips for part in clip):
        raise ValueError(f"{path}: a row has fewer columns than the first one")
    if not clips:
        raise ValueError(f"{path} holds no clip" + (f" of the split {split!r}" if split else ""))
    return clips


def with_classes(source: str, listed: Sequence[tuple[str, str]], names: Sequence[str]
                 ) -> list[tuple[str, int]]:
    """The clips of a list with their classes, by number."""
    try:
        return [(path, _class_of(label, names)) for path, label in listed]
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _class_of(label: str, names: Sequence[str]) -> int:
    """A class by its number or its name."""
    if label and label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise ValueError(f"{label!r} is none of the {len(names)} classes")


def is_array(path: str) -> bool:
    return path.lower().endswith(".npy")


def read_array(path: str) -> npt.NDArray[np.uint8]:
    """The frames of a clip that is an array file, ``[n][H][W][3]``."""
    array: Any = load_array(path)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not array.size:
        raise ValueError(f"{path}: not bytes [n][H][W][3]")
    frames: npt.NDArray[np.uint8] = array
    return frames


def load_array(path: str, mapped: bool = False) -> npt.NDArray[Any]:
    """An array file of any kind; ``mapped`` leaves its numbers on disk. Nothing is unpickled."""
    with if_damaged(f"{path} is not a sound array file"):
        array: Any = np.load(path, mmap_mode="r" if mapped else None)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is an archive of arrays, not one")  # noqa: TRY004
    return array
