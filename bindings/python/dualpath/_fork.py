"""What a child of fork() makes anew: it has one thread, and nobody releases what others held."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Renewed(Protocol):
    """What has locks, or counts the threads that use it."""

    def renew(self) -> None:
        """Called in a child before anything else runs there."""


# Not a WeakSet: that runs code when an object goes, and what a signal raises there is lost.
_all: list[weakref.ref[Renewed]] = []
_lock = threading.RLock()


def renew_in_children(what: Renewed) -> None:
    with _lock:
        _all[:] = [known for known in _all if known() is not None] + [weakref.ref(what)]


def _renew_all() -> None:
    global _lock
    _lock = threading.RLock()
    for known in _all:
        what = known()
        if what is not None:
            what.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
