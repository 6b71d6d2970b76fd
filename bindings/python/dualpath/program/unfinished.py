"""The folder beside an output in which a job keeps what it has, until the output is whole.

Who holds its lock may write there. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from .failure import Failure

with contextlib.suppress(ImportError):  # Windows has none, and no batch
    import fcntl

_LOCK = "lock"
_FILES = ("journal", "list", "list.new", "table", _LOCK)  # the lock is the last one to go


class Unfinished:
    """``OUT.unfinished``, whose lock is held. ``out`` has no symbolic link in it."""

    def __init__(self, out: str) -> None:
        self.out = out
        self._folder = f"{out}.unfinished"
        self._lock = self._take_lock()

    def _take_lock(self) -> int:
        """The one that others see: a job that ended meanwhile has removed its own."""
        while True:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder)
            try:
                lock = os.open(self.file(_LOCK), os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue
            if self._has_locked(lock):
                return lock
            os.close(lock)

    def _has_locked(self, lock: int) -> bool:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise Failure(self.out, "another run is writing it") from error
            raise
        try:
            return os.path.samestat(os.fstat(lock), os.stat(self.file(_LOCK)))
        except FileNotFoundError:
            return False

    def file(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def has_begun(self) -> bool:
        return os.path.exists(self.file("journal"))

    def forget(self) -> None:
        """What was answered."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file("journal"))

    def publish(self) -> None:
        """The table becomes the output, and the folder goes."""
        os.replace(self.file("table"), self.out)
        folder = os.open(os.path.dirname(self.out), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.remove()

    def remove(self) -> None:
        for name in _FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.file(name))
        with contextlib.suppress(OSError):  # another run waits for the lock, or somebody put a file there
            os.rmdir(self._folder)

    def let_go(self) -> None:
        os.close(self._lock)


@contextlib.contextmanager
def unfinished(out: str) -> Iterator[Unfinished]:
    """Nothing is left of a job that did not begin."""
    try:
        job = Unfinished(os.path.realpath(out))
    except OSError as error:
        raise Failure(out, f"cannot be written: {error.strerror}") from error
    try:
        yield job
    finally:
        if not job.has_begun():
            job.remove()
        job.let_go()
