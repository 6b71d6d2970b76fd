"""The one error of the converter: an input that is not what it should be, in one sentence.

Also the way in which text from such an input is shown: short, and unable to steer a terminal.
"""

from __future__ import annotations


class Refused(Exception):
    """A file or a value that cannot be converted; the message says what was wrong."""


def show(text: str, limit: int = 120) -> str:
    """Text from a file as one printable line of at most `limit` characters."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return line if len(text) <= limit else line + "..."
