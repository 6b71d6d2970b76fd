"""The job of ``python -m dualpath batch`` on a cluster of Ray: ``pip install 'dualpath[ray]'``.

    videos = ray.data.read_csv("/data/list.csv")  # with a column ``path``
    dualpath.ray.classify_into("/data/answers", videos, "/data/model.gguf", actors=64)

Each actor maps the compiled model of its machine, and decodes and computes in processes of its own.
Ray starts an actor that died again and repeats its batch.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import ray
import ray.data

from ._answers import Answered, Answers, Parts, opened_answers
from ._job import Job
from ._lib import integer
from ._rows import import_pyarrow

_IN_FLIGHT = 2
"""Batches of an actor: the one that it works on, and the next one."""


def classify(
    videos: ray.data.Dataset,
    model: str | os.PathLike[str],
    *,
    actors: int | tuple[int, int] = 1,
    batch_size: int = 64,
    **job: Any,
) -> ray.data.Dataset:
    """Of a dataset with a column ``path``, one with the columns of ``batch``: a row for each file, also
    for one that cannot be used.

    - ``actors``: how many, or from how many to how many.
    - ``batch_size``: files that an actor is given at a time, and answers again when it died.
    - ``backbone``, ``precision``, ``cpu``: of the model.
    - ``root``: paths of videos begin there; ``cache``: the folder of the compiled model, on each machine.
    - ``processes``: of an actor, each with one processor.
    - ``sampling``, ``rate``, ``sample_fps``, ``views``, ``crops``, ``top``, ``logits``, ``features``,
      ``image_by_image``: see ``dualpath.worker.Worker``.
    """
    return _mapped(videos, Job.of(model, **job), actors, batch_size)


def classify_into(
    folder: str | os.PathLike[str],
    videos: ray.data.Dataset,
    model: str | os.PathLike[str],
    *,
    actors: int | tuple[int, int] = 1,
    batch_size: int = 64,
    **job: Any,
) -> Answered:
    """Writes what classify() answers as Parquet into a folder that all machines share. Paths that it
    has answers for are left out: a run that ended goes on with the same call.
    """
    made = Job.of(model, **job)
    with opened_answers(folder, made.about) as answers, answers.running() as parts:
        left = videos.map_batches(_not_in, fn_args=(ray.put(_hashes_of(answers)),), batch_format="pyarrow")
        counts = _mapped(left, made, actors, batch_size, parts).iter_batches(batch_format="numpy")
        files, errors = 0, 0
        for count in counts:
            files, errors = files + int(count["files"].sum()), errors + int(count["errors"].sum())
        return Answered(files, errors)


def _mapped(
    videos: ray.data.Dataset, job: Job, actors: int | tuple[int, int], batch_size: int,
    parts: Parts | None = None,
) -> ray.data.Dataset:
    size = integer("batch_size", batch_size, 1, 1 << 20)
    low, high = (actors, actors) if isinstance(actors, int) else actors
    pool = ray.data.ActorPoolStrategy(min_size=low, max_size=high,
                                      max_tasks_in_flight_per_actor=_IN_FLIGHT)
    return videos.select_columns(["path"]).repartition(target_num_rows_per_block=size).map_batches(
        _Actor, fn_constructor_args=(job, parts), batch_format="pyarrow", batch_size=size,
        compute=pool, num_cpus=job.processes)


class _Actor:
    def __init__(self, job: Job, parts: Parts | None) -> None:
        self._job, self._parts, self._model = job, parts, job.open()

    def __call__(self, videos: Any) -> Any:
        paths = videos["path"].to_pylist()
        if self._parts is None:
            return self._job.classify(self._model, paths)
        answered = self._parts.add(paths, lambda: self._job.classify(self._model, paths))
        return import_pyarrow().table({name: [count] for name, count in answered._asdict().items()})


# ---- what is answered already: 16 bytes for each path, in the memory of each machine once ----

_HASH = "S16"


def _hashes_of(answers: Answers) -> Any:
    known = [_hashes(paths) for paths in answers.paths()]
    return np.sort(np.concatenate(known)) if known else np.empty(0, _HASH)


def _hashes(paths: Any) -> Any:
    return np.array([hashlib.blake2b((path or "").encode(), digest_size=16).digest()
                     for path in paths.to_pylist()], _HASH)


def _not_in(videos: Any, known: Any) -> Any:
    known = ray.get(known) if isinstance(known, ray.ObjectRef) else known
    return videos.filter(~np.isin(_hashes(videos["path"]), known))
