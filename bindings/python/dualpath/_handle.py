"""A C model or pool and who holds it: the object that opened it and the sessions on it.

The library wants models and pools closed after their last session. Python frees objects in any
order (a session in a reference cycle may go after its model), so holders are counted here and the
last one closes.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._callbacks import Callbacks, reader
from ._lib import check, dp_model_options, library


class Handle:
    """An open ``dp_model`` or ``dp_pool``, with what must live as long as it."""

    def __init__(
        self,
        what: str,
        pointer: ctypes.c_void_p,
        close: Callable[[ctypes.c_void_p], object],
        keep: tuple[object, ...] = (),
    ) -> None:
        self.pointer = pointer
        self._what = what
        self._close = close
        self._keep = keep
        self._other: Handle | None = None
        self._holders = 1
        # Reentrant: the garbage collector may run a session's destructor inside retain().
        self._lock = threading.RLock()

    def retain(self) -> Handle:
        with self._lock:
            if not self._holders:
                raise ValueError(f"the {self._what} is closed")
            self._holders += 1
        return self

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._close(self.pointer)
                self._keep = ()
                if self._other is not None:
                    self._other.release()

    def release_with_it(self, other: Handle) -> None:
        """Hands over a hold on another handle."""
        self._other = other


def open_model(source: Any, options: dp_model_options, callbacks: Callbacks) -> Handle:
    """Opens a path, bytes in memory or a binary file object."""
    return _open_source("dp_model_open", (), source, options, callbacks)


def open_task(
    backbone: Handle, source: Any, options: dp_model_options, callbacks: Callbacks
) -> Handle:
    """The same of a task, for which `backbone` was retained: its bytes in memory live as long."""
    try:
        task = _open_source("dp_model_open_task", (backbone.pointer,), source, options, callbacks)
    except BaseException:
        backbone.release()
        raise
    task.release_with_it(backbone)
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
    return Handle("model", pointer, lib.dp_model_close, (callbacks, keep))


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
