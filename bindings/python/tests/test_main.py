"""``python -m dualpath watch``."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import GOLDENS
from native import PACKAGE_ROOT
from test_watch import write_film

import dualpath
from dualpath import __main__ as program

pytest.importorskip("av", reason="PyAV is not installed")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path)
    return str(path)


def run(capsys, *arguments: str) -> list[str]:
    program.main(["watch", *arguments])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("options", [{}, {"hop": 3, "rate": 1}, {"hop": 5, "sample_fps": 7.5}], ids=str)
def test_json_has_the_windows_of_a_stream(capsys, released, session, path, options):
    arguments = [part for name, value in options.items()
                 for part in (f"--{name.replace('_', '-')}", str(value))]
    with dualpath.Stream(session, **options) as stream:
        windows = list(stream.watch(path))
    lines = [json.loads(line) for line in run(capsys, released.model, path, "--json", *arguments)]
    assert len(lines) == len(windows)
    for line, window in zip(lines, windows):
        assert (line["start"], line["end"]) == (window.start, window.end)
        assert line["frames"] == window.frames.tolist() and line["times"] == window.times.tolist()
        assert np.array_equal(np.array(line["logits"], np.float32), window.logits)
        best = window.top(1)[0]
        assert line["top"][0] == {"index": best.index, "label": best.label,
                                  "probability": best.probability, "logit": best.logit}
        assert [one["logit"] for one in line["top"]] == sorted(line["logits"], reverse=True)


def test_a_line_for_each_window(capsys, released, session, path):
    with dualpath.Stream(session, rate=1, hop=8) as stream:
        windows = list(stream.watch(path))
    lines = run(capsys, released.model, path, "--rate", "1", "--hop", "8")
    for line, window in zip(lines, windows):
        start, end, probability, label = line.split()
        best = window.top(1)[0]
        assert (float(start), float(end)) == (round(window.start, 2), round(window.end, 2))
        assert (probability, label) == (f"{best.probability:.2%}", best.label)
    assert len(lines) == len(windows) > 2


def test_task_on_a_backbone(capsys, tmp_path, path):
    pytest.importorskip("gguf", reason="the converter needs the gguf package")
    from test_tasks import Files

    files = Files(tmp_path, capsys)
    files.make()
    capsys.readouterr()
    expected = run(capsys, str(files.whole), path, "--json", "--rate", "1")
    got = run(capsys, str(files.task), path, "--json", "--rate", "1", "--backbone", str(files.backbone))
    assert got == expected and got


def test_model_without_a_head(capsys, path):
    headless = next((g for g in GOLDENS if not g.has("logits")), None)
    if headless is None:
        pytest.skip("no golden case without a head")
    line = json.loads(run(capsys, headless.model, path, "--json", "--rate", "1")[0])
    assert line["logits"] is None and line["top"] == [] and line["feature_spatial"]
    with pytest.raises(SystemExit, match="dualpath watch: this model has no classes"):
        program.main(["watch", headless.model, path])


def test_what_is_wrong_is_said_in_a_sentence(released, path, capsys):
    for arguments, sentence in [
        (["missing.gguf", path], "missing.gguf"),
        ([released.model, "missing.mp4"], "No such file"),
        ([released.model, released.model], "is a GGUF weight file: pass it as the model"),
        ([released.model, path, "--hop", "0"], "hop must be 1 .. 65536, not 0"),
    ]:
        with pytest.raises(SystemExit, match=f"^dualpath watch: .*{sentence}"):
            program.main(["watch", *arguments])
    for arguments in (["--rate", "2", "--sample-fps", "3"], ["--hop", "many"]):
        with pytest.raises(SystemExit) as ended:
            program.main(["watch", released.model, path, *arguments])
        assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_ctrl_c_ends_without_a_traceback(monkeypatch, released, path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_as_line", interrupt)
    with pytest.raises(SystemExit) as ended:
        program.main(["watch", released.model, path])
    assert ended.value.code == 130


def test_a_reader_that_has_enough(released, path):
    command = f"{sys.executable} -m dualpath watch {released.model} {path} --hop 1 --rate 1 | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60,
                          cwd=PACKAGE_ROOT)
    assert done.stderr == "" and done.stdout.count("\n") == 1
