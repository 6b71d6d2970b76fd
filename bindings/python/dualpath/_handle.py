"""A C model or pool, which the library frees when it was closed and nothing is on it any more.

Sessions and tasks hold on to theirs in the library. What is counted here is who is inside a call at
the moment: one thread may close a model while another creates a session on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ._callbacks import Callbacks, reader
from ._fork import make_lock
from ._lib import check, dp_model_options, library


class Handle:
    """An open ``dp_model`` or ``dp_pool``; ``keep``: what the library reads for as long as it lives."""

    def __init__(
        self,
        what: str,
        pointer: ctypes.c_void_p,
        close: Callable[[ctypes.c_void_p], object],
        keep: object = None,
    ) -> None:
        self.keep = keep
        self._what = what
        self._pointer = pointer
        self._close = close
        self._users = 1  # until close()
        make_lock(self)

    def _make_lock(self) -> None:
        # Reentrant: the garbage collector may close another handle's object inside of it.
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[ctypes.c_void_p]:
        """The pointer, which nobody closes meanwhile."""
        with self._lock:
            if not self._users:
                raise ValueError(f"the {self._what} is closed")
            self._users += 1
        try:
            yield self._pointer
        finally:
            self._leave()

    def close(self) -> None:
        """To be called once; who is inside a call closes when it comes out."""
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._close(self._pointer)


def open_model(source: Any, options: dp_model_options, callbacks: Callbacks) -> Handle:
    """Opens a path, bytes in memory or a binary file object."""
    return _open("dp_model_open", (), source, options, callbacks)


def open_task(
    backbone: Handle, source: Any, options: dp_model_options, callbacks: Callbacks
) -> Handle:
    """The same of a task. The bytes of its backbone must live as long as it."""
    with backbone.in_use() as pointer:
        task = _open("dp_model_open_task", (pointer,), source, options, callbacks)
    task.keep = (task.keep, backbone.keep)
    return task


def verify_source(source: Any, options: dp_model_options, callbacks: Callbacks) -> None:
    """Verifies a path, bytes in memory or a binary file object."""
    call = _SourceCall("dp_model_verify", source, callbacks)
    status = call((), (ctypes.byref(options),))
    callbacks.raise_kept()
    check(status)


def _open(
    function: str,
    before: tuple[Any, ...],
    source: Any,
    options: dp_model_options,
    callbacks: Callbacks,
) -> Handle:
    pointer = ctypes.c_void_p()
    call = _SourceCall(function, source, callbacks)
    status = call(before, (ctypes.byref(options), ctypes.byref(pointer)))
    try:
        callbacks.raise_kept()
        check(status)
    except BaseException:
        library().dp_model_close(pointer)
        raise
    return Handle("model", pointer, library().dp_model_close, call.keep)


class _SourceCall:
    """A call that has a variant for each kind of source, and what must live as long as its model."""

    def __init__(self, function: str, source: Any, callbacks: Callbacks) -> None:
        self.keep: npt.NDArray[np.uint8] | None = None
        if isinstance(source, (str, os.PathLike)):
            self._function = function
            self._source: tuple[Any, ...] = (path_bytes(source),)
            return
        self.keep = _buffer(source)
        if self.keep is not None:
            self._function = f"{function}_memory"
            self._source = (self.keep.ctypes.data, self.keep.size)
        elif hasattr(source, "read"):
            self._function = f"{function}_reader"
            self._reader = reader(source, callbacks.raised)
            self._source = (ctypes.byref(self._reader),)
        else:
            raise TypeError(
                "a model is opened from a path, a bytes-like object or a binary file object, "
                f"not {type(source).__name__}"
            )

    def __call__(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
        status: int = getattr(library(), self._function)(*before, *self._source, *after)
        return status


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path as C reads it."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError(f"a path cannot hold a null character: {path!r}")
    return encoded


def _buffer(source: Any) -> npt.NDArray[np.uint8] | None:
    """The bytes of a bytes-like object where they are, or None for any other object."""
    try:
        view = memoryview(source)
    except TypeError:
        return None
    if not view.c_contiguous:
        raise ValueError("the bytes of a model must be contiguous in memory")
    return np.frombuffer(view, np.uint8)
