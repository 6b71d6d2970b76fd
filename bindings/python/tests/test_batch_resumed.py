"""``python -m dualpath batch``: runs that are killed, stopped, out of disk or of memory, and go on."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from batches import batch, clips, command, many, rows_of, start  # noqa: F401

from dualpath._processes import CannotWork, Died, Processes, Task
from dualpath.program.journal import Changed, Journal

FILES = 60


def lines_of(journal) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def run_until(lines: int, out, *arguments) -> subprocess.Popen:
    """A run whose journal has so many lines, or that ended before."""
    process = start(*arguments, "-o", out)
    journal = out.parent / f"{out.name}.unfinished" / "journal"
    while process.poll() is None and lines_of(journal) < lines:
        time.sleep(0.002)
    return process


@pytest.fixture
def expected(released, many, tmp_path):
    """The folder of many videos, and the rows of an undisturbed run."""
    folder = many(FILES)
    assert batch(released.model, folder, "-o", tmp_path / "expected.jsonl", "--logits").status == 0
    return folder, rows_of(tmp_path / "expected.jsonl")


def test_killed_again_and_again(released, expected, tmp_path):
    """Each answer is there once and whole, wherever the runs were killed."""
    seed = int(os.environ.get("DUALPATH_SEED", random.randrange(1 << 30)))
    print(f"DUALPATH_SEED={seed}")
    chance = random.Random(seed)
    folder, rows = expected
    out = tmp_path / "out.jsonl"
    points = sorted(chance.sample(range(2, FILES), 7))
    for kill, point in enumerate(points):
        process = run_until(point, out, released.model, folder, "--logits")
        (os.killpg if kill % 2 else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL and not out.exists()
    ran = batch(released.model, folder, "-o", out, "--logits")
    assert ran.status == 0 and f"of {FILES} files are answered already" in ran.out
    assert rows_of(out) == rows
    assert not (tmp_path / "out.jsonl.unfinished").exists()


def test_nothing_is_answered_twice(released, expected, tmp_path):
    folder, _ = expected
    out = tmp_path / "out.jsonl"
    process = run_until(30, out, released.model, folder, "--logits")
    process.kill()
    process.communicate()
    before = lines_of(tmp_path / "out.jsonl.unfinished" / "journal") - 1
    ran = batch(released.model, folder, "-o", out, "--logits")
    assert f"{before} of {FILES} files are answered already" in ran.out
    assert f"\n{FILES - before} files in " in ran.out


def alive_of(group: int) -> list[str]:
    """The processes of a group, without those that only wait to be reaped."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, rest = path.read_text().rpartition(")")
            state, _, its_group = rest.split()[:3]
            states += [state] if int(its_group) == group and state != "Z" else []
    return states


