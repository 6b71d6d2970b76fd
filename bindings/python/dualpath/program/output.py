"""Files that the program writes: beside their name, and renamed when all is written."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from typing import Any

from .failure import Failure, usage
from .text import CONTROL

_CONTROL = re.compile(f"[{CONTROL}]")


class Output:
    """A file of an option. One that is there stays whole until ``end()``; devices and pipes are written
    to."""

    def __init__(self, option: str, path: str) -> None:
        self._option, self._path = option, path
        self._unfinished: str | None = None
        with self._failing():
            self._file = self._begin()

    def _begin(self) -> Any:
        if os.path.lexists(self._path) and not stat.S_ISREG(os.stat(self._path).st_mode):
            return open(self._path, "wb")
        self._path = os.path.realpath(self._path)
        folder, name = os.path.split(self._path)
        descriptor, self._unfinished = tempfile.mkstemp(prefix=f".{name[:100]}-", dir=folder)
        self._take_mode(descriptor)
        return open(descriptor, "wb")

    def _take_mode(self, descriptor: int) -> None:
        """That of the file before, or of any new file."""
        if not hasattr(os, "fchmod"):
            return
        mask = os.umask(0)
        os.umask(mask)
        try:
            mode = stat.S_IMODE(os.stat(self._path).st_mode)
        except FileNotFoundError:
            mode = 0o666 & ~mask
        os.fchmod(descriptor, mode)

    def add(self, text: str) -> None:
        with self._failing():
            self._file.write(text.encode("utf-8", "replace"))

    def end(self) -> None:
        with self._failing():
            self._file.close()
            if self._unfinished is not None:
                os.replace(self._unfinished, self._path)
                self._unfinished = None

    def drop(self) -> None:
        """Leaves what was there."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._unfinished is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._unfinished)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise Failure(self._option, f"cannot write {self._path}: {reason}") from error


class Outputs:
    """The files of a command. Those that were begun are dropped when it does not get to close them."""

    def __init__(self) -> None:
        self._begun: list[Output] = []

    def begin(self, option: str, path: str) -> Output:
        try:
            self._begun.append(Output(option, path))
        except Failure:
            self.close(drop=True)
            raise
        return self._begun[-1]

    def close(self, drop: bool) -> None:
        """All of them, also where one cannot be written."""
        with contextlib.ExitStack() as closing:
            for output in reversed(self._begun):
                closing.callback(output.drop if drop else output.end)


def check_outputs(paths: dict[str, str | None]) -> None:
    """Two options may not name one file."""
    options: dict[str, str] = {}
    for option, path in paths.items():
        if path is None or (os.path.exists(path) and not os.path.isfile(path)):
            continue
        real = os.path.realpath(path)
        if real in options:
            raise usage(option, f"'{path[:300]}' is the file of {options[real]}, too: each needs its own")
        options[real] = option


def one_line(text: str) -> str:
    """A label in a file: without control characters."""
    return _CONTROL.sub(" ", text)
