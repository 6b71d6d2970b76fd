"""A tensor of a checkpoint, whatever kind of file it is in."""

from __future__ import annotations

from typing import Any

import numpy as np


class NamedArray:
    """What all kinds of tensors have in common: `dtype` is the name that PyTorch gives it, and
    array() reads the numbers."""

    shape: tuple[int, ...]
    dtype: str

    def array(self) -> np.ndarray[Any, Any]:
        raise NotImplementedError
