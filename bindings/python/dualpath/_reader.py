"""A thread that reads the frames of a source for a stream, while another one computes."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from ._footage import Footage

if TYPE_CHECKING:
    from .stream import Stream

_PATIENCE = 1.0
"""Seconds to wait for a source that is to be left. A camera that stalls may take longer."""


class Reader:
    """Pushes frame after frame, and finishes the stream after the last one."""

    def __init__(self, stream: Stream, footage: Footage) -> None:
        self._stream = stream
        self._left = threading.Event()
        self._error: BaseException | None = None
        run = threading.Thread(target=self._run, args=(footage,), name="dualpath-reader", daemon=True)
        self._thread = run
        run.start()

    def _run(self, footage: Footage) -> None:
        try:
            with contextlib.closing(footage):
                for frame, seconds in footage:
                    if self._left.is_set():
                        return
                    self._stream.push(frame, seconds)
        except BaseException as error:
            self._error = error
        finally:
            if not self._left.is_set():
                self._stream.finish()

    def check(self) -> None:
        """Raises what ended the source, if it was no end."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Leaves the source, which is closed now or when its next frame comes."""
        self._left.set()
        if self._thread.is_alive():
            self._stream.finish()  # which a push that waits hears
            self._thread.join(_PATIENCE)
