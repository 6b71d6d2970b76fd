"""What the pickles of PyTorch describe: tensors, as views of storages, and the few other names that
they may mention.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from . import _mmengine_pickle, _numpy_pickle
from ._named_array import NamedArray
from ._pickle import Dictionary, Global, hashable
from ._refused import Refused, show

# Torch data type -> how NumPy reads its bytes. Of the last ones, which NumPy does not know, only
# the size counts: the converter takes no such tensor. For bfloat16 see Tensor.array().
_DTYPES = {
    "float32": "f4", "float64": "f8", "float16": "f2", "bfloat16": "u2",
    "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "uint8": "u1", "bool": "?",
    "complex64": "c8", "complex128": "c16", "uint16": "u2", "uint32": "u4", "uint64": "u8",
    "complex32": "u4",
    **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
                     "float8_e8m0fnu", "float4_e2m1fn_x2"), "u1"),
}
_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}
_MAX_DIMENSIONS = 16


class Source(Protocol):
    """A file of PyTorch, from which the bytes of a storage are read by its name."""

    byte_order: str  # of its numbers, as NumPy writes it: < or >

    def read(self, entry: str) -> bytes: ...


class Storage:
    """The numbers that tensors share: a part of a file."""

    def __init__(self, source: Source, entry: str, dtype: str, count: int) -> None:
        self.source, self.entry, self.dtype, self.count = source, entry, dtype, count

    @property
    def item_size(self) -> int:
        return np.dtype(_DTYPES[self.dtype]).itemsize

    def with_dtype(self, dtype: str) -> Storage:
        """The same bytes as numbers of another type: for files with untyped storages."""
        size = self.count * self.item_size
        return Storage(self.source, self.entry, dtype,
                       size // np.dtype(_DTYPES[dtype]).itemsize)

    def numbers(self) -> np.ndarray[Any, Any]:
        code = np.dtype(self.source.byte_order + _DTYPES[self.dtype])
        return np.frombuffer(self.source.read(self.entry), code, self.count)


def read_identifier(identifier: tuple[Any, ...]) -> tuple[str, str, int]:
    """Data type, key and count of numbers of a storage that a pickle refers to."""
    if identifier[0] != "storage":
        raise Refused("the pickle refers to something else than a storage")
    _, kind, key, _location, count, *_ = identifier
    kind = kind.name.rpartition(".")[2] if isinstance(kind, Global) else ""
    dtype = "uint8" if kind == "UntypedStorage" else _STORAGES.get(kind)
    if dtype is None or type(key) is not str or type(count) is not int or count < 0:
        raise Refused("the pickle refers to a storage in a way that PyTorch does not")
    return dtype, key, count


class Tensor(NamedArray):
    """A checked view of a storage, read when array() is called."""

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...],
                 strides: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides
        self.dtype = storage.dtype

    def array(self) -> np.ndarray[Any, Any]:
        numbers = self.storage.numbers()[self.offset:]
        steps = [stride * numbers.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers, self.shape, steps, writeable=False)
        if self.dtype == "bfloat16":
            return np.asarray(view.astype(np.uint32) << 16).view(np.float32)
        return view.astype(view.dtype.newbyteorder("="))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_ignored: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise Refused("a tensor has no storage")
    shape, strides = tuple(shape), tuple(strides)
    if not all(type(n) is int and n >= 0 for n in (offset, *shape, *strides)):
        raise Refused(f"a tensor in {storage.entry} has an offset, a size or a stride that is "
                      "negative or not a whole number")
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise Refused(f"a tensor in {storage.entry} has {len(shape)} sizes and {len(strides)} "
                      f"strides; expected as many, and at most {_MAX_DIMENSIONS}")
    count = math.prod(shape)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides))
    if count > storage.count or (count > 0 and last >= storage.count):
        raise Refused(f"a tensor of shape {list(shape)} does not fit in its storage "
                      f"{storage.entry}: {storage.count} numbers")
    return Tensor(storage, offset, shape, strides)


def _rebuild_tensor_v3(storage: Any, offset: Any, shape: Any, strides: Any, _requires_grad: Any,
                       _hooks: Any, dtype: Any, *_ignored: Any) -> Tensor:
    name = dtype.name.rpartition(".")[2] if isinstance(dtype, Global) else ""
    if not isinstance(storage, Storage) or name not in _DTYPES:
        raise Refused("a tensor has no storage, or no data type")
    return _rebuild_tensor(storage.with_dtype(name), offset, shape, strides)


def _rebuild_from_type(function: Any, _type: Any, arguments: Any, _state: Any) -> Tensor:
    if not isinstance(function, Global) or function.call not in _REBUILDERS:
        raise Refused("a tensor is rebuilt by something else than a function for tensors")
    tensor: Tensor = function.call(*arguments)
    return tensor


def _make_dictionary(items: Any = ()) -> Dictionary:
    if len(items) > 0:
        raise Refused("an OrderedDict is made from values in a way that PyTorch does not")
    return Dictionary()


def _make_set(values: Iterable[Any] = ()) -> set[Any]:
    return {hashable(value) for value in values}


def _join(separator: str) -> Callable[..., str]:
    """A call that answers its texts and numbers in one text: devices, versions."""
    return lambda *parts: separator.join(str(hashable(part)) for part in parts)


_REBUILDERS = (_rebuild_tensor, _rebuild_tensor_v3)


def _whitelist() -> dict[str, Global]:
    """Every name that a file may mention, and what stands for it. Anything else is refused."""
    calls: dict[str, Callable[..., Any]] = {
        "collections.OrderedDict": _make_dictionary,
        "collections.defaultdict": lambda *_factory: {},
        "builtins.set": _make_set,
        "torch.Size": lambda sizes: tuple(sizes),
        "torch.device": _join(":"),
        "torch.torch_version.TorchVersion": _join(""),
        "torch._utils._rebuild_tensor": _rebuild_tensor,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
        "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
        "torch._utils._rebuild_parameter": lambda tensor, *_ignored: tensor,
        "torch._utils._rebuild_parameter_with_state": lambda tensor, *_ignored: tensor,
        "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
        "torch.jit._pickle.restore_type_tag": lambda value, _type: value,
    }
    for kind in ("int", "double", "bool", "tensor"):
        calls[f"torch.jit._pickle.build_{kind}list"] = lambda values: values
    for kind in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"):
        calls[f"pathlib.{kind}"] = lambda *parts: str(PurePosixPath(*parts))
    types = ["builtins." + name for name in ("dict", "list", "int", "float", "str", "bool")]
    types += ["torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"]
    types += ["torch." + name for name in (*_DTYPES, *_STORAGES)]
    types += ["torch.storage.UntypedStorage"]
    table = {name: Global(name, call) for name, call in calls.items()}
    table.update({name: Global(name) for name in types})
    table.update({name: Global(name, is_record=True)
                  for name in ("argparse.Namespace", "types.SimpleNamespace")})
    table.update(_numpy_pickle.whitelist())
    table.update(_mmengine_pickle.whitelist())
    return table


_GLOBALS = _whitelist()


def find_global(module: str, name: str) -> Global:
    full = f"{'builtins' if module == '__builtin__' else module}.{name}"
    if full in _GLOBALS:
        return _GLOBALS[full]
    if full.startswith("__torch__."):  # the classes of a TorchScript archive: attributes only
        return Global(full, is_record=True)
    raise Refused(f"the pickle names {show(full)}, which is not among the names a checkpoint "
                  "needs; nothing was executed")
