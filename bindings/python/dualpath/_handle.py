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
    return _open_source("dp_model_open", (), source, options, callbacks)


def open_task(
    backbone: Handle, source: Any, options: dp_model_options, callbacks: Callbacks
) -> Handle:
    """The same of a task. The bytes of its backbone must live as long as it."""
    with backbone.in_use() as pointer:
        task = _open_source("dp_model_open_task", (pointer,), source, options, callbacks)
    task.keep = (task.keep, backbone.keep)
    return task


def _open_source(
    function: str,
    before: tuple[Any, ...],
    source: Any,
    options: dp_model_options,
    callbacks: Callbacks,
) -> Handle:
    if isinstance(source, (str, os.PathLike)):
        return _open(function, (*before, path_bytes(source)), options, callbacks)
    bytes_ = _buffer(source)
    if bytes_ is not None:
        arguments = (*before, bytes_.ctypes.data, bytes_.size)
        return _open(f"{function}_memory", arguments, options, callbacks, keep=bytes_)
    if hasattr(source, "read"):
        file = reader(source, callbacks.raised)
        return _open(f"{function}_reader", (*before, ctypes.byref(file)), options, callbacks)
    raise TypeError(
        "a model is opened from a path, a bytes-like object or a binary file object, "
        f"not {type(source).__name__}"
    )


def _open(
    function: str,
    source: tuple[Any, ...],
    options: dp_model_options,
    callbacks: Callbacks,
    keep: object = None,
) -> Handle:
    lib = library()
    pointer = ctypes.c_void_p()
    status = getattr(lib, function)(*source, ctypes.byref(options), ctypes.byref(pointer))
    try:
        callbacks.raise_kept()
        check(status)
    except BaseException:
        lib.dp_model_close(pointer)
        raise
    return Handle("model", pointer, lib.dp_model_close, keep)


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
