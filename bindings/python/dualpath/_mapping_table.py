"""dualpath-convert --dry-run: what becomes of each tensor of a checkpoint, and the keys and values of the
weight file, as tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._gguf_writer import FORMAT_VERSION, type_of
from ._hyper import Hyper
from ._names import Array, Mapped, Piece
from ._refused import show
from ._stated import Value

_KINDS = {str: "string", bool: "bool", float: "f32", int: "u32"}
_MAX_VALUE = 60  # characters of a value that are shown


def print_mapping(mapped: Mapped, hyper: Hyper, tensors: dict[str, Array], notes: list[str],
                  labels: list[str], general: dict[str, Value], wanted: str) -> None:
    """`tensors` are those that would be written, matrices as type `wanted`."""
    rows = [_row(piece, mapped, tensors, wanted) for piece in mapped.pieces]
    _print_table(("tensor", "shape", "becomes", "shape", "type"), rows)
    print()
    _print_table(("key", "type", "value", "from"), _keys(hyper, labels, general, len(tensors)))
    if notes:
        print()
    for note in notes:
        print(f"note: {note}")
    print(f"\nnothing is written; it would be {len(tensors)} tensors of "
          f"{len(mapped.pieces)} that were read")


def _row(piece: Piece, mapped: Mapped, tensors: dict[str, Array], wanted: str) -> tuple[str, ...]:
    source, shape = show(piece.source), str(list(piece.shape))
    target = piece.target
    if target is None:
        return source, shape, f"(dropped: {piece.reason})"
    if target in tensors:
        array = tensors[target]
        return source, shape, target, str(list(array.shape)), type_of(target, array, wanted)
    reason = mapped.left_out.get(target, "frozen, as the backbone has it")
    return source, shape, f"({target} is left out: {reason})"


def _keys(hyper: Hyper, labels: list[str], general: dict[str, Value], count: int
          ) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("general.architecture", "string", "dualpath", "always")]
    rows += [(key, _kind(value), _shown(value), origin)
             for key, (value, origin) in general.items()]
    rows.append(("dualpath.format_version", "u32", str(FORMAT_VERSION), "always"))
    rows += [(f"dualpath.{key}", _kind(value), _shown(value), show(origin))
             for key, (value, origin) in hyper.values.items()]
    if labels:
        rows.append(("dualpath.labels", f"{len(labels)} string", _shown(", ".join(labels)),
                     "--labels"))
    rows.append(("dualpath.tensor_crc32", f"{count} u32", "...", "the bytes of the tensors"))
    return rows


def _kind(value: Any) -> str:
    return f"{len(value)} f32" if isinstance(value, tuple) else _KINDS[type(value)]


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{part:g}" for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return show(str(value), _MAX_VALUE)


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their widest cell; a row that ends early has its last cell in all that is
    left."""
    full = [row for row in (head, *rows) if len(row) == len(head)]
    widths = [max(len(row[i]) for row in full) for i in range(len(head))]
    for i, width in enumerate(widths):  # of cells that stand before the last one of a short row
        widths[i] = max([width, *(len(row[i]) for row in rows if i < len(row) - 1)])
    for row in (head, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
