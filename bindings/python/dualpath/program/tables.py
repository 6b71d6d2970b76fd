"""Tables of answers, a row for each file: JSON lines, CSV and Parquet, by the ending of a name."""

from __future__ import annotations

import csv
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from .._rows import Row, Width, arrow_schema, import_pyarrow
from .text import as_json, number

_ROWS_OF_GROUP = 1024  # of Parquet, which are held in memory


class Table(ABC):
    """A table that is being written to a binary file."""

    def __init__(self, file: Any, width: Width, about: Row) -> None:
        """``about``: what is known of all of it, for formats that have room for that."""
        self._file, self._width, self._about = file, width, about

    @abstractmethod
    def add(self, row: Row) -> None: ...

    def end(self) -> None:
        """Writes what is left; the file stays open."""


class JsonLines(Table):
    def add(self, row: Row) -> None:
        self._file.write(as_json(row).encode("utf-8", "replace") + b"\n")


_PLAIN = ("path", "path_hex", "error", "warnings", "frames", "duration", "decode_ms", "compute_ms")
_NUMBERED = {"all_probabilities": "probability", "logits": "logit", "feature_temporal": "feature_temporal",
             "feature_spatial": "feature_spatial"}


class Csv(Table):
    """A column for each number of a list. What is not there is empty."""

    def __init__(self, file: Any, width: Width, about: Row) -> None:
        super().__init__(file, width, about)
        self._lists = width.lists()
        top = [f"top{place}_{what}" for place in range(1, width.top + 1)
               for what in ("class", "label", "probability")]
        numbers = [f"{_NUMBERED[name]}{i}" for name, size in self._lists.items() for i in range(size)]
        self._write([*_PLAIN, *top, *numbers])

    def _write(self, cells: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow(cells)  # so that "\r" is quoted, too
        self._file.write(line.getvalue()[:-2].encode("utf-8", "replace") + b"\n")

    def add(self, row: Row) -> None:
        cells = [_cell({**row, "warnings": "; ".join(row["warnings"]) or None}[name]) for name in _PLAIN]
        named = [*zip(row["classes"], row["labels"], row["probabilities"])]
        for one in named + [(None, None, None)] * (self._width.top - len(named)):
            cells += map(_cell, one)
        for name, size in self._lists.items():
            cells += map(_cell, row[name] or [None] * size)
        self._write(cells)


class Parquet(Table):
    """By pyarrow, compressed, in groups of some rows. ``about`` is in its metadata, as ``dualpath``."""

    def __init__(self, file: Any, width: Width, about: Row) -> None:
        super().__init__(file, width, about)
        self._arrow, self._rows = import_pyarrow(), list[Row]()
        self._schema = arrow_schema(width, about)
        self._writer = self._arrow.parquet.ParquetWriter(file, self._schema, compression="zstd")

    def add(self, row: Row) -> None:
        self._rows.append({name: row[name] for name in self._schema.names})
        if len(self._rows) == _ROWS_OF_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()

    def end(self) -> None:
        if self._rows:
            self._write_group()
        self._writer.close()


TABLES: dict[str, Callable[[Any, Width, Row], Table]] = {
    ".parquet": Parquet, ".csv": Csv, ".jsonl": JsonLines, ".ndjson": JsonLines,
}


def ending_of(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _cell(value: Any) -> Any:
    """Floats with as many digits as give back the same float32."""
    return number(value) if isinstance(value, float) else value
