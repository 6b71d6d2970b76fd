"""Worker processes: each is a fork of this one, and answers tasks one after the other.

No more tasks are taken than fit into a queue that depends only on the number of processes. A process
that dies, as decoders may make it on a hostile file, costs nothing but itself: another one is started,
and the task is tried once more.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

_QUEUED = 2
"""Tasks of a process: the one that it works on, and the next one."""
_ATTEMPTS = 2

Work = Callable[[Any], Any]


class Task(NamedTuple):
    number: int
    """Which one it is, counted from 0."""
    what: Any
    attempts: int = 0
    """How often a process died of it."""


class Died(NamedTuple):
    """In the place of an answer: what ended the processes that worked on a task."""

    how: str


class CannotWork(Exception):
    """No process can do anything: what the first one says of it."""


class _Process:
    def __init__(self, open_work: Callable[[], Work], others: Iterable[_Process]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        ours = [self.pipe, *(other.pipe for other in others)]
        self._process = context.Process(target=_serve, args=(open_work, theirs, ours), daemon=True)
        self._process.start()
        theirs.close()
        self.queue: deque[Task] = deque()

    def give(self, task: Task) -> None:
        self.queue.append(task)
        with contextlib.suppress(OSError):  # it died: its pipe says so next
            self.pipe.send(task.what)

    def end(self) -> int:
        """Ends it at once, whatever it does. Returns its exit code."""
        self._process.kill()
        return self.exit_code()

    def exit_code(self) -> int:
        self._process.join()
        self.pipe.close()
        return self._process.exitcode or 0


def _serve(open_work: Callable[[], Work], pipe: Connection, ours: list[Connection]) -> None:
    """The life of a process. Signals of a terminal are for its parent, who ends it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for connection in ours:  # so that the end of the parent ends the pipe
        connection.close()
    work: Work | CannotWork = _tried(open_work)
    with contextlib.suppress(EOFError, OSError):  # of the pipe: the parent ended
        while not isinstance(work, CannotWork):
            pipe.send(_tried(functools.partial(work, pipe.recv())))
        pipe.send(work)


def _tried(function: Callable[[], Any]) -> Any:
    """What is not wrong with one task is wrong with all of them."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001, whatever it is
        return CannotWork(str(error))


class Processes:
    """``with Processes(...) as processes: for number, answer in processes.answers(tasks): ...``"""

    def __init__(self, count: int, open_work: Callable[[], Work]) -> None:
        self._count, self._open_work = count, open_work
        self._running: list[_Process] = []
        self._again: deque[Task] = deque()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.end()

    def answers(self, tasks: Iterator[Task]) -> Iterator[tuple[int, Any]]:
        """The number and the answer of each task, in the order in which they are done."""
        self._fill(tasks)
        while self._running:
            ready = wait([process.pipe for process in self._running])
            for process in [one for one in self._running if one.pipe in ready]:
                yield from self._hear(process)
            self._fill(tasks)

    def _fill(self, tasks: Iterator[Task]) -> None:
        """Gives everybody enough to do, and lets go of whom there is nothing for."""
        for process in self._running:
            while len(process.queue) < _QUEUED and (task := self._next(tasks)) is not None:
                process.give(task)
        while len(self._running) < self._count and (task := self._next(tasks)) is not None:
            self._running.append(_Process(self._open_work, self._running))
            self._running[-1].give(task)
        for process in [one for one in self._running if not one.queue]:
            self._running.remove(process)
            process.pipe.close()
            process.exit_code()

    def _next(self, tasks: Iterator[Task]) -> Task | None:
        return self._again.popleft() if self._again else next(tasks, None)

    def _hear(self, process: _Process) -> Iterator[tuple[int, Any]]:
        try:
            answer = process.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(process)
            return
        if isinstance(answer, CannotWork):
            raise answer
        yield process.queue.popleft().number, answer

    def _bury(self, process: _Process) -> Iterator[tuple[int, Any]]:
        """Only the first of its tasks can be what it died of."""
        self._running.remove(process)
        code = process.exit_code()
        task = process.queue.popleft()
        task = task._replace(attempts=task.attempts + 1)
        self._again.extend(process.queue)
        if task.attempts < _ATTEMPTS:
            self._again.append(task)
        else:
            yield task.number, Died(_how_it_ended(code))


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name
