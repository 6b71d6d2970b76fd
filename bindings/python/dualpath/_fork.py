"""What a child of fork() makes anew: it has one thread, and nobody releases what others held."""

from __future__ import annotations

import itertools
import os
import weakref
from typing import Protocol


class Renewed(Protocol):
    """What has locks, or counts the threads that use it."""

    def renew(self) -> None:
        """Called in a child before anything else runs there."""


# Not a WeakSet: that runs code when an object goes, and what a signal raises there is lost. Each step
# below is one of Python's own, so that no thread and no handler of a signal comes between.
_all: dict[int, weakref.ref[Renewed]] = {}
_numbers = itertools.count()


def renew_in_children(what: Renewed) -> None:
    for number, known in list(_all.items()):
        if known() is None:
            _all.pop(number, None)
    _all[next(_numbers)] = weakref.ref(what)


def _renew_all() -> None:
    for known in list(_all.values()):
        what = known()
        if what is not None:
            what.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
