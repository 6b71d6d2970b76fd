"""Photographs, or frames of clips, as arrays that are mapped from files."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .._lists import load_array

HALF = 0.5  # mean and deviation of pixels in 0 to 1


class Photographs:
    """Bytes ``[n][R][R][3]`` and labels ``[n]``, from the files ``{prefix}_x.npy``, ``_y.npy``; and
    what a teacher answered, from ``_logits.npy`` and ``_tokens.npy``, if it was asked."""

    def __init__(self, prefix: str, taught: bool = False) -> None:
        self.pixels = load_array(prefix + "_x.npy", mapped=True)
        self.labels = torch.from_numpy(load_array(prefix + "_y.npy"))
        _check(prefix + "_x.npy", self.pixels.dtype == np.uint8 and self.pixels.ndim == 4
               and self.pixels.shape[-1] == 3, "bytes [n][R][R][3]")
        _check(prefix + "_y.npy", self.labels.shape == (len(self.pixels),)
               and self.labels.dtype == torch.int64, "a number for each picture")
        if taught:
            self.logits = load_array(prefix + "_logits.npy", mapped=True)
            self.tokens = load_array(prefix + "_tokens.npy", mapped=True)
            _check(prefix + "_logits.npy", self.logits.shape == (len(self), 1000),
                   "1000 logits for each picture")
            _check(prefix + "_tokens.npy", self.tokens.ndim == 3
                   and len(self.tokens) == len(self), "tokens [n][N][D] of each picture")

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Tensor) -> Tensor:
        """``[n][3][R][R]`` in -1 to 1."""
        pixels = torch.from_numpy(self.pixels[indices.numpy()])
        return pixels.permute(0, 3, 1, 2).float() / (255 * HALF) - 1

    def answers(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's probabilities ``[n][1000]`` and tokens ``[n][1 + G * G][D]``."""
        where = indices.numpy()
        probabilities = torch.from_numpy(self.logits[where]).float().softmax(-1)
        return probabilities, torch.from_numpy(self.tokens[where]).float()


def _check(path: str, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{path}: not {expected}")
