"""Locks after a fork: in the child, nobody releases what another thread of the parent held."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class LockOwner(Protocol):
    """What has locks that it can make anew."""

    def _make_lock(self) -> None: ...


_owners: weakref.WeakSet[LockOwner] = weakref.WeakSet()


def make_lock(owner: LockOwner) -> None:
    """Makes the owner's lock, now and in each child that is forked off."""
    owner._make_lock()
    _owners.add(owner)


def _make_all_anew() -> None:
    for owner in _owners:
        owner._make_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_all_anew)
