"""What a job has answered so far, in a file that a killed process, a full disk or a power cut leaves
usable.

The first line says what the job is. Each further line is one answer, `CRC NUMBER JSON`, with a CRC-32 of
what follows it. Lines are only added at the end; the first one that is not whole, and what comes after
it, is cut off when the file is opened again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
import zlib
from array import array
from collections.abc import Iterator
from typing import Any

_NONE = -1
_SYNC_SECONDS = 5.0


class Changed(Exception):
    """The journal is that of another job: what was otherwise when it was begun."""


class Journal:
    """Of a job of ``count`` files. It holds eight bytes of memory for each."""

    def __init__(self, path: str, job: dict[str, Any], count: int) -> None:
        self._file = open(path, "a+b", buffering=0)
        self._places = array("q", [_NONE]) * count
        self.answered = 0
        self._end = 0
        self._synced = time.monotonic()
        try:
            self._begin(job)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, job: dict[str, Any]) -> None:
        with open(self._file.name, "rb") as lines:
            begun = _body_of(lines.readline())
            if begun is not None:
                _check_same(json.loads(begun), job)
                self._end = lines.tell()
                self._read(lines)
        self._file.truncate(self._end)
        if self._end == 0:
            self._add(json.dumps(job))
            self.sync()

    def _read(self, lines: Any) -> None:
        while (body := _body_of(lines.readline())) is not None:
            self._note(int(body.partition(b" ")[0]))
            self._end = lines.tell()

    def _note(self, number: int) -> None:
        self.answered += self._places[number] == _NONE
        self._places[number] = self._end

    def has(self, number: int) -> bool:
        return self._places[number] != _NONE

    def add(self, number: int, answer: str) -> None:
        """``answer``: JSON on one line. An OSError leaves what was there before."""
        place = self._end
        self._add(f"{number} {answer}")
        self.answered += 1
        self._places[number] = place
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def _add(self, body: str) -> None:
        encoded = body.encode("utf-8", "replace")
        left = b"%08x %b\n" % (zlib.crc32(encoded), encoded)
        size = len(left)
        try:
            while left:
                left = left[self._file.write(left):]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += size

    def answers(self) -> Iterator[dict[str, Any]]:
        """Those of all files, in the order of their numbers."""
        with open(self._file.name, "rb") as lines:
            for place in self._places:
                lines.seek(place)
                body = _body_of(lines.readline())
                if body is None:
                    raise OSError(errno.EIO, "the journal was changed meanwhile")
                yield json.loads(body.partition(b" ")[2])

    def sync(self) -> None:
        """Onto the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        self._file.close()


def _body_of(line: bytes) -> bytes | None:
    """What stands behind the CRC of a line; None of one that is not whole."""
    crc, _, body = line.partition(b" ")
    is_whole = line.endswith(b"\n") and crc == b"%08x" % zlib.crc32(body[:-1])
    return body[:-1] if is_whole else None


def _check_same(begun: dict[str, Any], job: dict[str, Any]) -> None:
    other = [name for name in {**begun, **job} if begun.get(name) != job.get(name)]
    if other:
        raise Changed(", ".join(other))
