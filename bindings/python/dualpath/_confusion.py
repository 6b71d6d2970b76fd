"""A confusion matrix: counted, described in words, and drawn as a picture with numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ._pixels import Bytes
from ._refused import show

Counts = npt.NDArray[np.int64]

# Digits in 3 x 5 dots, a row in each number.
_DIGITS = ((7, 5, 5, 5, 7), (2, 6, 2, 2, 7), (7, 1, 7, 4, 7), (7, 1, 7, 1, 7), (5, 5, 7, 1, 1),
           (7, 4, 7, 1, 7), (7, 4, 7, 5, 7), (7, 1, 2, 2, 2), (7, 5, 7, 5, 7), (7, 5, 7, 1, 7))
_SCALE = 3  # pixels of a dot
_CELL, _LARGEST = 48, 1600  # pixels of a cell, and of the picture where there are many
_PAPER, _INK = np.array([255, 255, 255]), np.array([40, 44, 52])
_RIGHT, _WRONG = np.array([40, 110, 190]), np.array([200, 70, 40])


def count_pairs(pairs: Iterable[tuple[int, int]], classes: int) -> Counts:
    """``[class][answer]`` of pairs of both."""
    counts = np.zeros((classes, classes), np.int64)
    for truth, answer in pairs:
        counts[truth, answer] += 1
    return counts


def describe_classes(counts: Counts, names: Sequence[str]) -> list[str]:
    """A line for each class: its number and name, and what it is taken for most often."""
    shown = [show(name) or f"class {i}" for i, name in enumerate(names)]
    width = max(map(len, shown))
    lines = []
    for i, row in enumerate(counts):
        line = f"{i:4} {shown[i]:{width}} {row[i]:5} of {row.sum()}"
        others = row.copy()
        others[i] = 0
        if others.any():
            line += f", {others.max()} taken for {shown[others.argmax()]}"
        lines.append(line)
    return lines


def _text(number: int) -> npt.NDArray[np.bool_]:
    """The dots of a number, ``[15][...]`` pixels."""
    glyphs = []
    for digit in str(number):
        rows = np.array(_DIGITS[int(digit)])
        glyphs.append((rows[:, None] >> np.arange(2, -1, -1)) & 1)
        glyphs.append(np.zeros((5, 1), int))
    dots = np.concatenate(glyphs[:-1], axis=1)
    return dots.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1).astype(bool)


def _put(cell: Bytes, number: int, color: npt.NDArray[np.int64]) -> None:
    """A number in the middle of a cell, if there is room for it."""
    text = _text(number)
    top, left = (cell.shape[0] - text.shape[0]) // 2, (cell.shape[1] - text.shape[1]) // 2
    if top >= 0 and left >= 0:
        cell[top:top + text.shape[0], left:left + text.shape[1]][text] = color


def draw(counts: Counts) -> Bytes:
    """Rows are classes, columns answers, both numbered; a cell is as dark as its share of its row:
    blue what is right, red what is not."""
    classes = len(counts)
    side = max(1, min(_CELL, _LARGEST // (classes + 1)))
    picture = np.empty(((classes + 1) * side, (classes + 1) * side, 3), np.uint8)
    picture[:] = _PAPER
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def cell(row: int, column: int) -> Bytes:
        return picture[row * side:(row + 1) * side, column * side:(column + 1) * side]

    for i in range(classes):
        _put(cell(0, i + 1), i, _INK)
        _put(cell(i + 1, 0), i, _INK)
        for j in range(classes):
            here, color = cell(i + 1, j + 1), _RIGHT if i == j else _WRONG
            here[:] = (_PAPER + (color - _PAPER) * share[i, j]).round()
            if counts[i, j]:
                _put(here, int(counts[i, j]), _PAPER if share[i, j] > 0.5 else _INK)
    return picture
