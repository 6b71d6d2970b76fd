"""What forks of tests need under AddressSanitizer.

malloc() of the C library takes its locks before a fork and releases them in the child. That of
AddressSanitizer does so since LLVM 18. With those before, such as gcc 12's, a child waits for ever for
a lock that another thread held, for instance at its end, which Thread.join() does not wait for. So a
fork waits until no other thread runs.
"""

from __future__ import annotations

import os
import threading
import time

TASKS = "/proc/self/task"
LONGEST_S = 10


def make_forks_safe() -> None:
    """All forks of this process, whoever asks for them."""
    if "libasan" in os.environ.get("LD_PRELOAD", "") and os.path.isdir(TASKS):
        os.register_at_fork(before=wait_for_other_threads)


def wait_for_other_threads() -> None:
    """Until none is seen running twice in a row: the second look sees whom others woke meanwhile."""
    end = time.monotonic() + LONGEST_S
    looks = 0
    while looks < 2 and time.monotonic() < end:
        looks = 0 if any(map(_runs, _other_threads())) else looks + 1
        time.sleep(0.001)


def _other_threads() -> set[str]:
    return set(os.listdir(TASKS)) - {str(threading.get_native_id())}


def _runs(thread: str) -> bool:
    try:
        with open(f"{TASKS}/{thread}/stat", encoding="ascii", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return False
    return state not in ("S", "Z", "X")  # asleep or ended
