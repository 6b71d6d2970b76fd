"""Locks of files, which end with their process, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

with contextlib.suppress(ImportError):  # Windows has none
    import fcntl


@contextlib.contextmanager
def locked(path: str, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a file, which stays there. Without ``wait`` a lock that another process holds
    is a BlockingIOError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(file)
