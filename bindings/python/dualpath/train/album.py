"""Photographs, or frames of clips, as arrays in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._lists import load_array

HALF = 0.5  # mean and deviation of pixels in 0 to 1


def write(prefix: str, pixels: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> None:
    """The files of pictures, bytes ``[n][R][R][3]``, and their labels ``[n]``; -1: no label."""
    for path, array in zip(_paths(prefix), (pixels, labels)):
        np.save(path, array)


def _paths(prefix: str) -> tuple[str, str]:
    return prefix + "_x.npy", prefix + "_y.npy"


class Photographs:
    """Pictures that were written, mapped, and their labels."""

    def __init__(self, prefix: str) -> None:
        pixels_path, self.labels_path = _paths(prefix)
        self.pixels = x = load_array(pixels_path, mapped=True)
        labels = load_array(self.labels_path)
        _check(pixels_path, x.dtype == np.uint8 and x.ndim == 4 and x.shape[-1] == 3
               and x.size > 0, "bytes [n][R][R][3]")
        _check(self.labels_path, labels.shape == (len(x),) and labels.dtype.kind in "iu",
               "a number for each picture")
        self.labels = torch.from_numpy(labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Tensor) -> Tensor:
        """``[n][3][R][R]`` in -1 to 1."""
        pixels = torch.from_numpy(self.pixels[indices.numpy()])
        return pixels.permute(0, 3, 1, 2).float() / (255 * HALF) - 1


def _check(path: str, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{path}: not {expected}")
