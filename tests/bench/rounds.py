"""
Turns: everybody once a round, one at a time, and a different one first each time, so that whatever
the machine does to one it does to all.
"""

import contextlib
import sys
import time
from dataclasses import dataclass, field

import numpy as np

from .agreement import Agreement, compare
from .contenders import Contender
from .worker import Worker, WorkerFailed

PAUSE = 0.05  # seconds for the threads of the one before to fall asleep


@dataclass
class Entry:
    """What is known of one contender with a number of threads after the rounds."""

    contender: Contender
    threads: int
    details: str
    agreement: Agreement
    seconds: list = field(default_factory=list)  # by round
    restless: float = 0.0  # most processor time used between two of its turns


def take_turn(worker):
    time.sleep(PAUSE)
    try:
        return worker.turn()
    except WorkerFailed as reason:
        raise SystemExit(f"{worker.contender.name}: {reason}") from reason


def start_workers(contenders, case, threads, stack, failures):
    """Opens them one after the other; each answers once, and its answer is compared."""
    expected = np.load(case.logits)
    entries = {}
    for contender in contenders:
        print(f"starting {contender.name}, threads: {threads}", file=sys.stderr)
        try:
            worker = stack.enter_context(Worker(contender, case, threads))
            logits = worker.turn().logits
        except WorkerFailed as reason:
            failures[contender] = str(reason)
            continue
        agreement = compare(contender.precision, logits, expected)
        entries[worker] = Entry(contender, threads, worker.details, agreement)
    return entries


def run_rounds(contenders, case, threads, rounds):
    """Entries with `rounds` times each, and why others are missing, by contender."""
    failures = {}
    with contextlib.ExitStack() as stack:
        entries = start_workers(contenders, case, threads, stack, failures)
        workers = list(entries)
        for worker in workers:  # once more for memory and caches: this round does not count
            take_turn(worker)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}, threads: {threads}", file=sys.stderr)
            first = number % max(len(workers), 1)
            for worker in workers[first:] + workers[:first]:
                turn, entry = take_turn(worker), entries[worker]
                entry.seconds.append(turn.seconds)
                entry.restless = max(entry.restless, turn.restless)
    return list(entries.values()), failures
