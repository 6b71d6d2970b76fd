"""What jobs on clusters have underneath, without an engine: the compiled model of a machine, and the
folder of answers."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys

import pytest
from batches import clips  # noqa: F401

import dualpath
from dualpath._answers import Parts, opened_answers
from dualpath._job import Job
from dualpath.worker import Worker

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


@pytest.fixture
def job(released, tmp_path) -> Job:
    shutil.copy(released.model, tmp_path / "model.gguf")
    return Job.of(tmp_path / "model.gguf", cache=tmp_path, logits=True, top=2)


def test_answers_are_those_of_a_worker(job, clips, model):
    again = pickle.loads(pickle.dumps(job))
    paths = [str(clips / "1.mp4"), None, str(clips / "none.mp4"), str(clips / "0.mp4"), "", "a\0b"]
    with again.open() as compiled:
        assert compiled.info.compiled
        rows = again.classify(compiled, paths).to_pylist()
    assert [row["path"] for row in rows] == paths
    worker = Worker(model, logits=True, top=2)
    for number in (0, 3):
        known = worker(paths[number])
        assert rows[number]["logits"] == known.logits.tolist() and rows[number]["error"] is None
        assert tuple(rows[number]["classes"]) == known.classes
    assert [rows[number]["error"] for number in (1, 2, 4, 5)] == [
        "there is no path", "cannot read: No such file or directory", "there is no path", "embedded null byte"]


def test_a_task_and_its_backbone_are_one_compiled_file(tmp_path, clips):
    from cluster_jobs import small_models

    known = small_models()
    job = Job.of(**known, precision="int8", cache=tmp_path, logits=True)
    with dualpath.Model(known["backbone"], as_backbone=True, precision="int8") as backbone:
        expected = Worker(backbone.open_task(known["model"]), logits=True)(clips / "0.mp4")
    with job.open() as compiled:
        answer = job.classify(compiled, [str(clips / "0.mp4")]).to_pylist()[0]
    assert answer["logits"] == expected.logits.tolist()
    assert compiled.labels and answer["labels"] == list(expected.labels)


def _open(job: Job, pipe) -> None:
    with job.open():
        pipe.send(os.stat(job._compiled()).st_ino)


def test_a_machine_compiles_once(job, tmp_path):
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(4)]
    processes = [context.Process(target=_open, args=(job, theirs)) for _, theirs in pipes]
    for process in processes:
        process.start()
    assert len({ours.poll(60) and ours.recv() for ours, _ in pipes}) == 1
    for process in processes:
        process.join(60)
    assert len(list(tmp_path.glob("*.gguf"))) == 2  # with the model itself


def test_another_model_on_a_machine_is_refused(job, tmp_path):
    with open(tmp_path / "model.gguf", "ab") as file:
        file.write(b"\0")
    with pytest.raises(ValueError, match="model.gguf is not the same file here"):
        job.open()


def test_a_folder_that_others_can_write_to_is_no_cache(released, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    job = Job.of(released.model)
    folder = tmp_path / f"dualpath-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="only this user can write to"):
        job.open()
    folder.chmod(0o700)
    job.open().close()


@pytest.mark.parametrize("options, sentence", [
    ({"sampling": "middle"}, "unknown sampling"), ({"rate": 2, "sample_fps": 2.0}, "expected one"),
    ({"views": 0}, "views"), ({"top": 0}, "top"), ({"processes": 0}, "processes"), ({"sample_fps": -1.0}, "sample_fps"),
])
def test_wrong_options(released, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Job.of(released.model, **options)


# ---- the folder ----


def count_of(job, model, parts, *paths):
    return parts.add(list(paths), lambda: job.classify(model, list(paths)))


def test_what_is_answered_is_not_computed_again(job, clips, tmp_path):
    with job.open() as model, opened_answers(tmp_path / "out", job.about) as answers:
        with answers.running() as parts:
            assert count_of(job, model, parts, str(clips / "0.mp4"), "/none") == (2, 1)
            assert parts.add([str(clips / "0.mp4"), "/none"], lambda: pytest.fail("computed again")) == (2, 1)
            assert not answers.has_any()  # before the run has ended
        assert [one.to_pylist() for one in answers.paths()] == [[str(clips / "0.mp4"), "/none"]]
    assert sorted(one.suffix for one in (tmp_path / "out").iterdir()) == ["", ".json", ".parquet"]


def test_a_killed_run_writes_nothing_any_more(job, tmp_path):
    out = tmp_path / "out"
    with job.open() as model:
        with opened_answers(out, job.about) as answers:
            (out / "_running-killed").mkdir()
            late = Parts(str(out / "_running-killed"))
            count_of(job, model, late, "/first")
            (out / "_running-killed" / "half.part").write_bytes(b"PAR1")
        with opened_answers(out, job.about) as answers:
            assert [one.to_pylist() for one in answers.paths()] == [["/first"]]
            with pytest.raises(FileNotFoundError):
                count_of(job, model, late, "/second")
    assert len(list(out.glob("*.parquet"))) == 1 and not list(out.glob("_[re]*"))


def test_another_job_and_another_run_are_refused(job, released, tmp_path):
    with opened_answers(tmp_path / "out", job.about):
        pass
    other = Job.of(released.model, cache=tmp_path, top=3)
    with pytest.raises(ValueError, match=r"begun by another job \(top, logits\)"):
        with opened_answers(tmp_path / "out", other.about):
            pass
    with opened_answers(tmp_path / "out", job.about):
        code = ("import sys; from dualpath._answers import opened_answers\n"
                "with opened_answers(sys.argv[1], {}): pass")
        ran = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], capture_output=True, text=True)
    assert "another run is writing there" in ran.stderr
