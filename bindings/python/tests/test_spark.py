"""``dualpath.spark`` on a cluster of two workers: the answers of one machine, whatever dies."""

from __future__ import annotations

import os
import shutil
import signal
import threading

import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed: make check-spark")
if shutil.which("java") is None:
    pytest.skip("there is no java: make check-spark", allow_module_level=True)

import cluster_jobs  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

import dualpath  # noqa: E402
import dualpath.spark  # noqa: E402

SESSION = """
import os, sys
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local-cluster[2,1,512]").config("spark.ui.enabled", False)
         .config("spark.executor.memory", "512m").config("spark.log.level", "ERROR")
         .config("spark.sql.shuffle.partitions", 4).config("spark.network.timeout", "600s")
         .config("spark.worker.timeout", 600).getOrCreate())
"""


@pytest.fixture(scope="module")
def spark() -> SparkSession:
    names: dict = {}
    exec(SESSION, names)
    yield names["spark"]
    names["spark"].stop()


@pytest.fixture(scope="module")
def videos(tmp_path_factory, spark):
    return cluster_jobs.Videos(tmp_path_factory.mktemp("videos"))


def frame(spark, paths):
    return spark.createDataFrame([(path,) for path in paths], "path string")


def job(tmp_path):
    return {"model": cluster_jobs.MODEL, "cache": tmp_path, "partitions": 4, "batch_size": 2, **cluster_jobs.OPTIONS}


def test_answers_are_those_of_one_machine(spark, videos, tmp_path):
    answers = dualpath.spark.classify(frame(spark, videos.paths), **job(tmp_path))
    answers.write.option("compression", "zstd").parquet(f"file://{tmp_path}/answers")
    assert cluster_jobs.answers_in(tmp_path / "answers") == videos.expected
    assert len(list(tmp_path.glob("*.gguf"))) == 1  # for all tasks of this machine


def test_real_clips_with_a_task(spark, tmp_path):
    clips = cluster_jobs.real_clips()
    answers = dualpath.spark.classify(frame(spark, clips), **cluster_jobs.small_models(), precision="int8",
                                      logits=True, partitions=2, cache=tmp_path)
    rows = cluster_jobs.sorted_rows(answers.toArrow().to_pylist())
    assert rows == cluster_jobs.answers_of_one_machine(clips, tmp_path)


def workers() -> list[int]:
    """Processes of Python that answer, without those in which they decode."""
    found = cluster_jobs.processes(lambda line: "pyspark.daemon" in line)
    return [one for one in found if cluster_jobs.parent_of(one) in found
            and cluster_jobs.parent_of(cluster_jobs.parent_of(one)) not in found]


def executors() -> list[int]:
    return cluster_jobs.processes(lambda line: "CoarseGrainedExecutorBackend" in line)


@pytest.mark.parametrize("victims", [workers, executors], ids=["worker", "executor"])
def test_killed_in_the_middle(spark, videos, tmp_path, victims):
    folder, done = tmp_path / "answers", []
    thread = threading.Thread(target=lambda: done.append(
        dualpath.spark.classify_into(folder, frame(spark, videos.paths), **job(tmp_path))), daemon=True)
    thread.start()
    cluster_jobs.wait_for(lambda: cluster_jobs.parts_of(folder) >= 3 or not thread.is_alive(), "no batch was answered")
    os.kill(victims()[0], signal.SIGKILL)
    assert not done, "the job ended before anything was killed"
    thread.join(600)
    assert done == [(cluster_jobs.FILES, cluster_jobs.BAD)]
    assert cluster_jobs.answers_in(folder) == videos.expected


DRIVER = SESSION + """
import dualpath.spark
folder, listed, model, compiled = sys.argv[1:]
paths = [(path,) for path in open(listed).read().split()]
dualpath.spark.classify_into(folder, spark.createDataFrame(paths, "path string"), model, cache=compiled,
    partitions=2, batch_size=2, logits=True, features=True, views=2, top=3)
"""


def test_a_stopped_job_goes_on(spark, videos, tmp_path):
    folder = tmp_path / "answers"
    (tmp_path / "list").write_text("\n".join(videos.paths))
    cluster_jobs.kill_in_the_middle(DRIVER, folder, str(tmp_path / "list"), cluster_jobs.MODEL, str(tmp_path))
    done = dualpath.spark.classify_into(folder, frame(spark, videos.paths), **job(tmp_path))
    assert 0 < done.files <= cluster_jobs.FILES - 6
    assert cluster_jobs.answers_in(folder) == videos.expected
    assert not list(folder.glob("_running-*")) and not list(folder.glob("_ended-*"))
    assert dualpath.spark.classify_into(folder, frame(spark, videos.paths), **job(tmp_path)) == (0, 0)


def test_a_task_takes_no_more_than_it_works_on(tmp_path):
    """Spark's own back-pressure is that its iterator is asked for the next batch when one is answered."""
    import pyarrow

    taken = []

    def batches():
        for number in range(9):
            taken.append(number)
            yield pyarrow.RecordBatch.from_pylist([{"path": f"/none/{number}.mp4"}])

    (tmp_path / "run").mkdir()
    made = dualpath.spark.Job.of(cluster_jobs.MODEL, cache=tmp_path)
    counts = dualpath.spark._writing(made, dualpath.spark.Parts(str(tmp_path / "run")), 4)(batches())
    assert next(counts).to_pylist() == [{"files": 1, "errors": 1}] and taken == [0]
    next(counts)
    assert taken == [0, 1]
    counts.close()


def test_wrong_options_are_refused_before_anything_runs(spark, tmp_path):
    with pytest.raises(ValueError, match="unknown sampling 'middle'"):
        dualpath.spark.classify(frame(spark, ["x"]), cluster_jobs.MODEL, sampling="middle")
    with pytest.raises(dualpath.ReadError, match="No such file"):
        dualpath.spark.classify(frame(spark, ["x"]), str(tmp_path / "none.gguf"))
