"""Python functions and files as callbacks of the library.

An exception cannot pass through C. The first one is kept, stops the call as soon as the library
asks (a progress callback cancels, a reader fails), and is raised again when the call is back.
The C callbacks refer to the list of kept exceptions only, so that they form no reference cycle.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import Any

from ._lib import LOG_FN, PROGRESS_FN, READ_FN, WRITE_FN, dp_reader, dp_writer, text

LogFunction = Callable[[int, str], object]
"""``log(level, message)`` with a level of the logging module: ``logger.log`` is one."""

ProgressFunction = Callable[[str, float], object]
"""``progress(stage, fraction)``, fraction 0 to 1; a true return value cancels."""

_LEVELS = {1: logging.WARNING, 2: logging.INFO}


class Callbacks:
    """The log and progress functions of one model or session, and what they raised."""

    def __init__(
        self, log: LogFunction | None = None, progress: ProgressFunction | None = None
    ) -> None:
        self.raised: list[BaseException] = []
        self.log = _log_callback(log, self.raised) if log else LOG_FN()
        # A log function that raised is heard through the progress callback: the call is cancelled.
        wanted = log or progress
        self.progress = _progress_callback(progress, self.raised) if wanted else PROGRESS_FN()

    def install(self, options: Any) -> None:
        options.log = self.log
        options.progress = self.progress

    def raise_kept(self) -> None:
        """To be called after each call of the library, before its status is looked at."""
        if self.raised:
            raise self.raised.pop()


def _log_callback(log: LogFunction, raised: list[BaseException]) -> Any:
    def on_log(_user: int, level: int, message: bytes) -> None:
        if raised:
            return
        try:
            log(_LEVELS.get(level, logging.INFO), text(message))
        except BaseException as error:
            raised.append(error)

    return LOG_FN(on_log)


def _progress_callback(progress: ProgressFunction | None, raised: list[BaseException]) -> Any:
    def on_progress(_user: int, stage: bytes, fraction: float) -> int:
        if raised:
            return 1
        try:
            return 1 if progress and progress(text(stage), fraction) else 0
        except BaseException as error:
            raised.append(error)
            return 1

    return PROGRESS_FN(on_progress)


def reader(file: Any, raised: list[BaseException]) -> dp_reader:
    """A binary file object, from where it stands to its end, as a dp_reader."""
    source = _ForwardReader(file)

    def on_read(_user: int, offset: int, buffer: int, size: int) -> int:
        try:
            return source.read_into(offset, buffer, size)
        except BaseException as error:
            raised.append(error)
            return -1

    return dp_reader(read=READ_FN(on_read))


def writer(file: Any, raised: list[BaseException]) -> dp_writer:
    """A binary file object, from where it stands on, as a dp_writer."""

    def on_write(_user: int, data: int, size: int) -> int:
        try:
            written = file.write((ctypes.c_char * size).from_address(data))
            return 0 if written is None else int(written)  # None: it would have had to wait
        except BaseException as error:
            raised.append(error)
            return -1

    return dp_writer(write=WRITE_FN(on_write))


class _ForwardReader:
    """Reads a file that may be unable to seek; offsets only grow, gaps are read and dropped."""

    _CHUNK = 1 << 20

    def __init__(self, file: Any) -> None:
        self._file = file
        self._position = 0

    def read_into(self, offset: int, buffer: int, size: int) -> int:
        while self._position < offset:
            if not self._read(min(offset - self._position, self._CHUNK)):
                return 0
        data = self._read(min(size, self._CHUNK))
        ctypes.memmove(buffer, data, len(data))
        return len(data)

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if not isinstance(data, bytes):
            raise TypeError(
                f"read() of {self._file!r} returned {type(data).__name__}, not bytes: "
                "open the file in binary mode"
            )
        if len(data) > size:
            raise ValueError(f"read({size}) of {self._file!r} returned {len(data)} bytes")
        self._position += len(data)
        return data
