"""``python -m dualpath`` beside the program in C: the same options, the same output."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import both, folder, hostile, run_python, y4m  # noqa: F401
from conftest import GOLDEN
from native import PACKAGE_ROOT

# ---- info ----


@pytest.mark.parametrize("options", [(), ("--json",), ("--precision", "int8", "--json"),
                                     ("--cpu", "c", "--verify"), ("--max-memory", "1G")], ids=str)
def test_info(both, golden, options):
    ended = both("info", golden.model, *options)
    assert ended.status == 0 or b"checksum" in ended.err


@pytest.mark.parametrize("name", sorted(p.name for p in (GOLDEN / "family").glob("*.gguf")))
def test_info_of_other_methods(both, name):
    assert b"method" in both("info", GOLDEN / "family" / name).out


# ---- classify ----


@pytest.mark.parametrize("options", [
    (), ("--json",), ("--json", "--features", "--top", "2"), ("--views", "3", "--json"),
    ("--sampling", "uniform", "--crops", "3", "--json"), ("--sampling", "first", "--rate", "2", "--json"),
    ("--sampling", "spread", "--views=2", "--json"), ("--rotate", "90", "--mirror", "--json"),
    ("--aspect", "16:11", "--json"), ("--precision", "bf16", "--cpu", "c", "--top=1"),
    ("--image-by-image", "--threads", "2", "--json"), ("--unfused", "--json", "--quiet"),
], ids=" ".join)
@pytest.mark.parametrize("clip", ["420.y4m", "422.y4m", "mono.y4m", "clip.npy"])
def test_classify(both, released, folder, clip, options):
    assert both("classify", released.model, folder / clip, *options).status == 0


def test_every_model(both, golden, folder):
    for options in ([], ["--json"]):
        assert both("classify", golden.model, folder / "clip.npy", *options).status == 0


def test_max_memory(both, released, folder):
    for limit, sentence in [("1K", b"a larger --max-memory would help"), ("200M", b"")]:
        ended = both("classify", released.model, folder / "clip.npy", "--max-memory", limit)
        assert sentence in ended.err and (ended.status == 0) == (sentence == b"")


def test_labels_are_harmless(both, hostile, folder):
    for command in (["info", hostile], ["classify", hostile, folder / "420.y4m", "--top", "100"],
                    ["watch", hostile, folder / "420.y4m", "--top", "100"]):
        for options in ([], ["--json"]):
            out = both(*command, *options).out
            assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", out) and "\u202e".encode() not in out


# ---- watch ----


WATCH = [
    (), ("--json",), ("--json", "--top", "2", "--hop", "3"), ("--rate", "1", "--hop", "5", "--top", "3"),
    ("--sample-fps", "7.5", "--json"), ("--events", "--hop", "2", "--threshold", "0.1"),
    ("--events", "--json", "--hop=2", "--rate=1", "--threshold", "0.05", "--several", "--join", "0.3"),
    ("--events", "--smooth", "3", "--shortest", "0.2", "--threshold", "0.1"), ("--rotate", "180"),
    ("--image-by-image", "--json"),
]


@pytest.mark.parametrize("options", WATCH, ids=" ".join)
def test_watch(both, released, folder, options):
    path = folder / "420.y4m"
    ended = both("watch", released.model, path, *options)
    assert ended.status == 0 and ended.out
    assert both("watch", released.model, "-", *options, stdin=path.read_bytes()).out == ended.out


def test_watch_of_every_model(both, golden, folder):
    for path in (folder / "mono.y4m", folder / "clip.npy"):
        for options in ([], ["--json"], ["--events", "--threshold", "0.01"]):
            both("watch", golden.model, path, *options)


def test_few_frames(both, released, folder):
    frames = (folder / "clip.rgb").read_bytes()[:5 * 24 * 32 * 3]
    raw = ["-", "--size", "32x24", "--hop", "2", "--rate", "1"]
    assert both("watch", released.model, *raw, stdin=frames).out.count(b"\n") == 1
    assert both("watch", released.model, *raw, stdin=b"").status == 1
    ended = both("watch", released.model, *raw, "--events", stdin=frames)
    assert b"does not say when its frames are shown, which events needs" in ended.err


def test_files_of_watch(program, capfdbinary, monkeypatch, hostile, folder, tmp_path):
    """Tables and subtitles have the same bytes."""
    command = ["watch", str(hostile), str(folder / "420.y4m"), "--rate", "1", "--hop", "2", "--threshold", "0.1"]
    made = {}
    for name in ("c", "python"):
        files = [tmp_path / f"{name}.{end}" for end in ("csv", "srt", "vtt")]
        given = [*command, *(part for file in files for part in (f"--{file.suffix[1:]}", str(file)))]
        if name == "c":
            subprocess.run([program, *given], check=True, capture_output=True)
        else:
            files[0].write_text("before")
            files[0].chmod(0o640)
            assert run_python(capfdbinary, monkeypatch, given).status == 0
            assert files[0].stat().st_mode & 0o777 == 0o640
        made[name] = [file.read_bytes() for file in files]
    assert made["c"] == made["python"] and all(made["c"])
    assert made["c"][0].count(b"\r\n") > 3 and b"-->" in made["c"][1]
    assert not list(tmp_path.glob(".*"))


def test_files_stay_as_they_were(capfdbinary, monkeypatch, released, tmp_path):
    """A failure before the first window changes nothing; links stay links."""
    table, link, model = tmp_path / "table.csv", tmp_path / "link.csv", released.model
    table.write_text("before")
    link.symlink_to(table)

    def watch(*arguments, stdin=b""):
        return run_python(capfdbinary, monkeypatch, ["watch", model, "-", *arguments], stdin)

    assert watch("--csv", str(link)).status == 1
    assert table.read_text() == "before" and not list(tmp_path.glob(".*"))
    film = y4m("mono", 16, 16, 80, np.random.default_rng(0))
    assert watch("--csv", str(link), stdin=film[:-400] + b"x").status == 0
    assert table.read_text().startswith("start,end,label") and link.is_symlink()
    ended = watch("--csv", str(tmp_path / "no folder" / "table.csv"), stdin=film)
    assert ended.status == 1 and ended.out == b"" and b"--csv: cannot write" in ended.err
    ended = watch("--csv", str(table), "--srt", str(link), stdin=film)
    assert ended.status == 2 and b"is the file of --csv, too: each needs its own" in ended.err


def test_an_answer_that_is_not_finite_is_a_window_less(both, released, folder, tmp_path):
    path = tmp_path / "broken.gguf"
    data = Path(released.model).read_bytes()
    path.write_bytes(data[:-256] + 64 * np.float32(3e38).tobytes())
    ended = both("watch", path, folder / "420.y4m", "--rate", "1", "--hop", "2")
    sound = both("watch", released.model, folder / "420.y4m", "--rate", "1", "--hop", "2")
    warnings = ended.err.count(b"dualpath: warning: ")
    assert ended.status == 0 and warnings > 1
    assert ended.out.count(b"\n") + warnings == sound.out.count(b"\n")


# ---- the command line ----


WRONG = [
    [], ["clasify"], ["--versio"], ["classify"], ["classify", "a.gguf"], ["classify", "a", "b", "c"],
    ["classify", "a", "b", "--topp", "3"], ["classify", "a", "b", "--top"], ["classify", "a", "b", "--top", "0"],
    ["classify", "a", "b", "--top=1x"], ["classify", "a", "b", "--json=1"], ["classify", "", "b"],
    ["classify", "-", "b"], ["classify", "a", "b", "--backbone", "-"], ["classify", "a", "b", "--sampling", "all"],
    ["classify", "a", "b", "--precision", "fp16"], ["classify", "a", "b", "--cpu", "gpu"],
    ["classify", "a", "b", "--threads", "0"], ["classify", "a", "b", "--format", "yuv420p"],
    ["classify", "a", "b", "--size", "3"], ["classify", "a", "b", "--size", "3x0"], ["classify", "a", "b", "--aspect", "1"],
    ["classify", "a", "b", "--max-memory", "0"], ["classify", "a", "b", "--max-memory", "1Q"],
    ["classify", "a", "b", "--max-memory", "16777216"], ["classify", "a", "b", "--rotate", "45"],
    ["classify", "a", "b", "--sample-fps", "1e3"], ["classify", "a", "b", "--sample-fps", "0"],
    ["classify", "a", "b", "--rate", "2", "--sample-fps", "3"], ["classify", "a", "b", "--color", "red"],
    ["watch", "a", "b", "--hop", "70000"], ["watch", "a", "b", "--smooth", "3"], ["watch", "a", "b", "--threshold", "2"],
    ["watch", "a", "b", "--several", "--srt", "x"], ["info"], ["info", "a", "b"], ["info", "--jsonn", "a"],
    ["info", "a", "--precision=f64"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use(program, capfdbinary, monkeypatch, arguments):
    in_c = subprocess.run([program, *arguments], capture_output=True, check=False)
    in_python = run_python(capfdbinary, monkeypatch, arguments)
    assert in_python.status == in_c.returncode == 2
    assert in_python.err == in_c.stderr or not arguments or arguments == ["--versio"]


def test_wrong_use_of_an_input(both, released, folder):
    for arguments in ([folder / "420.y4m", "--size", "3x3"], [folder / "clip.rgb"], ["-", "--format", "nv12"],
                      [folder, "--size", "3x3"]):
        assert both("classify", released.model, *arguments).status == 2
    for arguments in (["--background", "no such class", "--events"], ["--smooth", "4", "--events"]):
        assert both("watch", released.model, folder / "420.y4m", *arguments).status == 2


def test_models_that_are_none(both, folder):
    for model in ("missing.gguf", folder / "clip.npy", folder):
        for command in (["info"], ["classify"], ["watch"]):
            films = [] if command == ["info"] else [folder / "420.y4m"]
            assert both(*command, model, *films).status == 1


def test_missing_inputs(both, released, tmp_path):
    for path in ("missing.y4m", "rtmp://host/stream", tmp_path / "a\x1b[31mb"):
        assert both("classify", released.model, path).status == 1


def test_help_and_version(program, capfdbinary, monkeypatch):
    in_c = subprocess.run([program, "--version"], capture_output=True, check=True)
    assert run_python(capfdbinary, monkeypatch, ["--version"]).out == in_c.stdout
    for name in ("classify", "watch", "info"):
        there = run_python(capfdbinary, monkeypatch, [name, "a", "--help"]).out
        wanted = subprocess.run([program, name, "--help"], capture_output=True, check=True).stdout
        left_out = {b"--sheet", b"--attention", b"--attention-of", b"--timeline"}
        mentioned = set(re.findall(rb"--[a-z-]+", wanted)) - left_out
        assert mentioned <= set(re.findall(rb"--[a-z-]+", there)), name


def test_convert(capfdbinary, monkeypatch, tmp_path):
    ended = run_python(capfdbinary, monkeypatch, ["convert", "--help"])
    assert ended.status == 0 and b"dualpath-convert" in ended.out
    ended = run_python(capfdbinary, monkeypatch, ["convert", str(tmp_path / "missing"), "--dry-run"])
    assert ended.status == 1 and ended.err.startswith(b"dualpath-convert: ")


# ---- as a process of its own ----


COMMAND = [sys.executable, "-m", "dualpath"]


def run_shell(command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120,
                          cwd=PACKAGE_ROOT, check=False)


def test_a_reader_that_has_enough(program, released, folder):
    rest = f"watch {released.model} {folder / '420.y4m'} --hop 1 --rate 1"
    for name in (program, " ".join(COMMAND)):
        done = run_shell(f"{{ sleep 0.3; {name} {rest}; echo $? >&2; }} | true")
        assert done.stderr == "dualpath: standard output: cannot write: Broken pipe\n1\n"


def test_output_that_cannot_be_written(program, released):
    for name in (program, " ".join(COMMAND)):
        for to in (">/dev/full", ">&-"):
            done = run_shell(f"{name} info {released.model} {to}")
            assert done.returncode == 1 and done.stderr.startswith("dualpath: standard output: cannot write: ")
        done = run_shell(f"{name} info missing 2>&-")
        assert done.returncode == 1 and done.stdout == ""
        assert run_shell(f"{name} classify {released.model} - <&-").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(released, folder, tmp_path, number):
    """While it waits for a pipe. What was written stays."""
    table = tmp_path / "table.csv"
    running = subprocess.Popen([*COMMAND, "watch", released.model, "-", "--csv", table, "--rate", "1"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               bufsize=0, cwd=PACKAGE_ROOT,
                               # who runs the tests may have it ignored, as nohup does
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    running.stdin.write((folder / "420.y4m").read_bytes())
    first = running.stdout.readline()
    time.sleep(0.5)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == b"" and first
    assert table.read_text().count("\n") == (first + out).count(b"\n") + 1


def test_locales_do_not_matter(released):
    name = " ".join(COMMAND)
    plain = run_shell(f"LC_ALL=C PYTHONIOENCODING=latin1 {name} info missing\u00e4")
    assert plain.returncode == 1 and "missing\u00e4" in plain.stderr
