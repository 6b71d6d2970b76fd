"""The command line program: finds the command and runs it."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from .. import library_version
from .._lib import library
from ..errors import LibraryError
from . import batch, classify, info, watch
from .arguments import nearest
from .failure import ERROR, INTERRUPTED, USAGE, Failure, usage
from .text import complain, emit

HELP = """\
Usage: python -m dualpath COMMAND ...

Recognises actions in video with DualPath models, on the CPU.

  classify MODEL INPUT   say what happens in a clip
  watch MODEL INPUT      say it again and again, of a long film or a camera
  batch MODEL LIST       say what happens in each of many videos
  info MODEL             describe a model
  convert CHECKPOINT     make a model of a checkpoint: dualpath-convert

  -h, --help             this text, or that of a command: python -m dualpath COMMAND --help
      --version          print the version of the library

The program in C, dualpath, has the same commands with the same options, but for batch, and compile,
verify and bench. Exit status: 0 success; 1 a model, a file or frames cannot be used; 2 wrong command
line; 130 interrupted.
"""

_COMMANDS: dict[str, tuple[Callable[[list[str]], int | None], str]] = {
    "classify": (classify.run, classify.HELP),
    "watch": (watch.run, watch.HELP),
    "batch": (batch.run, batch.HELP),
    "info": (info.run, info.HELP),
}
_CONVERT = "convert"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _write_utf8()
    try:
        with _terminable():
            status = _run(given)
            emit("")
            return status
    except Failure as failure:
        complain(failure.subject, failure.sentence)
        return failure.status
    except LibraryError as error:
        complain("libdualpath", str(error))
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _write_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP end the program as Ctrl-C does, unless who started it had them ignored."""
    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        with contextlib.suppress(ValueError):  # of a thread that is not the main one
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _raise_interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(given: list[str]) -> int:
    if not given:
        print(HELP, end="", file=sys.stderr)
        return USAGE
    name, rest = given[0], given[1:]
    if name in ("-h", "--help"):
        emit(HELP)
        return 0
    if name == "--version":
        library()
        emit(f"dualpath {library_version()}\n")
        return 0
    if name == _CONVERT:
        from ..convert import main as convert

        return convert(rest)
    if name not in _COMMANDS:
        raise usage(name, f"no such command ({nearest(name, {**_COMMANDS, _CONVERT: None})})")
    run, help = _COMMANDS[name]
    if _asks_for_help(rest):
        emit(help)
        return 0
    return run(rest) or 0


def _asks_for_help(arguments: list[str]) -> bool:
    """Wherever --help stands, it is what is wanted."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return any(argument in ("-h", "--help") for argument in arguments[:end])
