"""``dualpath.ray`` on a cluster of two nodes: the answers of one machine, whatever dies."""

from __future__ import annotations

import os
import signal
import threading

import pytest

pytest.importorskip("ray", reason="ray is not installed: make check-ray")

import cluster_jobs  # noqa: E402
import ray  # noqa: E402
import ray.data  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402
from ray.data._internal.execution.execution_callback import ExecutionCallback  # noqa: E402

import dualpath.ray  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 << 20})
    made.add_node(num_cpus=2, object_store_memory=100 << 20)
    ray.init(address=made.address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def videos(tmp_path_factory, cluster):
    return cluster_jobs.Videos(tmp_path_factory.mktemp("videos"))


def dataset(paths):
    return ray.data.from_items([{"path": path} for path in paths])


def job(tmp_path):
    return {"model": cluster_jobs.MODEL, "cache": tmp_path, "actors": 2, "batch_size": 2, **cluster_jobs.OPTIONS}


def test_answers_are_those_of_one_machine(videos, tmp_path):
    answers = dualpath.ray.classify(dataset(videos.paths), **{**job(tmp_path), "batch_size": 7})
    answers.write_parquet(str(tmp_path / "answers"))
    assert cluster_jobs.answers_in(tmp_path / "answers") == videos.expected
    assert len(list(tmp_path.glob("*.gguf"))) == 1  # for all actors of this machine


def test_real_clips_with_a_task(cluster, tmp_path):
    clips = cluster_jobs.real_clips()
    answers = dualpath.ray.classify(dataset(clips), **cluster_jobs.small_models(), precision="int8", logits=True,
                                    actors=2, batch_size=1, cache=tmp_path)
    assert cluster_jobs.sorted_rows([row for batch in answers.iter_batches(batch_format="pyarrow")
                                 for row in batch.to_pylist()]) == cluster_jobs.answers_of_one_machine(clips, tmp_path)


def actors() -> list[int]:
    """Without the processes in which they decode."""
    found = cluster_jobs.processes(lambda line: line.startswith("ray::") and "_Actor" in line)
    return [one for one in found if cluster_jobs.parent_of(one) not in found]


def run_beside(folder, videos, tmp_path):
    """A job in a thread, and where its answer will be."""
    done = []
    thread = threading.Thread(target=lambda: done.append(
        dualpath.ray.classify_into(folder, dataset(videos.paths), **job(tmp_path))), daemon=True)
    thread.start()
    cluster_jobs.wait_for(lambda: cluster_jobs.parts_of(folder) >= 3 or not thread.is_alive(), "no batch was answered")
    return thread, done


def test_a_killed_actor(videos, tmp_path):
    folder = tmp_path / "answers"
    thread, done = run_beside(folder, videos, tmp_path)
    os.kill(actors()[0], signal.SIGKILL)
    assert not done, "the job ended before anything was killed"
    thread.join(600)
    assert done == [(cluster_jobs.FILES, cluster_jobs.BAD)]
    assert cluster_jobs.answers_in(folder) == videos.expected


def test_a_lost_machine(cluster, videos, tmp_path):
    lost = cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    folder = tmp_path / "answers"
    thread, done = run_beside(folder, videos, tmp_path)
    cluster.remove_node(lost, allow_graceful=False)
    thread.join(600)
    assert done == [(cluster_jobs.FILES, cluster_jobs.BAD)]
    assert cluster_jobs.answers_in(folder) == videos.expected


def test_no_more_than_two_batches_wait_for_an_actor(videos, tmp_path, monkeypatch):
    seen = []

    class Watch(ExecutionCallback):
        def on_execution_step(self, executor) -> None:
            seen.extend(one.num_active_tasks() for one in executor._topology if "_Actor" in one.name)

    context = ray.data.DataContext.get_current()
    monkeypatch.setattr(context, "custom_execution_callback_classes", [Watch])
    answers = dualpath.ray.classify(dataset(videos.paths), **job(tmp_path)).take_all()
    assert len(answers) == cluster_jobs.FILES  # in 30 batches
    assert 2 <= max(seen) <= 4


DRIVER = """
import sys
import ray, ray.data
import dualpath.ray
folder, address, listed, model, compiled = sys.argv[1:]
ray.init(address=address, log_to_driver=False)
paths = open(listed).read().split()
dualpath.ray.classify_into(folder, ray.data.from_items([{"path": path} for path in paths]), model,
    cache=compiled, actors=1, batch_size=2, logits=True, features=True, views=2, top=3)
"""


def test_a_stopped_job_goes_on(cluster, videos, tmp_path):
    folder = tmp_path / "answers"
    (tmp_path / "list").write_text("\n".join(videos.paths))
    cluster_jobs.kill_in_the_middle(DRIVER, folder, cluster.address, str(tmp_path / "list"), cluster_jobs.MODEL,
                                str(tmp_path))
    done = dualpath.ray.classify_into(folder, dataset(videos.paths), **job(tmp_path))
    assert 0 < done.files <= cluster_jobs.FILES - 6
    assert cluster_jobs.answers_in(folder) == videos.expected
    assert not list(folder.glob("_running-*")) and not list(folder.glob("_ended-*"))
    assert dualpath.ray.classify_into(folder, dataset(videos.paths), **job(tmp_path)) == (0, 0)


def test_wrong_options_are_refused_before_anything_runs(videos, tmp_path):
    with pytest.raises(ValueError, match="unknown sampling 'middle'"):
        dualpath.ray.classify(dataset(videos.paths), cluster_jobs.MODEL, sampling="middle")
    with pytest.raises(dualpath.ReadError, match="No such file"):
        dualpath.ray.classify(dataset(videos.paths), str(tmp_path / "none.gguf"))
