"""An input that is not what it should be, said in one sentence: the error of the converter, and how
programs end.

Also the way in which text from such an input is shown: short, and unable to steer a terminal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .errors import DualPathError


class Refused(Exception):
    """A file or a value that cannot be converted; the message says what was wrong."""


def show(text: str, limit: int = 120) -> str:
    """Text from a file as one printable line of at most `limit` characters."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return line if len(text) <= limit else line + "..."


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """A file that is refused is named."""
    try:
        yield
    except Refused as error:
        raise Refused(f"{path}: {error}") from error


@contextlib.contextmanager
def if_damaged(complaint: str) -> Iterator[None]:
    """For libraries that raise whatever the bytes of a damaged file happen to ask for."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{complaint}: {error}") from error


@contextlib.contextmanager
def ending_in_a_sentence(program: str) -> Iterator[None]:
    """What is wrong with the input of a program ends it in one sentence, not in a traceback."""
    try:
        yield
    except (DualPathError, Refused, ImportError, OSError, ValueError) as error:
        raise SystemExit(f"{program}: {show(str(error), 1000)}") from error
