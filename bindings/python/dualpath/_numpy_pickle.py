"""Stand-ins for NumPy objects in a pickle: scalars and arrays among the arguments or the optimizer
state of a checkpoint. Plain numbers only; an array of objects is refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ._pickle import Global, Inert
from ._refused import Refused, show


class _Dtype(Inert):
    def __init__(self, code: Any, *_flags: Any) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[biuf][1248]|c8|c16|[SU]\d{1,6}", code):
            name = show(code) if isinstance(code, str) else type(code).__name__
            raise Refused(f"NumPy data type {name} is not a plain number or text")
        self.code: np.dtype[Any] = np.dtype(code)

    def set_state(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise Refused("a NumPy data type has a state that NumPy does not write")
        self.code = self.code.newbyteorder(state[1])


class _Array(Inert):
    def __init__(self, *_arguments: Any) -> None:
        self.value: np.ndarray[Any, Any] | None = None

    def set_state(self, state: Any) -> None:
        _version, shape, dtype, is_fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise Refused("a NumPy array is not made of plain numbers")
        if len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
            raise Refused("a NumPy array has a shape that is not of whole numbers")
        if len(data) != math.prod(shape) * dtype.code.itemsize:
            raise Refused(f"a NumPy array of shape {list(shape)} has {len(data)} bytes")
        numbers = np.frombuffer(data, dtype.code)
        self.value = numbers.reshape(shape, order="F" if is_fortran else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise Refused("a NumPy scalar is not a plain number")
    return np.frombuffer(data, dtype.code, 1)[0].item()


def _encode(text: str, encoding: Any) -> bytes:
    if encoding != "latin1":
        raise Refused("bytes are written as text in another encoding than latin1")
    return text.encode("latin1")


def whitelist() -> dict[str, Global]:
    """The names that pickles of NumPy objects mention, and what stands for them."""
    table = {"numpy.dtype": Global("numpy.dtype", _Dtype),
             "numpy.ndarray": Global("numpy.ndarray"),
             "_codecs.encode": Global("_codecs.encode", _encode)}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table[f"{module}.scalar"] = Global(f"{module}.scalar", _scalar)
        table[f"{module}._reconstruct"] = Global(f"{module}._reconstruct", _Array)
    return table
