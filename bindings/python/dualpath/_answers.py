"""A folder of answers that many machines write to, a Parquet file for each batch of videos.

A run writes to a folder of its own, ``_running-*``, which readers of tables leave out. When it has
ended, its files move up; those of a run that was killed do so when the next one begins. The folder then
has another name, so that a worker of the killed run that is still alive writes nothing any more: each
path is answered once.

The name of a file is a digest of its paths. What an engine tries again is found there, and is neither
computed nor written twice.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ._digests import digest_of
from ._locks import locked
from ._rows import Row, import_pyarrow

_ABOUT = "_dualpath.json"
_RUNNING = "_running-"
_ENDED = "_ended-"
_UNFINISHED = ".part"


class Answered(NamedTuple):
    """How many files a run answered, and for how many of them there is an error."""

    files: int
    errors: int


class Parts:
    """Where the workers of one run write. It can be pickled."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def add(self, paths: list[str | None], classify: Callable[[], Any]) -> Answered:
        """Writes the table that ``classify`` answers for these paths, unless it is there."""
        parquet = import_pyarrow().parquet
        part = os.path.join(self._folder, f"{digest_of(path or '' for path in paths)}.parquet")
        if os.path.exists(part):
            errors = parquet.read_table(part, columns=["error"])["error"]
        else:
            table = classify()
            errors = table["error"]
            self._write(part, table)
        return Answered(len(paths), len(paths) - errors.null_count)

    def _write(self, part: str, table: Any) -> None:
        unfinished = os.path.join(self._folder, f"{uuid.uuid4().hex}{_UNFINISHED}")
        with open(unfinished, "wb") as file:
            import_pyarrow().parquet.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, part)


class Answers:
    """The folder, which this process has for itself."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def paths(self) -> Iterator[Any]:
        """Arrow arrays of the paths that are answered."""
        for part in self._parts(self.folder):
            yield import_pyarrow().parquet.read_table(part, columns=["path"])["path"]

    def has_any(self) -> bool:
        return any(self._parts(self.folder))

    @contextlib.contextmanager
    def running(self) -> Iterator[Parts]:
        """For the workers of one run."""
        running = os.path.join(self.folder, f"{_RUNNING}{uuid.uuid4().hex}")
        os.mkdir(running)
        try:
            yield Parts(running)
        finally:
            self.collect()

    def collect(self) -> None:
        """What other runs left."""
        for running in self._folders(_RUNNING):
            os.rename(running, running.replace(_RUNNING, _ENDED))
        for ended in self._folders(_ENDED):
            for part in self._parts(ended):
                os.replace(part, os.path.join(self.folder, os.path.basename(part)))
            for unfinished in glob.glob(os.path.join(glob.escape(ended), f"*{_UNFINISHED}")):
                os.unlink(unfinished)
            os.rmdir(ended)

    def check(self, about: Row) -> None:
        """The answers of one folder are those of one model, with one set of options."""
        path = os.path.join(self.folder, _ABOUT)
        if not os.path.exists(path):
            with open(f"{path}.new", "w") as file:
                json.dump(about, file)
            os.replace(f"{path}.new", path)
        with open(path) as file:
            known = json.load(file)
        other = [name for name in {**known, **about} if known.get(name) != about.get(name)]
        if other:
            raise ValueError(f"{self.folder} was begun by another job ({', '.join(other)}): take "
                             "another folder, or remove this one")

    def _parts(self, folder: str) -> Iterator[str]:
        return glob.iglob(os.path.join(glob.escape(folder), "*.parquet"))

    def _folders(self, beginning: str) -> list[str]:
        return glob.glob(os.path.join(glob.escape(self.folder), f"{beginning}*"))


@contextlib.contextmanager
def opened_answers(folder: str | os.PathLike[str], about: Row) -> Iterator[Answers]:
    """Makes the folder where it is missing. Two runs exclude each other."""
    path = os.path.abspath(folder)
    os.makedirs(path, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(os.path.join(path, "_lock"), wait=False))
        except BlockingIOError as error:
            raise BlockingIOError(error.errno, "another run is writing there", path) from error
        answers = Answers(path)
        answers.check(about)
        answers.collect()
        yield answers
