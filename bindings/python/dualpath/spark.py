"""The job of ``python -m dualpath batch`` on a cluster of Spark: ``pip install 'dualpath[spark]'``.

    videos = spark.read.csv("/data/list.csv", header=True)  # with a column ``path``
    dualpath.spark.classify_into("/data/answers", videos, "/data/model.gguf", partitions=640)

Each task maps the compiled model of its machine, and decodes and computes in processes of its own.
Spark repeats a task whose process or machine died.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from ._answers import Answered, Parts, opened_answers
from ._job import Job
from ._lib import integer
from ._rows import import_pyarrow


def classify(
    videos: DataFrame,
    model: str | os.PathLike[str],
    *,
    partitions: int | None = None,
    batch_size: int = 64,
    **job: Any,
) -> DataFrame:
    """Of a DataFrame with a column ``path``, one with the columns of ``batch``: a row for each file, also
    for one that cannot be used.

    - ``partitions``: into how many tasks the paths are shared out; None: those that are there.
    - ``batch_size``: files that a task answers at a time.
    - ``backbone``, ``precision``, ``cpu``: of the model.
    - ``root``: paths of videos begin there; ``cache``: the folder of the compiled model, on each machine.
    - ``processes``: of a task, each with one thread; ``spark.task.cpus`` should say the same.
    - ``sampling``, ``rate``, ``sample_fps``, ``views``, ``crops``, ``top``, ``logits``, ``features``,
      ``image_by_image``: see ``dualpath.worker.Worker``.
    """
    made, size = Job.of(model, **job), integer("batch_size", batch_size, 1, 1 << 20)

    def answer(batches: Iterator[Any]) -> Iterator[Any]:
        with made.open() as opened:
            for paths in _paths(batches, size):
                yield from made.classify(opened, paths).to_batches()

    return _shared_out(videos, partitions).mapInArrow(answer, from_arrow_schema(made.schema()))


def classify_into(
    folder: str | os.PathLike[str],
    videos: DataFrame,
    model: str | os.PathLike[str],
    *,
    partitions: int | None = None,
    batch_size: int = 64,
    **job: Any,
) -> Answered:
    """Writes what classify() answers as Parquet into a folder that all machines share. Paths that it
    has answers for are left out: a run that ended goes on with the same call.
    """
    made, size = Job.of(model, **job), integer("batch_size", batch_size, 1, 1 << 20)
    with opened_answers(folder, made.about) as answers, answers.running() as parts:
        left = videos.select("path")
        if answers.has_any():
            known = videos.sparkSession.read.parquet(f"file://{answers.folder}").select("path")
            left = left.join(known, "path", "left_anti")
        writing = _writing(made, parts, size)
        counts = _shared_out(left, partitions).mapInArrow(writing, "files long, errors long")
        files, errors = counts.groupBy().sum("files", "errors").first() or (None, None)
        return Answered(files or 0, errors or 0)


def _writing(job: Job, parts: Parts, size: int) -> Any:
    def write(batches: Iterator[Any]) -> Iterator[Any]:
        with job.open() as model:
            for paths in _paths(batches, size):
                answered = parts.add(paths, lambda: job.classify(model, paths))  # noqa: B023
                yield import_pyarrow().RecordBatch.from_pylist([answered._asdict()])

    return write


def _shared_out(videos: DataFrame, partitions: int | None) -> DataFrame:
    """In the same order whenever a task is tried, so that it finds the parts that it wrote."""
    paths = videos.select("path")
    shared = paths if partitions is None else paths.repartition(partitions, "path")
    return shared.sortWithinPartitions("path")


def _paths(batches: Iterator[Any], size: int) -> Iterator[list[str | None]]:
    """Of Arrow's batches, no more than so many at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, size):
            yield batch.column(0).slice(start, size).to_pylist()
