"""A pool: threads that the sessions of a program share."""

from __future__ import annotations

import ctypes

from ._handle import Handle, Owner
from ._lib import check, default, dp_pool, dp_pool_options, integer, library

MAX_THREADS = 256


class Pool(Owner):
    """Threads for any number of sessions, ``Session(model, pool=pool)``.

    - ``threads``: how many compute at the same time, those that call among them, 1 .. 256; 0: as
      many as this process may run at once. The answer does not depend on it, bit for bit.

    Sessions on one pool classify at the same time, each in the thread that calls it; the pool's
    threads help those that have work left, and sleep when there is none. Closing a pool, also by
    leaving a ``with`` block, stops its threads as soon as the last of its sessions is closed. After
    a fork the threads are the parent's: in the child, sessions on the pool compute alone. A pool
    cannot be copied or pickled.
    """

    _WHAT = "pool"
    _INSTEAD_OF_A_COPY = "sessions share the one that is open, and other processes create their own"

    def __init__(self, threads: int = 0) -> None:
        options = default(dp_pool_options)
        options.threads = integer("threads", threads, 0, MAX_THREADS)
        handle = Handle("pool", dp_pool, "dp_pool_destroy")
        check(library().dp_pool_create(ctypes.byref(options), ctypes.byref(handle.pointer)))
        self._threads: int = library().dp_pool_threads(handle.pointer)
        self._handle = handle

    @property
    def threads(self) -> int:
        """How many threads compute at the same time, those that call among them."""
        if not hasattr(self, "_threads"):
            self._opened()  # which says why there are none
        return self._threads

    def close(self) -> None:
        """Lets go of the pool; its sessions go on. Closing twice does nothing."""
        super().close()
