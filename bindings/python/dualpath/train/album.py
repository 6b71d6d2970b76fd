"""Photographs, or frames of clips, as arrays that are mapped from files."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .._lists import load_array

HALF = 0.5  # mean and deviation of pixels in 0 to 1


class Photographs:
    """Bytes ``[n][R][R][3]`` and labels ``[n]``, from the files ``{prefix}_x.npy``, ``_y.npy``; and
    what a teacher answered, from ``_tokens.npy``, if it was asked."""

    def __init__(self, prefix: str, taught: bool = False) -> None:
        self.prefix = prefix
        self.pixels = load_array(prefix + "_x.npy", mapped=True)
        x, labels = self.pixels, load_array(prefix + "_y.npy")
        _check(prefix + "_x.npy", x.dtype == np.uint8 and x.ndim == 4 and x.shape[-1] == 3
               and x.size > 0, "bytes [n][R][R][3]")
        _check(prefix + "_y.npy", labels.shape == (len(x),) and labels.dtype.kind in "iu",
               "a number for each picture")
        self.labels = torch.from_numpy(labels.astype(np.int64))
        if taught:
            self._read_answers()

    def _read_answers(self) -> None:
        name = self.prefix + "_tokens.npy"
        self.tokens = tokens = load_array(name, mapped=True)
        _check(name, tokens.ndim == 3 and len(tokens) == len(self) and tokens.shape[1] > 1
               and math.isqrt(tokens.shape[1] - 1) ** 2 == tokens.shape[1] - 1
               and tokens.dtype.kind == "f", "tokens [n][1 + G * G][D] of each picture")

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Tensor) -> Tensor:
        """``[n][3][R][R]`` in -1 to 1."""
        pixels = torch.from_numpy(self.pixels[indices.numpy()])
        return pixels.permute(0, 3, 1, 2).float() / (255 * HALF) - 1

    def answers(self, indices: Tensor) -> Tensor:
        """The teacher's tokens ``[n][1 + G * G][D]``."""
        return torch.from_numpy(self.tokens[indices.numpy()]).float()


def _check(path: str, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{path}: not {expected}")
