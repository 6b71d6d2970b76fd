"""Photographs, or frames of clips, as arrays that are mapped from files."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

HALF = 0.5  # mean and deviation of pixels in 0 to 1


class Photographs:
    """Bytes ``[n][R][R][3]`` and labels ``[n]``, from the files ``{prefix}_x.npy``, ``_y.npy``; and
    what a teacher answered, from ``_logits.npy`` and ``_tokens.npy``, if it was asked."""

    def __init__(self, prefix: str, taught: bool = False) -> None:
        self.pixels = np.load(prefix + "_x.npy", mmap_mode="r")
        self.labels = torch.from_numpy(np.load(prefix + "_y.npy"))
        if taught:
            self.logits = np.load(prefix + "_logits.npy", mmap_mode="r")
            self.tokens = np.load(prefix + "_tokens.npy", mmap_mode="r")

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
