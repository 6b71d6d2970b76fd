"""``python -m dualpath batch``: answers, tables, bad files, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import wave

import numpy as np
import pytest
from batches import CLIPS, batch, clips, rows_of  # noqa: F401
from command_line import y4m
from conftest import GOLDENS

import dualpath
from dualpath.program.progress import Progress, time_left
from dualpath.worker import Worker

OPTIONS = [
    (),
    ("--views", "2", "--crops", "3"),
    ("--sample-fps", "3", "--sampling", "uniform"),
    ("--rate", "2", "--precision", "int8"),
    ("--precision", "bf16", "--image-by-image"),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_answers_are_those_of_classify(released, program, clips, tmp_path, options):
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg, by which the program in C decodes")
    out = tmp_path / "out.jsonl"
    assert batch(released.model, clips, "-o", out, "--logits", "--features", *options).status == 0
    rows = rows_of(out)
    assert [row["path"] for row in rows] == [f"{number}.mp4" for number in range(CLIPS)]
    for row in rows:
        classify = [program, "classify", released.model, clips / row["path"], "--json", "--features", *options]
        known = json.loads(subprocess.run(classify, capture_output=True, check=True).stdout)
        for name in ("logits", "feature_temporal", "feature_spatial"):
            assert np.float32(row[name]).tobytes() == np.float32(known[name]).tobytes()
        assert row["all_probabilities"] == known["probabilities"]
        assert row["frames"] == known["frames"] and row["error"] is None
        assert row["classes"] == [one["index"] for one in known["top"]]
        assert row["labels"] == [one["label"] for one in known["top"]]
        assert row["probabilities"] == [one["probability"] for one in known["top"]]
        assert row["duration"] == pytest.approx(row["frames"] / 25)


def test_all_tables_say_the_same(released, clips, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    (clips / "bad.mp4").write_bytes(b"no video\0\xff")
    try:
        for ending in ("jsonl", "csv", "parquet"):
            ran = batch(released.model, clips, "-o", tmp_path / f"out.{ending}", "--top", "2", "--logits", "--features")
            assert ran.status == 3
    finally:
        (clips / "bad.mp4").unlink()
    rows = rows_of(tmp_path / "out.jsonl")
    assert len(rows) == CLIPS + 1
    with open(tmp_path / "out.csv", newline="") as file:
        table = list(csv.DictReader(file))
    for row, cells in zip(rows, table):
        assert cells["path"] == row["path"] and cells["error"] == (row["error"] or "")
        top = [int(cells[f"top{place}_class"]) for place in (1, 2) if cells[f"top{place}_class"]]
        assert top == row["classes"]
        for name, column in [("logits", "logit"), ("all_probabilities", "probability"),
                             ("feature_spatial", "feature_spatial")]:
            numbers = [cells[f"{column}{i}"] for i in range(len(rows[0][name]))]
            assert [float(number) for number in numbers if number] == (row[name] or [])
    known = parquet.read_table(tmp_path / "out.parquet")
    assert json.loads(known.schema.metadata[b"dualpath"])["files"] == CLIPS + 1
    for row, stored in zip(rows, known.to_pylist()):
        for name, value in row.items():
            is_list = isinstance(value, list) and value and isinstance(value[0], float)
            assert np.array_equal(np.float32(stored[name]), np.float32(value)) if is_list else stored[name] == value


def without_classes():
    for golden in GOLDENS:
        with dualpath.Model(golden.model) as model:
            if model.info.classes == 0:
                return golden.model, model.info
    pytest.skip("no golden case is without classes")


def test_features_of_a_model_without_classes(clips, tmp_path):
    path, info = without_classes()
    for ending in ("csv", "jsonl"):
        assert batch(path, clips, "-o", tmp_path / f"out.{ending}", "--logits").status == 0
    row = rows_of(tmp_path / "out.jsonl")[0]
    assert len(row["feature_spatial"]) == info.feature_size
    assert row["classes"] == [] and "logits" not in row


def test_fewer_workers_answer_the_same(released, clips, tmp_path):
    for workers, threads in [("1", "1"), ("1", "2"), ("3", "3"), ("2", "1")]:
        out = tmp_path / f"{workers}-{threads}.jsonl"
        assert batch(released.model, clips, "-o", out, "--workers", workers, "--threads", threads).status == 0
        assert rows_of(out) == rows_of(tmp_path / "1-1.jsonl")


def test_bad_files_are_listed_and_the_others_answered(released, clips, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "empty.mp4").touch()
    (bad / "text.mp4").write_text("no video")
    (bad / "page.mp4").write_bytes(b"<!DOCTYPE html>")
    (bad / "folder.mp4").mkdir()
    os.mkfifo(bad / "pipe.mp4")
    with wave.open(str(bad / "sound.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    whole = (clips / "0.mp4").read_bytes()
    (bad / "cut.mp4").write_bytes(whole[:len(whole) // 2])
    shutil.copy(clips / "0.mp4", bad / "good.mp4")
    (bad / "dangling.mp4").symlink_to("nowhere")
    (bad / "loop.mp4").symlink_to("loop.mp4")
    names = sorted({one.name for one in bad.iterdir()} | {"vanished.mp4"})
    (bad / "list.txt").write_text("\n".join(names))
    out = tmp_path / "out.jsonl"
    ran = batch(released.model, bad / "list.txt", "-o", out)
    assert ran.status == 3 and "10 without an answer" in ran.out
    rows = {row["path"]: row for row in rows_of(out)}
    assert list(rows) == names
    for name, row in rows.items():
        assert (row["error"] is None) == (name == "good.mp4")
        assert (f"dualpath: {name}: " in ran.err) == (name != "good.mp4")
        assert str(bad) not in (row["error"] or "")
    for name, reason in [("vanished", "No such file"), ("pipe", "no regular file"), ("folder", "a directory"),
                         ("sound", "no video stream"), ("loop", "symbolic links")]:
        assert reason in rows[f"{name}.mp4"]["error"]


def test_what_is_wrong_with_a_file_that_is_used(released, tmp_path):
    parts = y4m("420", 32, 24, 20, np.random.default_rng(1), "F25:1 It").split(b"FRAME")
    parts[8] = parts[8][:-3]
    (tmp_path / "clip.y4m").write_bytes(b"FRAME".join(parts))
    assert batch(released.model, tmp_path, "-o", tmp_path / "out.jsonl").status == 0
    row = rows_of(tmp_path / "out.jsonl")[0]
    for word in ("interlaced", "damaged"):
        assert sum(word in warning for warning in row["warnings"]) == 1


def test_a_worker_alone(model, session, clips, tmp_path):
    worker = Worker(model, top=2, logits=True)
    known, expected = worker(clips / "2.mp4"), session.classify_video(clips / "2.mp4")
    assert np.array_equal(known.logits, expected.logits) and known.error is None
    assert known.labels == tuple(one.label for one in expected.top(2)) and known.feature_spatial is None
    assert worker(tmp_path / "none.mp4").error == "cannot read: No such file or directory"
    for address in (f"concat:{clips / '0.mp4'}", f"file:{clips / '0.mp4'}", "http://localhost/"):
        assert worker(address).error == "cannot read: No such file or directory"
    worker.close()
    assert worker(clips / "2.mp4").error is not None


# ---- names and lists ----


def test_strange_names_in_a_folder(released, clips, tmp_path):
    folder = tmp_path / "videos"
    (folder / "b" / "a").mkdir(parents=True)
    (folder / "b" / "again").symlink_to(folder)
    names = ["a\nb.mp4", os.fsdecode(b"\xff\xe4.mp4"), "b/a/\u00e4 '\".MP4", "b/c.mp4", "z\r.mp4"]
    for name in names:
        shutil.copy(clips / "1.mp4", folder / name)
    (folder / "notes.txt").write_text("no video")
    out = tmp_path / "out.jsonl"
    assert batch(released.model, folder, "-o", out).status == 0
    rows = rows_of(out)
    found = [os.fsdecode(bytes.fromhex(row["path_hex"])) if row["path_hex"] else row["path"] for row in rows]
    assert sorted(found) == sorted(names) and all(row["error"] is None for row in rows)
    for ending in ("csv", "parquet"):
        assert batch(released.model, folder, "-o", tmp_path / f"out.{ending}").status == 0
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [row["path"] for row in rows]


@pytest.mark.parametrize("name, content", [
    ("list.txt", b"0.mp4\n\n1.mp4\r\n0.mp4"),
    ("list.csv", b"label,path\n1,0.mp4\n2,1.mp4\n1,0.mp4\n"),
    ("bom.csv", b"\xef\xbb\xbfpath\r\n0.mp4\r\n1.mp4\r\n0.mp4\r\n"),
], ids=["lines", "table", "bom"])
def test_lists(released, clips, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out.jsonl"
    assert batch(released.model, tmp_path / name, "-o", out, "--root", clips).status == 0
    rows = rows_of(out)
    assert [row["path"] for row in rows] == ["0.mp4", "1.mp4", "0.mp4"] and rows[0] == rows[2]


def test_names_with_newlines_and_other_bytes_in_a_list(released, clips, tmp_path):
    for name in (b"a\nb.mp4", b"\xff.mp4"):
        shutil.copy(clips / "0.mp4", tmp_path / os.fsdecode(name))
    (tmp_path / "list.csv").write_bytes(b'path\n"a\nb.mp4"\n\xff.mp4\n')
    assert batch(released.model, tmp_path / "list.csv", "-o", tmp_path / "out.jsonl").status == 0
    assert [row["path_hex"] for row in rows_of(tmp_path / "out.jsonl")] == [None, b"\xff.mp4".hex()]


@pytest.mark.parametrize("name, content, sentence", [
    ("list.txt", b"", "names no video"),
    ("list.txt", b"\n\n", "names no video"),
    ("list.csv", b"path\n", "names no video"),
    ("list.csv", b"", "has no column 'path'"),
    ("list.csv", b"file\na.mp4\n", "has no column 'path'"),
    ("list.csv", b"label,path\n1\n", "line 2: there is no path"),
    ("list.txt", b"a\0b\n", "line 1: a path cannot hold a null character"),
])
def test_lists_that_are_refused(released, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    ran = batch(released.model, tmp_path / name, "-o", tmp_path / "out.csv")
    assert ran.status == 1 and sentence in ran.err and ran.err.count("\n") == 1
    assert os.listdir(tmp_path) == [name]


def test_an_empty_folder_and_a_missing_list(released, tmp_path):
    assert "holds no video" in batch(released.model, tmp_path, "-o", tmp_path / "out.csv").err
    assert "No such file" in batch(released.model, tmp_path / "x", "-o", tmp_path / "out.csv").err
    assert os.listdir(tmp_path) == []


# ---- what is refused ----


def test_wrong_use(released, clips, tmp_path):
    for given, status, sentence in [
        (["-o", tmp_path / "out.xls"], 2, "ends in none of .parquet, .csv, .jsonl"),
        ([], 2, "-o: is missing"),
        (["-o", tmp_path / "out.csv", "--root", tmp_path], 2, "--root: is for lists"),
        (["-o", tmp_path / "out.csv", "--workers", "0"], 2, "--workers"),
        (["-o", tmp_path / "out.csv", "--rate", "2", "--sample-fps", "2"], 2, "one of them"),
        (["-o", tmp_path / "none" / "out.csv"], 1, "No such file or directory"),
        (["-o", tmp_path / "out.csv", "--max-memory", "100K"], 1, "max-memory"),
        (["-o", tmp_path / "out.csv", "--backbone", released.model], 1, "released"),
    ]:
        ran = batch(released.model, clips, *given)
        assert ran.status == status and sentence in ran.err, ran
        assert ran.err.count("\n") == 1 and os.listdir(tmp_path) == []


@pytest.mark.parametrize("module, given", [("av", "out.csv"), ("pyarrow", "out.parquet")])
def test_a_missing_package_is_named(released, clips, tmp_path, module, given):
    (tmp_path / f"{module}.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ran = batch(released.model, clips, "-o", tmp_path / given, env={**os.environ, "PYTHONPATH": path})
    assert ran.status == 1 and "pip install 'dualpath[" in ran.err and ran.err.count("\n") == 1


def test_progress(capsys):
    progress = Progress(200, 50, is_wanted=True)
    assert progress.line(0.0) == "[######..................] 50 of 200 files"
    for number in range(50):
        progress.add(number == 7)
    assert progress.line(25.0) == "[############............] 100 of 200 files, 2.0 a second, 0:50 left, 1 bad"
    assert capsys.readouterr().err == ""  # which is no terminal
    assert [time_left(seconds) for seconds in (7, 754, 18000)] == ["0:07", "12:34", "5:00:00"]


def test_progress_on_a_terminal(released, clips, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, "-m", "dualpath", "batch", released.model, clips, "-o",
                           tmp_path / "out.csv"], stderr=theirs, stdout=subprocess.PIPE, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert f"0 of {CLIPS} files" in shown and shown.endswith("\r\x1b[K")
    assert b"a second: workers decoded" in done.stdout and b"processors were busy" in done.stdout
