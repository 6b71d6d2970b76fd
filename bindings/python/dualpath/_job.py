"""What the workers of a cluster are told: a model, and how videos are classified with it.

Each machine compiles the model once, to a file of its own that all of its workers map: the weights are
in its memory once.
"""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import library_version
from ._digests import digest_of
from ._lib import integer
from ._locks import locked
from ._measured import sha256_of
from ._processes import Processes, Task
from ._rows import Row, Width, arrow_schema, columns_of, import_pyarrow, record_of, width_of
from .model import Model, compile_model
from .worker import Record, Worker

_CHANGE_ANSWERS = ("sampling", "rate", "sample_fps", "views", "crops", "top", "logits", "features")
_NAMELESS: Row = {"path": None, "path_hex": None}


@dataclass(frozen=True)
class Job:
    """It can be pickled. Paths must mean the same on all machines."""

    model: str
    backbone: str | None
    precision: str | None
    cpu: str | None
    root: str
    """Where the paths of videos begin."""
    cache: str | None
    """For compiled files, on each machine; None: one for this user in that of temporary files."""
    processes: int
    """Of an actor or a task; each has one thread."""
    options: dict[str, Any]
    """Of a Worker."""
    width: Width
    about: Row
    """What changes answers."""

    @staticmethod
    def of(
        model: str | os.PathLike[str],
        *,
        backbone: str | os.PathLike[str] | None = None,
        precision: str | None = None,
        cpu: str | None = None,
        root: str | os.PathLike[str] = "",
        cache: str | os.PathLike[str] | None = None,
        processes: int = 1,
        **options: Any,
    ) -> Job:
        """Opens the model once, and refuses wrong options before anything is sent."""
        model, backbone = os.path.abspath(model), None if backbone is None else os.path.abspath(backbone)
        with _opened(model, backbone, precision, cpu) as opened:
            Worker(opened, **options).close()
            width = width_of(opened.info, options.get("top", 5), options.get("logits", False),
                             options.get("features", False))
        about = {"library": library_version(), "model": sha256_of(model),
                 "backbone": None if backbone is None else sha256_of(backbone),
                 "precision": precision, "cpu": cpu, "root": os.fspath(root),
                 **{name: options.get(name) for name in _CHANGE_ANSWERS}}
        return Job(model, backbone, precision, cpu, os.fspath(root),
                   None if cache is None else os.fspath(cache),
                   integer("processes", processes, 1, 256), options, width, about)

    def schema(self) -> Any:
        """Of the answers, as Arrow has it."""
        return arrow_schema(self.width, self.about)

    def open(self) -> Model:
        """The compiled model of this machine."""
        return Model(self._compiled(), cpu=self.cpu)

    def classify(self, model: Model, paths: list[str | None]) -> Any:
        """An Arrow table of the answers, a row for each path, in their order."""
        rows = [{**(_NAMELESS if path is None else columns_of(path)), **self.width.kept(record)}
                for path, record in zip(paths, self._records(model, paths))]
        return import_pyarrow().Table.from_pylist(rows, self.schema())

    def _records(self, model: Model, paths: list[str | None]) -> list[Record]:
        records = [Record("there is no path")] * len(paths)
        tasks: Iterator[Task] = (Task(number, os.path.join(self.root, path))
                                 for number, path in enumerate(paths) if path)
        open_worker = functools.partial(Worker, model, **self.options)
        with Processes(min(self.processes, len(paths)), open_worker) as processes:
            for number, answer in processes.answers(tasks):
                records[number] = record_of(answer)
        return records

    def _compiled(self) -> str:
        """The path of the compiled file, which the first one here writes while the others wait."""
        name = digest_of(f"{self.about[part]}" for part in
                         ("library", "model", "backbone", "precision", "cpu"))
        path = os.path.join(self.cache or _own_folder(), f"{name}.gguf")
        with locked(f"{path}.lock"):
            if not os.path.exists(path):
                self._check_same()
                compile_model(self.model, path, backbone=self.backbone, precision=self.precision,
                              cpu=self.cpu)
        return path

    def _check_same(self) -> None:
        """Another model on one of the machines would spoil the answers unseen."""
        for what, path in (("model", self.model), ("backbone", self.backbone)):
            if path is not None and sha256_of(path) != self.about[what]:
                raise ValueError(f"{path} is not the same file here ({os.uname().nodename}) as where "
                                 "the job began")


def _opened(model: str, backbone: str | None, precision: str | None, cpu: str | None) -> Model:
    if backbone is None:
        return Model(model, precision=precision, cpu=cpu)
    with Model(backbone, as_backbone=True, precision=precision, cpu=cpu) as frozen:
        return frozen.open_task(model)


def _own_folder() -> str:
    """For this user alone: others could put weights of theirs there."""
    folder = os.path.join(tempfile.gettempdir(), f"dualpath-{os.getuid()}")
    os.makedirs(folder, 0o700, exist_ok=True)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder that only this user can write to")
    return folder
