"""Text from files that is safe to show on a terminal, numbers and JSON, as the program in C writes them.

Bytes that are not UTF-8 are U+FFFD in labels, and lone surrogates in the arguments of the program.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Any, Protocol

from .failure import Failure

# C0, DEL and C1; what turns the direction of text; separators of lines and paragraphs.
CONTROL = "\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_NOT_UTF8 = "\ufffd\ud800-\udfff"

_UNSHOWN = re.compile(f"[{CONTROL}{_NOT_UTF8}]")
_ESCAPED = re.compile(rf'["\\{CONTROL}{_NOT_UTF8}]')


class _Class(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def label(self) -> str: ...


def shown(text: str) -> str:
    """One harmless character in the place of each that does something to a terminal."""
    return _UNSHOWN.sub("?", text)


def name_of_class(named: _Class) -> str:
    """The label of a class, or its number."""
    return named.label or f"class {named.index}"


def complain(subject: str, sentence: str) -> None:
    if sys.stderr is not None:
        print(f"dualpath: {shown(subject)}: {shown(sentence)}", file=sys.stderr)


def emit(text: str) -> None:
    """Prints at once. Nobody who reads on, as in ``... | head``, and a full disk are a Failure."""
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _forget_output()
        raise Failure("standard output", f"cannot write: {error.strerror}") from error


def _forget_output() -> None:
    """What is left in the buffer must not be an error once more when the interpreter ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(sentence: str) -> None:
    complain("warning", sentence)


def number(value: float) -> str:
    """With as many digits as give back the same float32."""
    return f"{value:.9g}"


def as_json(value: Any) -> str:
    """On one line: dictionaries, sequences and arrays, text, numbers, truth and None."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_json(key)}: {as_json(part)}' for key, part in value.items())}}}"
    if isinstance(value, str):
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value) if abs(value) < float("inf") else "null"
    return f"[{', '.join(as_json(part) for part in _listed(value))}]"


def _listed(values: Any) -> Any:
    return values.tolist() if hasattr(values, "tolist") else values


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return "\\" + character
    return "\\ufffd" if character >= "\ud800" else f"\\u{ord(character):04x}"
