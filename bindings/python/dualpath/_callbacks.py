"""Python functions and files as callbacks of the library: all calls that have any go through here.

An exception cannot pass through C. The first one is kept, stops the call as soon as the library
asks (a progress callback cancels, a reader fails), and is raised again when the call is back. An
exception that came where it could not be kept is an error of its own: what the library read in the
place of a result is worth nothing. The C callbacks refer to what is kept only, so that they form no
reference cycle.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Callable
from typing import Any

from ._lib import LOG_FN, PROGRESS_FN, READ_FN, WRITE_FN, dp_reader, dp_writer, integer, text
from ._signals import WaitingSignals

LogFunction = Callable[[int, str], object]
"""``log(level, message)`` with a level of the logging module: ``logger.log`` is one."""

ProgressFunction = Callable[[str, float], object]
"""``progress(stage, fraction)``, fraction 0 to 1; a true return value cancels."""

_LEVELS = {1: logging.WARNING, 2: logging.INFO}
_CHUNK = 1 << 20


class _Call:
    """The call that is going on, as its callbacks see it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.signals = WaitingSignals()
        self.raised: list[BaseException] = []
        self.left = 0

    def run(self, body: Callable[..., Any], failed: Any, arguments: tuple[Any, ...]) -> Any:
        """What a callback answers: body(*arguments), or `failed` after an exception."""
        if self.raised:
            return failed
        try:
            return self.signals.run_body(body, arguments)
        except BaseException as error:
            self.raised.append(error)
            return failed


class Callbacks:
    """The callbacks of one model or session, and the way to call the library with them."""

    def __init__(
        self, log: LogFunction | None = None, progress: ProgressFunction | None = None
    ) -> None:
        self._call = _Call()
        self._entries: list[Any] = []
        self.log = self._callback(LOG_FN, None, _log_body(log)) if log is not None else LOG_FN()
        # A log function that raised is heard through the progress callback: the call is cancelled.
        wanted = log is not None or progress is not None
        self.progress = (
            self._callback(PROGRESS_FN, 1, _progress_body(progress)) if wanted else PROGRESS_FN()
        )

    def install(self, options: Any) -> None:
        options.log = self.log
        options.progress = self.progress

    def reader(self, file: Any) -> dp_reader:
        """A binary file object, from where it stands to its end, as a dp_reader."""
        return dp_reader(read=self._callback(READ_FN, -1, _ForwardReader(file).read_into))

    def writer(self, file: Any) -> dp_writer:
        """A binary file object, from where it stands on, as a dp_writer."""
        return dp_writer(write=self._callback(WRITE_FN, -1, _write_body(file)))

    def call(self, function: Callable[..., int], *arguments: Any) -> int:
        """The status of a call of the library. Raises what its callbacks raised."""
        if not self._entries:
            return function(*arguments)
        call = self._call
        call.begin()
        for entry in self._entries:
            entry.cache_clear()
        try:
            call.signals.hold()
            status = function(*arguments)
        finally:
            call.signals.release()
        if call.raised:
            raise call.raised.pop()
        if sum(entry.cache_info().misses for entry in self._entries) != call.left:
            raise RuntimeError(
                "an exception stopped a callback before it began, and Python printed it: the call "
                "has no result"
            )
        return status

    def _callback(self, prototype: Any, failed: Any, body: Callable[..., Any]) -> Any:
        call = self._call

        def enter(_user: int, *arguments: Any) -> Any:
            answer = call.run(body, failed, arguments)
            call.left += 1  # last: what is raised before it is missed here
            return answer

        # Counts, in C, who enters: before the first instruction of Python that could raise.
        entry = functools.lru_cache(maxsize=0)(enter)
        self._entries.append(entry)
        return prototype(entry)


def _log_body(log: LogFunction) -> Callable[[int, bytes], None]:
    def body(level: int, message: bytes) -> None:
        log(_LEVELS.get(level, logging.INFO), text(message))

    return body


def _progress_body(progress: ProgressFunction | None) -> Callable[[bytes, float], int]:
    def body(stage: bytes, fraction: float) -> int:
        return 1 if progress is not None and progress(text(stage), fraction) else 0

    return body


def _write_body(file: Any) -> Callable[[int, int], int]:
    def body(data: int, size: int) -> int:
        size = min(size, _CHUNK)
        written = file.write(ctypes.string_at(data, size))  # a copy, which the file may keep
        # None: it would have had to wait.
        return 0 if written is None else integer("what write() returned", written, 0, size)

    return body


class _ForwardReader:
    """Reads a file that may be unable to seek; offsets only grow, gaps are read and dropped."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._position = 0

    def read_into(self, offset: int, buffer: int, size: int) -> int:
        while self._position < offset:
            if not self._read(min(offset - self._position, _CHUNK)):
                return 0
        data = self._read(min(size, _CHUNK))
        ctypes.memmove(buffer, data, len(data))
        return len(data)

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if not isinstance(data, bytes):
            raise TypeError(
                f"read() of {self._file!r} returned {type(data).__name__}, not bytes: "
                "open the file in binary mode"
            )
        data = memoryview(data).tobytes()  # of a subclass, too, len() is what it holds
        if len(data) > size:
            raise ValueError(f"read({size}) of {self._file!r} returned {len(data)} bytes")
        self._position += len(data)
        return data
