"""Writes weight files: GGUF as docs/weight-format.md states it, through the gguf package."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ._hyper import Hyper
from ._names import Array
from ._refused import Refused
from ._stated import Value

FORMAT_VERSION = 1
TYPES = ("f32", "f16", "bf16", "q8_0")
_Q8_0_COLUMNS = 32


def _import_gguf() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise Refused("weight files need the gguf package: pip install 'dualpath[convert]'") \
            from error
    return gguf


def type_of(name: str, array: Array, wanted: str) -> str:
    """Vectors, positions, the class token, prompts and convolutions stay f32; rows that q8_0 cannot
    cut are f16."""
    if array.ndim != 2 or name.startswith("position.") or name.endswith(".prompt"):
        return "f32"
    if wanted == "q8_0" and array.shape[1] % _Q8_0_COLUMNS:
        return "f16"
    return wanted


def _encode(name: str, array: Array, wanted: str) -> tuple[Array, Any]:
    """The bytes of a tensor as an array, and its GGUF type."""
    gguf = _import_gguf()
    kind = gguf.GGMLQuantizationType[type_of(name, array, wanted).upper()]
    with np.errstate(over="ignore", invalid="ignore"):
        encoded = gguf.quants.quantize(np.ascontiguousarray(array), kind)
        decoded = gguf.quants.dequantize(encoded, kind)
    if not np.isfinite(decoded).all():
        raise Refused(f"tensor {name} has values too large for {kind.name.lower()}")
    return np.ascontiguousarray(encoded), kind


def _add_metadata(writer: Any, hyper: Hyper, labels: list[str],
                  general: dict[str, Value]) -> None:
    kinds = _import_gguf().GGUFValueType
    add = {str: writer.add_string, bool: writer.add_bool, float: writer.add_float32,
           int: writer.add_uint32}
    for key, (value, _origin) in general.items():
        add[type(value)](key, value)
    writer.add_uint32("dualpath.format_version", FORMAT_VERSION)
    for key, (value, _origin) in hyper.values.items():
        if isinstance(value, tuple):
            writer.add_key_value(f"dualpath.{key}", value, kinds.ARRAY, kinds.FLOAT32)
        else:
            add[type(value)](f"dualpath.{key}", value)
    if labels:
        writer.add_key_value("dualpath.labels", labels, kinds.ARRAY, kinds.STRING)


def _write(path: Path, hyper: Hyper, tensors: dict[str, Array], labels: list[str],
           general: dict[str, Value], wanted: str) -> None:
    gguf = _import_gguf()
    writer = gguf.GGUFWriter(path, "dualpath")
    try:
        _add_metadata(writer, hyper, labels, general)
        checksums = []
        for tensor, array in tensors.items():
            encoded, kind = _encode(tensor, array, wanted)
            checksums.append(zlib.crc32(encoded.data))
            writer.add_tensor(tensor, encoded, raw_dtype=kind)
        writer.add_key_value("dualpath.tensor_crc32", checksums, gguf.GGUFValueType.ARRAY,
                             gguf.GGUFValueType.UINT32)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def write_weight_file(path: str, hyper: Hyper, tensors: dict[str, Array], labels: list[str],
                      general: dict[str, Value], wanted: str) -> None:
    """Writes a weight file under another name first: `path` is a whole file or none."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(prefix=".dualpath-convert-", dir=folder) as scratch:
        unfinished = Path(scratch) / "model.gguf"
        _write(unfinished, hyper, tensors, labels, general, wanted)
        with open(unfinished, "rb+") as file:  # Windows flushes only what can be written
            os.fsync(file.fileno())
        os.replace(unfinished, path)