def test_workers_end_with_their_parent(released, many, tmp_path):
    process = run_until(5, tmp_path / "out.jsonl", released.model, many(FILES), "--workers", "3")
    assert len(alive_of(process.pid)) == 4
    process.kill()
    process.communicate()
    until = time.monotonic() + 60
    while alive_of(process.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive_of(process.pid)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped(released, expected, tmp_path, how):
    folder, rows = expected
    out = tmp_path / "out.jsonl"
    process = run_until(10, out, released.model, folder, "--logits")
    os.killpg(process.pid, how)  # as a terminal does it: the workers hear it, too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"of {FILES} files answered; the same command goes on" in err.decode()
    assert "died" not in (tmp_path / "out.jsonl.unfinished" / "journal").read_text()
    assert batch(released.model, folder, "-o", out, "--logits").status == 0
    assert rows_of(out) == rows


def limit_files(size: int):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_no_room_on_the_disk(released, expected, tmp_path, ending):
    """Of the list, of the journal, of the table: each run gets as far as it can, and the last one ends."""
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    folder, rows = expected
    out = tmp_path / f"out.{ending}"
    answered = -1
    for size in (100, 5000, 9000, 15000):
        ran = batch(released.model, folder, "-o", out, "--logits", preexec_fn=limit_files(size))
        assert ran.status == 1 and "cannot be written: File too large" in ran.err, ran
        assert ran.err.count("\n") == 1 and not out.exists()
        journal = tmp_path / f"{out.name}.unfinished" / "journal"
        assert lines_of(journal) > answered or size == 100
        answered = lines_of(journal)
        assert size == 100 or journal.read_bytes().endswith(b"\n")
    assert batch(released.model, folder, "-o", out, "--logits").status == 0
    if ending == "jsonl":
        assert rows_of(out) == rows


def test_no_room_for_the_table(released, expected, tmp_path):
    """All is answered, and only the table is missing: the next run computes nothing."""
    folder, rows = expected
    out = tmp_path / "out.jsonl"
    size = (tmp_path / "expected.jsonl").stat().st_size - 1500  # the journal is smaller: it has no names
    ran = batch(released.model, folder, "-o", out, "--logits", preexec_fn=limit_files(size))
    assert ran.status == 1 and f"{FILES} of {FILES} files answered; the same command goes on" in ran.err
    assert not out.exists()
    ran = batch(released.model, folder, "-o", out, "--logits")
    assert ran.status == 0 and f"{FILES} of {FILES} files are answered already" in ran.out
    assert " a second" not in ran.out and rows_of(out) == rows


def test_a_full_disk(released, expected, tmp_path):
    folder, rows = expected
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        ran = batch(released.model, folder, "-o", disk / "out.jsonl", "--logits")
        assert ran.status == 1 and "No space left on device" in ran.err and "the same command goes on" in ran.err
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        ran = batch(released.model, folder, "-o", disk / "out.jsonl", "--logits")
        assert ran.status == 0 and "are answered already" in ran.out
        assert rows_of(disk / "out.jsonl") == rows
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_changed_job_is_refused(released, many, tmp_path):
    folder, out = many(FILES), tmp_path / "out.jsonl"
    process = run_until(5, out, released.model, folder)
    process.kill()
    process.communicate()
    other = tmp_path / "other.gguf"
    other.write_bytes(Path(released.model).read_bytes() + b"\0")
    for given, what in [
        ((released.model, folder, "--views", "2"), "views"),
        ((released.model, folder, "--top", "1", "--logits"), "top, logits"),
        ((other, folder), "model"),
        ((released.model, many(FILES - 1)), "list, files, root"),
    ]:
        ran = batch(*given, "-o", out)
        assert ran.status == 1 and f"was begun by another job ({what}): --restart begins again" in ran.err
    assert batch(released.model, folder, "-o", out, "--threads", "1", "--quiet").status == 0
    assert batch(released.model, folder, "-o", out).status == 1  # which is there
    ran = batch(released.model, folder, "-o", out, "--restart", "--top", "1")
    assert ran.status == 0 and {len(row["classes"]) for row in rows_of(out)} == {1}


def test_two_runs_exclude_each_other(released, many, tmp_path):
    folder, out = many(FILES), tmp_path / "out.csv"
    first = run_until(3, out, released.model, folder)
    os.kill(first.pid, signal.SIGSTOP)
    link = tmp_path / "link.csv"
    link.symlink_to(out)
    try:
        for name in (out, link):
            ran = batch(released.model, folder, "-o", name)
            assert ran.status == 1 and "another run is writing it" in ran.err
    finally:
        os.kill(first.pid, signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0


# ---- memory ----


def peak_of(*arguments) -> int:
    """Kilobytes, of the process or a worker of it, whichever took most."""
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_number_of_files(released, many, tmp_path):
    few, lots = (peak_of(released.model, many(count), "-o", tmp_path / f"{count}.csv", "--workers", "2")
                 for count in (20, 1000))
    assert lots < few + 4096, (few, lots)


def test_tasks_are_taken_as_they_are_needed():
    taken = 0

    def tasks():
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield Task(number, number)

    answered = 0
    with Processes(3, lambda: lambda what: what * what) as processes:
        for number, answer in processes.answers(tasks()):
            assert answer == number * number
            answered += 1
            assert taken - answered <= 6
    assert answered == 1000


# ---- processes that die ----


def test_a_process_that_dies_costs_one_file():
    def work(what):
        faulthandler.disable()  # pytest's, which would print the stack
        if what in (3, 11):
            os.kill(os.getpid(), signal.SIGSEGV)
        return what

    with Processes(2, lambda: work) as processes:
        answers = dict(processes.answers(Task(n, n) for n in range(20)))
    assert sorted(answers) == list(range(20))
    assert {n for n, answer in answers.items() if answer == Died("SIGSEGV")} == {3, 11}


def test_a_process_that_is_killed_once_costs_nothing(tmp_path):
    def work(what):
        with_flag = tmp_path / str(what)
        if what % 4 == 0 and not with_flag.exists():
            with_flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return what

    with Processes(2, lambda: work) as processes:
        assert dict(processes.answers(Task(n, n) for n in range(20))) == {n: n for n in range(20)}


def test_nobody_can_work():
    def open_work():
        raise ValueError("no room")

    with pytest.raises(CannotWork, match="no room"), Processes(2, open_work) as processes:
        list(processes.answers(Task(n, n) for n in range(20)))


# ---- the journal ----

JOB = {"model": "a", "views": None}


def written(path) -> bytes:
    journal = Journal(path, JOB, 4)
    for number in (2, 0, 3):
        journal.add(number, json.dumps({"of": number}))
    journal.close()
    return path.read_bytes()


def test_a_journal_goes_on_wherever_it_was_torn(tmp_path):
    path = tmp_path / "journal"
    whole = written(path)
    ends = [at + 1 for at in range(len(whole)) if whole[at:at + 1] == b"\n"]
    for cut in range(len(whole) + 1):
        for tail in (b"", b"\0" * 9, b"garbage\n"):
            path.write_bytes(whole[:cut] + tail)
            kept = [number for number, end in zip((2, 0, 3), ends[1:]) if end <= cut]
            journal = Journal(path, JOB, 4)
            assert [number for number in range(4) if journal.has(number)] == sorted(kept)
            for number in {0, 1, 2, 3} - set(kept):
                journal.add(number, json.dumps({"of": number}))
            assert list(journal.answers()) == [{"of": number} for number in range(4)]
            journal.close()


def test_a_journal_of_another_job(tmp_path):
    path = tmp_path / "journal"
    before = written(path)
    with pytest.raises(Changed, match="^views, crops$"):
        Journal(path, {"model": "a", "views": 2, "crops": 1}, 4)
    assert path.read_bytes() == before
