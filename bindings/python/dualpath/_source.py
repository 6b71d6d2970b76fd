"""What a model is opened from: a path, bytes in memory or a binary file object."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ._advice import refusal
from ._callbacks import Callbacks
from ._handle import Handle
from ._lib import check, dp_model, dp_model_options, library
from ._system import path_bytes


def open_model(source: Any, options: dp_model_options, callbacks: Callbacks) -> Handle:
    """Opens a path, bytes in memory or a binary file object."""
    model = _new_model()
    model.keep = _call("dp_model_open", source, callbacks, (), options, ctypes.byref(model.pointer))
    return model


def open_task(
    backbone: Handle, source: Any, options: dp_model_options, callbacks: Callbacks
) -> Handle:
    """The same of a task. The bytes of its backbone must live as long as it."""
    task, bytes_of_backbone = _new_model(), backbone.keep

    def open_on(pointer: Any) -> object:
        return _call(
            "dp_model_open_task",
            source,
            callbacks,
            (pointer,),
            options,
            ctypes.byref(task.pointer),
        )

    task.keep = (backbone.use(open_on), bytes_of_backbone)
    return task


def verify_source(source: Any, options: dp_model_options, callbacks: Callbacks) -> None:
    """Verifies a path, bytes in memory or a binary file object."""
    _call("dp_model_verify", source, callbacks, (), options)


def _new_model() -> Handle:
    return Handle("model", dp_model, "dp_model_close")


def _call(
    function: str,
    source: Any,
    callbacks: Callbacks,
    before: tuple[Any, ...],
    options: dp_model_options,
    *after: Any,
) -> object:
    """Calls the variant of `function` for this kind of source. Returns what it reads from then on."""
    buffer = None
    given: tuple[Any, ...]
    if isinstance(source, (str, os.PathLike)):
        given = (path_bytes(source),)
    elif (buffer := _buffer(source)) is not None:
        function, given = f"{function}_memory", (buffer.ctypes.data, buffer.size)
    elif hasattr(source, "read"):
        function, given = f"{function}_reader", (ctypes.byref(callbacks.reader(source)),)
    else:
        expected = "a model is opened from a path, a bytes-like object or a binary file object"
        raise refusal(expected, source, "source")
    call = getattr(library(), function)
    check(callbacks.call(call, *before, *given, ctypes.byref(options), *after))
    return buffer


def _buffer(source: Any) -> npt.NDArray[np.uint8] | None:
    """The bytes of a bytes-like object where they are, or None for any other object. Who resizes or
    closes the object meanwhile gets a BufferError."""
    try:
        view = memoryview(source)
    except TypeError:
        return None
    if not view.c_contiguous:
        raise ValueError("the bytes of a model must be contiguous in memory")
    return np.frombuffer(view, np.uint8)
