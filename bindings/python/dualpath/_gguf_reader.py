"""Reads what a weight file says of itself, for --inspect: GGUF within the bounds of
docs/weight-format.md. Nothing in the file is believed before it is checked.
"""

from __future__ import annotations

import math
import mmap
import struct
import zlib
from typing import Any, NamedTuple

from ._refused import Refused, show

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
            11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
# Type of a tensor -> name, numbers in a block, bytes of a block.
_TENSOR_TYPES = {0: ("f32", 1, 4), 1: ("f16", 1, 2), 30: ("bf16", 1, 2), 8: ("q8_0", 32, 34)}
_MAX_TENSORS, _MAX_ENTRIES = 65536, 4096
_MAX_KEY, _MAX_NAME, _MAX_STRING, _MAX_ARRAY = 65535, 64, 1 << 20, 1 << 24
_DEFAULT_ALIGNMENT, _MAX_ALIGNMENT = 32, 65536


class TensorInfo(NamedTuple):
    name: str
    type: str
    shape: list[int]  # as in NumPy: columns last
    offset: int  # in the data section
    size: int  # in bytes


class _Cursor:
    def __init__(self, data: mmap.mmap | bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        start, self.position = self.position, self.position + count
        if self.position > len(self.data):
            raise Refused("the weight file ends too early")
        return self.data[start:self.position]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, form: str, limit: int, what: str) -> int:
        value: int = self.number(form)
        if value > limit:
            raise Refused(f"the weight file has {value} {what}; at most {limit}")
        return value

    def string(self, limit: int, what: str) -> str:
        try:
            return self.take(self.count("<Q", limit, f"bytes in a {what}")).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(f"a {what} of the weight file is not UTF-8") from error

    def value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.string(_MAX_STRING, "string")
        raise Refused(f"the weight file has a value of unknown type {kind}")

    def values(self) -> list[Any]:
        kind, count = self.number("<I"), self.count("<Q", _MAX_ARRAY, "elements in an array")
        return [self.value(kind) for _ in range(count)]


def _read_metadata(cursor: _Cursor, count: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.string(_MAX_KEY, "key")
        if key in metadata:
            raise Refused(f"key {show(key)} occurs twice")
        kind = cursor.number("<I")
        metadata[key] = cursor.values() if kind == _ARRAY else cursor.value(kind)
    return metadata


def _read_tensor(cursor: _Cursor) -> TensorInfo:
    name = cursor.string(_MAX_NAME, "tensor name")
    dimensions = cursor.count("<I", 4, "dimensions in a tensor")
    shape = [cursor.count("<Q", (1 << 31) - 1, "elements in a dimension")
             for _ in range(dimensions)][::-1]
    kind, offset = cursor.number("<I"), cursor.number("<Q")
    if kind not in _TENSOR_TYPES:
        raise Refused(f"tensor {show(name)} is of unknown type {kind}")
    label, block, block_bytes = _TENSOR_TYPES[kind]
    if not shape or 0 in shape or shape[-1] % block:
        raise Refused(f"tensor {show(name)} of type {label} has shape {shape}")
    return TensorInfo(name, label, shape, offset, math.prod(shape) // block * block_bytes)


def _alignment(metadata: dict[str, Any]) -> int:
    value = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(value) is not int or not 8 <= value <= _MAX_ALIGNMENT or value & (value - 1):
        raise Refused("general.alignment is not a power of two from 8 to 65536")
    return value


class WeightFile:
    """`metadata` by key, `tensors` and their `checksums` in the order of the file, and in
    `damaged` the names of those whose bytes are not the ones that were written; both are None
    where the file has no checksums."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        cursor = _Cursor(data)
        magic = cursor.take(4)
        if magic == b"PK\3\4":
            raise Refused("not a GGUF file but a checkpoint: convert it first")
        if magic != b"GGUF" or cursor.number("<I") != 3:
            raise Refused("not a little-endian GGUF file of version 3")
        tensors = cursor.count("<Q", _MAX_TENSORS, "tensors")
        entries = cursor.count("<Q", _MAX_ENTRIES, "metadata entries")
        self.metadata = _read_metadata(cursor, entries)
        self.tensors = [_read_tensor(cursor) for _ in range(tensors)]
        alignment = _alignment(self.metadata)
        self._start = -(-cursor.position // alignment) * alignment
        for tensor in self.tensors:
            if self._start + tensor.offset + tensor.size > len(data):
                raise Refused(f"tensor {show(tensor.name)} lies beyond the end of the file")
        self.checksums: list[int] | None = self.metadata.pop("dualpath.tensor_crc32", None)
        self.damaged = self._find_damage(data)

    def bytes_of(self, data: mmap.mmap | bytes, tensor: TensorInfo) -> bytes:
        begin = self._start + tensor.offset
        return data[begin:begin + tensor.size]

    def _find_damage(self, data: mmap.mmap | bytes) -> list[str] | None:
        if self.checksums is None:
            return None
        if not isinstance(self.checksums, list) or len(self.checksums) != len(self.tensors):
            raise Refused("dualpath.tensor_crc32 does not have an entry for each of the "
                          f"{len(self.tensors)} tensors")
        return [tensor.name for tensor, checksum in zip(self.tensors, self.checksums)
                if zlib.crc32(self.bytes_of(data, tensor)) != checksum]


def read_weight_file(path: str) -> WeightFile:
    with open(path, "rb") as file, \
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return WeightFile(data)
