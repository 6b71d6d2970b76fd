"""Exceptions: one class for each status of the library, with the library's own sentence."""

from __future__ import annotations


class LibraryError(ImportError):
    """The shared library is missing, cannot be loaded, or has another ABI than this package."""


class DualPathError(Exception):
    """A call of the library failed.

    ``status`` is the ``dp_status`` number, ``message`` the library's sentence that says what was
    wrong and what was expected.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message or f"libdualpath failed with status {self.status}"


class ArgumentError(DualPathError, ValueError):
    """An option or argument is out of range (DP_ERR_ARGUMENT)."""


class OutOfMemoryError(DualPathError, MemoryError):
    """An allocation failed (DP_ERR_MEMORY)."""


class ArenaError(DualPathError):
    """The arena given for a session is too small (DP_ERR_ARENA)."""


class ReadError(DualPathError):
    """The weight file could not be opened or read (DP_ERR_IO)."""


class WriteError(DualPathError):
    """A compiled file could not be written (DP_ERR_IO)."""


class FormatError(DualPathError):
    """Not a weight file, or a malformed one (DP_ERR_FORMAT)."""


class UnsupportedError(DualPathError):
    """A sound file that this build of the library cannot run (DP_ERR_UNSUPPORTED)."""


class ChecksumError(DualPathError):
    """The bytes of a tensor are not those that were written (DP_ERR_CHECKSUM)."""


class FrameError(DualPathError, ValueError):
    """A frame is not usable (DP_ERR_FRAME)."""


class Cancelled(DualPathError):
    """The progress callback asked to stop (DP_ERR_CANCELLED)."""


class NoHeadError(DualPathError):
    """The model answers features only; there are no classes (DP_ERR_NO_HEAD)."""


class NumericError(DualPathError):
    """The answer is not finite: the weights are broken (DP_ERR_NUMERIC)."""


class ThreadError(DualPathError):
    """A thread could not be started (DP_ERR_THREAD)."""


class BackboneError(DualPathError):
    """A task without its backbone, or on another one (DP_ERR_BACKBONE)."""


class FullError(DualPathError):
    """The queue of a stream is full: compute first (DP_ERR_FULL)."""


_BY_STATUS: dict[int, type[DualPathError]] = {
    1: ArgumentError,
    2: OutOfMemoryError,
    3: ArenaError,
    4: ReadError,
    5: FormatError,
    6: UnsupportedError,
    7: ChecksumError,
    8: FrameError,
    9: Cancelled,
    10: NoHeadError,
    11: NumericError,
    12: ThreadError,
    13: BackboneError,
    14: FullError,
}


def error_for(status: int, message: str, writing: bool = False) -> DualPathError:
    """The exception of a status; plain DualPathError for one from the future."""
    kind = _BY_STATUS.get(status, DualPathError)
    return (WriteError if writing and kind is ReadError else kind)(status, message)
