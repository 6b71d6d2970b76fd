"""``batch``: what happens in each of many videos."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import library_version
from .._measured import sha256_of
from .._processes import CannotWork, Died, Processes, Task
from .._rows import columns_of, import_pyarrow, record_of, width_of
from ..model import Model
from ..pool import Pool
from ..video import require_decoder
from ..worker import Record, Worker
from . import arguments as options
from .classify import SAMPLING_OPTIONS, check_sampling_rule
from .engine import ENGINE_OPTIONS, opened_model
from .failure import Failure, usage
from .journal import Changed, Journal
from .progress import Progress
from .tables import TABLES, Parquet, ending_of
from .text import as_json, complain, emit
from .unfinished import Unfinished, unfinished
from .videos import Videos, read_down, write_down

SOME_BAD = 3
"""The exit status where some files could not be used."""

HELP = """\
Usage: python -m dualpath batch MODEL LIST|FOLDER -o OUT [OPTION]...

Classifies many video files, with all processors, into one table. LIST is a text file with a path on
each line, or a CSV file (.csv) with a column `path`; of FOLDER, all video files in it and below, in
order of their names. PyAV decodes (pip install 'dualpath[video]').

Each file is a row of OUT, in the order of the list: its path, the likeliest classes with labels and
probabilities, frames, duration in seconds, milliseconds for decoding and for computing, warnings, or
the error for which it could not be used.

A run that was stopped or killed, or whose disk was full, goes on where it was when it is started
again. Until OUT is whole, answers are in the folder OUT.unfinished.

  -o OUT             the table: .parquet (pip install 'dualpath[parquet]'), .csv, or .jsonl
  --restart          begin again: forget what another run answered, and replace OUT
  --root FOLDER      paths of LIST begin here (default: the folder of LIST)
  --workers N        files at a time, 1 to 256 (default: as many as there are threads)
  --threads N        threads for all of them together, 1 to 256 (default: as many as can run)
  --top K            how many classes of each file (default 5)
  --logits           all logits and all probabilities as well
  --features         both features as well
  --backbone B       MODEL is a task of this model
  --sampling WHICH, --rate N, --sample-fps F, --views N, --crops N, --cpu SET, --precision P,
  --image-by-image, --unfused, --verify
                     as of classify (python -m dualpath classify --help)
  --max-memory N     model and session of each worker take no more than N bytes; K, M, G, T may
                     follow. The sampled frames of one file come on top
  --quiet            no progress bar, and no line at the end
  -h, --help         this text

