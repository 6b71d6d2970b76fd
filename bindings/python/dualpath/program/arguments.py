"""Command line arguments: ``--name value``, ``--name=value``, flags, ``--``, and the rest. What the
program in C takes is taken, and what it refuses is refused in the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count, takewhile
from typing import Any, NamedTuple

from .._lib import name_of
from .failure import usage

INPUT = "INPUT"

_MAX_SHOWN = 40  # characters of a wrong value

# Values that mean something elsewhere, or that somebody may try.
_ADVICE = {
    ("--sampling", "all"): "uniform takes frames from the whole clip",
    **dict.fromkeys([("--precision", name) for name in ("fp16", "f16", "float16")], "bf16 has 16 bits"),
    **dict.fromkeys([("--precision", name) for name in ("fp32", "float32")], "f32 is meant"),
    **dict.fromkeys([("--cpu", name) for name in ("cuda", "gpu")], "models run on the CPU only"),
    ("--format", "rgb"): "rgb24 is meant",
    ("--format", "bgr"): "bgr24 is meant",
    ("--format", "gray"): "gray8 is meant",
    ("--format", "yuv420p"): "i420 is meant",
    **dict.fromkeys([("--format", name) for name in ("yuv420p10le", "p010le")],
                    "more than 8 bits are read as Y4M"),
    **dict.fromkeys([("--threads", value) for value in ("0", "-1", "auto")],
                    "without it, all processors compute"),
}


class Option(NamedTuple):
    """An option: its value of a text, or a complaint; a flag has none."""

    read: Callable[[str, str], Any] | None
    default: Any = None


def parse(
    arguments: Sequence[str], options: Mapping[str, Option], names: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The values of all options, by their names without dashes, and one argument for each name."""
    values = {_key(name): option.default for name, option in options.items()}
    found: list[str] = []
    left, only_positional = list(arguments), False
    while left:
        argument = left.pop(0)
        if not only_positional and argument == "--":
            only_positional = True
        elif not only_positional and argument.startswith("-") and argument != "-":
            name, value = _option(argument, left, options)
            values[_key(name)] = value
        elif len(found) == len(names):
            raise usage(argument, "one argument too many (--help shows the usage)")
        else:
            found.append(file_name(names[len(found)], argument))
    if len(found) < len(names):
        raise usage(names[len(found)], "is missing (--help shows the usage)")
    return values, found


def _key(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _option(argument: str, left: list[str], options: Mapping[str, Option]) -> tuple[str, Any]:
    """The name and the value of an option, which may take one of the arguments that are left."""
    name, equals, value = argument.partition("=")
    option = options.get(name)
    if option is None:
        raise usage(argument, f"no such option ({nearest(name, options)})")
    if option.read is None:
        if equals:
            raise usage(name, "takes no value")
        return name, True
    if not equals and not left:
        raise usage(name, "needs a value")
    return name, option.read(name, value if equals else left.pop(0))


# ---- kinds of options ----


def flag() -> Option:
    return Option(None, False)


def file() -> Option:
    return Option(file_name)


def whole(low: int, high: int) -> Option:
    def read(name: str, text: str) -> int:
        if not _is_whole(text, low, high):
            raise _wrong(name, text, f"is not a number from {low} to {high}")
        return int(text)

    return Option(read)


def real(high: int) -> Option:
    """A decimal fraction, without sign or exponent."""

    def read(name: str, text: str) -> float:
        plain = re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text)
        if not plain or not 0 < float(text) <= high:
            raise _wrong(name, text, f"is not a number such as 12.5, above 0 and up to {high}")
        return float(text)

    return Option(read)


def choice(names: Mapping[str, Any], default: Any = None) -> Option:
    def read(name: str, text: str) -> Any:
        if text not in names:
            raise _wrong(name, text, f"is none of {', '.join(names)}")
        return names[text]

    return Option(read, default)


def named(kind: str, first: int, default: str | None = None) -> Option:
    """A name that the library has for a dp_precision, dp_sampling, ... from number ``first`` on."""

    def read(name: str, text: str) -> Any:
        numbered = (name_of(kind, number) for number in count(first))
        names = list(takewhile(lambda known: known != "unknown", numbered))
        read_choice = choice(dict(zip(names, names))).read
        assert read_choice is not None
        return read_choice(name, text)

    return Option(read, default)


def pair(between: str, high: int, what: str) -> Option:
    """Two numbers with a character between them, such as "a size such as 320x240, each side"."""

    def read(name: str, text: str) -> tuple[int, int]:
        first, found, second = text.partition(between)
        if not found or not all(_is_whole(part, 1, high) for part in (first, second)):
            raise _wrong(name, text, f"is not {what} 1 to {high}")
        return int(first), int(second)

    return Option(read)


def size_in_bytes() -> Option:
    def read(name: str, text: str) -> int:
        found = re.fullmatch(r"([0-9]{1,19})([KMGT]?)", text)
        number = int(found[1]) if found else 0
        if found is None or not 0 < number < 1 << 24 and not 0 < number < (1 << 64) >> 40:
            raise _wrong(name, text, "is not a number of bytes such as 512M or 8G")
        return number << 10 * (" KMGT".index(found[2]) if found[2] else 0)

    return Option(read)


def file_name(what: str, text: str) -> str:
    """``-`` is standard input where frames are read, and nothing anywhere else."""
    if not text:
        raise usage(what, "is empty: the name of a file is expected")
    if text == "-" and what != INPUT:
        raise usage(what, "'-' is not the name of a file here: say ./- for a file of that name, or "
                          "/dev/stdin or /dev/stdout")
    return text


def _is_whole(text: str, low: int, high: int) -> bool:
    return re.fullmatch("[0-9]{1,19}", text) is not None and low <= int(text) <= high


def _wrong(name: str, text: str, sentence: str) -> Exception:
    advice = _ADVICE.get((name, text))
    return usage(name, f"'{text[:_MAX_SHOWN]}' {sentence}" + (f"; {advice}" if advice else ""))


# ---- a name that is none of some ----


def nearest(text: str, names: Mapping[str, Any]) -> str:
    """What somebody may have meant, or where the names are listed."""
    limit = 2 if len(text) < 7 else 3
    distances = {name: _distance(text, name) for name in names}
    best = min(distances, key=distances.__getitem__)
    return f"did you mean {best}?" if distances[best] < limit else "--help lists them"


def _distance(a: str, b: str) -> int:
    """Characters that are inserted, removed or replaced."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (one != other))
    return row[-1]
