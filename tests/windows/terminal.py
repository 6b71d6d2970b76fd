"""A program on a terminal of 80 columns: terminal.py CONDITION COMMAND...

What the terminal shows goes to standard output. Ctrl-C is typed once the condition holds: `text:TEXT`
is shown, `file:FILE` has something; `never`. The status is the command's, or
124 if it did not end in a minute."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]")
ENDS_AFTER = 60


def shown(written: bytes) -> str:
    """Without what moves the cursor: a terminal may write a space as a step to the right."""
    steps = re.sub(rb"\x1b\[([0-9]*)C", lambda step: b" " * int(step[1] or 1), written)
    return ESCAPES.sub(b"", steps).decode("utf-8", "replace").replace("\r\r\n", "\n").replace("\r\n", "\n")


def holds(condition: str, written: bytes) -> bool:
    kind, _, value = condition.partition(":")
    if kind == "text":
        return value in shown(written)
    if kind == "file":
        return os.path.exists(value) and os.path.getsize(value) > 0
    return False


def main(condition: str, *command: str) -> int:
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    written, started, typed = b"", time.monotonic(), False
    while time.monotonic() - started < ENDS_AFTER:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                block = os.read(terminal, 4096)
            except OSError:
                block = b""
            if not block:
                break
            written += block
        if not typed and holds(condition, written):
            os.write(terminal, b"\x03")
            typed = True
    else:
        return 124
    sys.stdout.write(shown(written))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
