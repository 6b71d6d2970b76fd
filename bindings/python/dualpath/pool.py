"""A pool: threads that the sessions of a program share."""

from __future__ import annotations

import ctypes

from ._handle import Handle
from ._lib import check, default, dp_pool_options, integer, library

MAX_THREADS = 256


class Pool:
    """Threads for any number of sessions, ``Session(model, pool=pool)``.

    - ``threads``: how many compute at the same time, those that call among them, 1 .. 256; 0: as
      many as this process may run at once. The answer does not depend on it, bit for bit.

    Sessions on one pool classify at the same time, each in the thread that calls it; the pool's
    threads help those that have work left, and sleep when there is none. Closing a pool, also by
    leaving a ``with`` block, stops its threads as soon as the last of its sessions is closed. After
    a fork the threads are the parent's: in the child, sessions on the pool compute alone.
    """

    _handle: Handle | None = None

    def __init__(self, threads: int = 0) -> None:
        lib = library()
        options = default(dp_pool_options)
        options.threads = integer("threads", threads, 0, MAX_THREADS)
        pointer = ctypes.c_void_p()
        check(lib.dp_pool_create(ctypes.byref(options), ctypes.byref(pointer)))
        self._handle = Handle("pool", pointer, lib.dp_pool_destroy)
        self._threads: int = lib.dp_pool_threads(pointer)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    @property
    def threads(self) -> int:
        """How many threads compute at the same time, those that call among them."""
        return self._threads

    def close(self) -> None:
        """Lets go of the pool; its sessions go on. Closing twice does nothing."""
        # One step, so that of two threads only one closes.
        handle = self.__dict__.pop("_handle", None)
        if handle is not None:
            handle.close()

    def _opened(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise ValueError("the pool is closed")
        return handle
