"""Reads safetensors files, through the safetensors package."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._named_array import NamedArray
from ._refused import Refused, show

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
           "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
           "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
           "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
           "F8_E8M0": "float8_e8m0fnu", "F4": "float4_e2m1fn_x2"}


class _SafeTensor(NamedArray):
    def __init__(self, file: Any, name: str) -> None:
        part = file.get_slice(name)
        code = part.get_dtype()
        self.shape = tuple(part.get_shape())
        self.dtype = _DTYPES.get(code, code)
        self._file, self._name = file, name

    def array(self) -> np.ndarray[Any, Any]:
        array: np.ndarray[Any, Any] = self._file.get_tensor(self._name)
        return array


class _Bfloat16(_SafeTensor):
    """bfloat16 is unknown to NumPy, and with it to the safetensors package: from its bytes."""

    def __init__(self, file: Any, name: str, data: bytes) -> None:
        super().__init__(file, name)
        self._data = data

    def array(self) -> np.ndarray[Any, Any]:
        bits = np.frombuffer(self._data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(self.shape)


def read_safetensors(path: str) -> dict[str, NamedArray]:
    """The tensors of a file by name; the numbers of a tensor are read when they are asked for."""
    try:
        import safetensors
    except ImportError as error:
        raise Refused("reading a safetensors file needs the safetensors package: "
                      "pip install 'dualpath[convert]'") from error
    deserialize: Any = safetensors.deserialize
    try:
        file: Any = safetensors.safe_open(path, framework="np")
        tensors: dict[str, NamedArray] = {name: _SafeTensor(file, name) for name in file.keys()}
        if any(tensor.dtype == "bfloat16" for tensor in tensors.values()):
            with open(path, "rb") as source:
                raw = dict(deserialize(source.read()))
            tensors.update({name: _Bfloat16(file, name, raw[name]["data"])
                            for name in tensors if tensors[name].dtype == "bfloat16"})
    except safetensors.SafetensorError as error:
        raise Refused(f"not a sound safetensors file: {show(str(error))}") from error
    return tensors
