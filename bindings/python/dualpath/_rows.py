"""What is known of a file as a row of a table: the columns that all jobs of many files have."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ._processes import Died
from .model import ModelInfo
from .worker import Record

Row = dict[str, Any]


class Width(NamedTuple):
    """How long the lists of a row are."""

    top: int
    classes: int
    """Of all probabilities and logits; 0: they are not wanted."""
    temporal: int
    """Of a feature; 0: it is not wanted, or there is none."""
    spatial: int

    def lists(self) -> dict[str, int]:
        sizes = {"all_probabilities": self.classes, "logits": self.classes,
                 "feature_temporal": self.temporal, "feature_spatial": self.spatial}
        return {name: size for name, size in sizes.items() if size}

    def kept(self, record: Record) -> Row:
        """Of a record, the columns that a table has."""
        wanted = self.lists()
        return {name: value for name, value in vars(record).items()
                if name in wanted or name not in _LISTS}


_LISTS = frozenset(Width(0, 1, 1, 1).lists())


def width_of(info: ModelInfo, top: int, logits: bool, features: bool) -> Width:
    """Of what a Worker with these options answers."""
    has_features = features or info.classes == 0
    return Width(min(top, info.classes), info.classes if logits else 0,
                 info.feature_size if has_features and info.framesets else 0,
                 info.feature_size if has_features else 0)


def record_of(answer: Record | Died) -> Record:
    """What a process said of a file, or what it died of."""
    if isinstance(answer, Died):
        return Record(f"the process that read it died, and another one, too: {answer.how}")
    return answer


def columns_of(path: str) -> Row:
    """A path as text, and its bytes where they are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        encoded = os.fsencode(path)
        return {"path": encoded.decode("utf-8", "replace"), "path_hex": encoded.hex()}
    return {"path": path, "path_hex": None}


def arrow_schema(width: Width, about: Row) -> Any:
    """``about``: what is known of the whole table, as the metadata ``dualpath``."""
    arrow = import_pyarrow()
    text, real = arrow.string(), arrow.float32()
    kinds = {"path": text, "path_hex": text, "error": text, "warnings": arrow.list_(text),
             "frames": arrow.int64(), "duration": arrow.float64(), "decode_ms": real,
             "compute_ms": real, "classes": arrow.list_(arrow.int32()), "labels": arrow.list_(text),
             "probabilities": arrow.list_(real),
             **{name: arrow.list_(real) for name in width.lists()}}
    return arrow.schema(kinds.items(), metadata={"dualpath": json.dumps(about)})


def import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("writing Parquet needs pyarrow: pip install 'dualpath[parquet]'") from error
    return pyarrow