Exit status: 0 success; 1 the model, the list or OUT cannot be used; 2 wrong command line; 3 OUT is
written, and some files could not be used; 130 interrupted.
"""

_OPTIONS = {
    **ENGINE_OPTIONS,
    **SAMPLING_OPTIONS,
    "-o": options.file(),
    "--restart": options.flag(),
    "--root": options.file(),
    "--workers": options.whole(1, 256),
    "--logits": options.flag(),
    "--features": options.flag(),
}

_CHANGE_ANSWERS = ("sampling", "rate", "sample_fps", "views", "crops", "top", "logits", "features",
                   "precision", "cpu", "unfused")


def run(arguments: list[str]) -> int:
    values, (model_path, source) = options.parse(arguments, _OPTIONS, ["MODEL", "LIST|FOLDER"])
    check_sampling_rule(values)
    _check_out(values["o"])
    if not hasattr(os, "fork"):
        raise Failure("batch", "this system has no fork(), by which workers begin")
    try:
        require_decoder()
    except ImportError as error:
        raise Failure(source, str(error)) from error
    with unfinished(values["o"]) as job, opened_model(model_path, values) as model:
        return _Batch(job, model, model_path, source, values).run()


def _check_out(out: str | None) -> None:
    if out is None:
        raise usage("-o", "is missing (--help shows the usage)")
    table = TABLES.get(ending_of(out))
    if table is None:
        raise usage("-o", f"'{out[-40:]}' ends in none of {', '.join(TABLES)}")
    if os.path.exists(out) and not os.path.isfile(out):
        raise Failure(out, "is there, and no regular file")
    if table is Parquet:
        try:
            import_pyarrow()
        except ImportError as error:
            raise Failure(out, str(error)) from error


class _Share(NamedTuple):
    """How the threads are shared."""

    workers: int
    threads: int
    """Of each worker."""


class _Batch:
    """One run of a job."""

    def __init__(
        self, job: Unfinished, model: Model, model_path: str, source: str, values: dict[str, Any]
    ) -> None:
        self._job, self._model, self._model_path, self._values = job, model, model_path, values
        if values["restart"]:
            job.forget()
        elif os.path.exists(job.out) and not job.has_begun():
            raise Failure(values["o"], "is there already; --restart replaces it")
        self._width = width_of(model.info, values["top"], values["logits"], values["features"])
        self._begin(source)

    def _begin(self, source: str) -> None:
        """Opens the journal, if it is this job's."""
        new = self._job.file("list.new")
        with self._writing():
            self._videos = write_down(source, self._values["root"], new)
            self._about = self._what_it_is(self._videos)
            try:
                self._journal = Journal(self._job.file("journal"), self._about, self._videos.files)
            except Changed as changed:
                raise Failure(self._values["o"], f"was begun by another job ({changed}): --restart "
                              "begins again, or -o names another table") from changed
            os.replace(new, self._job.file("list"))

    def _what_it_is(self, videos: Videos) -> dict[str, Any]:
        """What must be the same for a run to go on with the answers of another one."""
        backbone = self._values["backbone"]
        chosen = {name: self._values[name] for name in _CHANGE_ANSWERS}
        return {"library": library_version(), "model": sha256_of(self._model_path),
                "backbone": None if backbone is None else sha256_of(backbone),
                "list": videos.sha256, "files": videos.files, "root": videos.root, **chosen}

    def run(self) -> int:
        journal, total = self._journal, self._videos.files
        if journal.answered:
            self._say(f"{journal.answered} of {total} files are answered already")
        try:
            self._answer_all()
            return SOME_BAD if self._write() else 0
        except KeyboardInterrupt:
            complain(self._values["o"], f"stopped with {self._so_far()}")
            raise
        finally:
            journal.close()

    def _so_far(self) -> str:
        return (f"{self._journal.answered} of {self._videos.files} files answered; the same command "
                "goes on")

    def _say(self, sentence: str) -> None:
        if not self._values["quiet"]:
            emit(f"{sentence}\n")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """What cannot be written ends this run, and not the job."""
        try:
            yield
        except OSError as error:
            sentence = f"cannot be written: {error.strerror or error}"
            if hasattr(self, "_journal"):
                sentence = f"{sentence}; {self._so_far()}"
            raise Failure(self._values["o"], sentence) from error

    # ---- the answers ----

    def _answer_all(self) -> None:
        total, before = self._videos.files, self._journal.answered
        self._progress = Progress(total, before, not self._values["quiet"])
        share = _share_threads(self._values, total - before)
        spent = _Spent(share)
        open_worker = functools.partial(_open_worker, self._model, self._values, share.threads)
        self._paths: dict[int, str] = {}
        try:
            with Processes(share.workers, open_worker) as processes:
                self._progress.begin()
                for number, answer in processes.answers(self._tasks()):
                    spent.add(self._take(number, answer))
        except CannotWork as error:
            raise Failure(self._model_path, str(error)) from error
        finally:
            self._progress.clear()
        with self._writing():
            self._journal.sync()
        if spent.files:
            self._say(spent.sentence())

    def _tasks(self) -> Iterator[Task]:
        for number, path in enumerate(read_down(self._job.file("list"))):
            if not self._journal.has(number):
                self._paths[number] = path
                yield Task(number, os.path.join(self._videos.root, path))

    def _take(self, number: int, answer: Record | Died) -> Record:
        path, record = self._paths.pop(number), record_of(answer)
        with self._writing():
            self._journal.add(number, as_json(self._width.kept(record)))
        if record.error is not None:
            self._progress.complain(path, record.error)
        self._progress.add(record.error is not None)
        return record

    # ---- the table ----

    def _write(self) -> int:
        """All answers, in the order of the list. Returns how many files could not be used."""
        bad, out = 0, self._values["o"]
        with self._writing():
            with open(self._job.file("table"), "wb") as file:
                table = TABLES[ending_of(out)](file, self._width, self._about)
                for path, answer in zip(read_down(self._job.file("list")), self._journal.answers()):
                    table.add({**columns_of(path), **answer})
                    bad += answer["error"] is not None
                table.end()
                file.flush()
                os.fsync(file.fileno())
            self._job.publish()
        without = f", {bad} without an answer" if bad else ""
        self._say(f"wrote {out}: {self._videos.files} files{without}")
        return bad


def _open_worker(model: Model, values: dict[str, Any], threads: int) -> Worker:
    """In a process of its own."""
    names = ("sampling", "rate", "sample_fps", "views", "crops", "top", "logits", "features",
             "image_by_image")
    return Worker(model, threads=threads, **{name: values[name] for name in names})


def _share_threads(values: dict[str, Any], files: int) -> _Share:
    """One for each worker, unless there are more threads than files."""
    threads = values["threads"]
    if threads is None:
        with Pool() as pool:
            threads = pool.threads
    workers = values["workers"] or max(min(threads, files), 1)
    return _Share(workers, max(threads // workers, 1))


class _Spent:
    """What a run took."""

    def __init__(self, share: _Share) -> None:
        self._share = share
        self._start, self._cpu_start = time.monotonic(), _cpu_seconds()
        self._decode_ms = self._compute_ms = 0.0
        self.files = 0

    def add(self, record: Record) -> None:
        self.files += 1
        self._decode_ms += record.decode_ms
        self._compute_ms += record.compute_ms

    def sentence(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        of_workers, of_threads = (seconds * count for count in (
            self._share.workers, self._share.workers * self._share.threads))
        decoding, computing = (ms / 1000 / of_workers for ms in (self._decode_ms, self._compute_ms))
        busy = (_cpu_seconds() - self._cpu_start) / of_threads
        return (f"{self.files} files in {seconds:.1f} s, {self.files / seconds:.1f} a second: workers "
                f"decoded {decoding:.0%} and computed {computing:.0%} of the time; processors were "
                f"busy {busy:.0%}")


def _cpu_seconds() -> float:
    """Of this process and those that ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
