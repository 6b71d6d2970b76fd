"""What a child of fork() makes anew: it has one thread, and nobody releases what others held."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewed(Protocol):
    """What has locks, or counts the threads that use it."""

    def renew(self) -> None:
        """Called in a child before anything else runs there."""


_all: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew_in_children(what: Renewed) -> None:
    _all.add(what)


def _renew_all() -> None:
    for what in _all:
        what.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
