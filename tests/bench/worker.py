"""
A contender in a process of its own, which sleeps on a pipe while others have their turn: threads,
allocators and environments of the packages do not meet.
"""

import contextlib
import multiprocessing
import os
import time
from dataclasses import dataclass

import numpy as np


class WorkerFailed(Exception):
    """The contender could not be opened, or its process ended."""


@dataclass(frozen=True)
class Turn:
    seconds: float
    logits: np.ndarray
    restless: float  # seconds of processor time that the process used since its last turn


def serve(connection, contender, case, threads):
    """What the process does: opens, then answers once for each message until there are no more."""
    try:
        run, details = contender.open(case, threads)
    except Exception as error:  # whatever it is, the table names it and the others go on
        connection.send(WorkerFailed(f"{type(error).__name__}: {error}"))
        return
    connection.send(details)
    rested = time.process_time()
    while connection.recv():
        restless = time.process_time() - rested
        start = time.perf_counter()
        logits = run()
        seconds = time.perf_counter() - start
        connection.send(Turn(seconds, np.array(logits), restless))
        rested = time.process_time()


@contextlib.contextmanager
def environment(variables):
    """What processes that are started within inherit."""
    saved = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


class Worker:
    """The other end of the pipe. A context manager: leaving it ends the process."""

    def __init__(self, contender, case, threads):
        context = multiprocessing.get_context("spawn")
        self.contender = contender
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, contender, case, threads), daemon=True
        )
        with environment(contender.environment):
            self._process.start()
        theirs.close()
        self.details = self._receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()

    def turn(self):
        self._connection.send(True)
        return self._receive()

    def _receive(self):
        try:
            message = self._connection.recv()
        except EOFError:
            self._process.join()
            message = WorkerFailed(f"its process ended with code {self._process.exitcode}")
        if isinstance(message, WorkerFailed):
            self._process.kill()
            raise message
        return message
