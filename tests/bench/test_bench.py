"""
The driver of `make bench-peers` with a small golden model and this library alone; the packages that
it compares with are not needed.
"""

import json
import os
import shutil

import numpy as np
import pytest

from tests.bench import agreement, peers, table
from tests.bench.cache import ROOT
from tests.bench.case import Case
from tests.bench.contenders import Contender, library_contenders
from tests.bench.rounds import Entry

GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def case(tmp_path):
    case = Case(tmp_path, "tiny")
    case.weights.parent.mkdir()
    shutil.copy(GOLDEN / "released.gguf", case.weights)
    shutil.copy(GOLDEN / "released.frames.npy", case.frames)
    shutil.copy(GOLDEN / "released.logits.npy", case.logits)
    return case


def results_of(measured, missing, threads, rounds):
    return {
        "settings": {"preset": "tiny", "threads": threads, "rounds": rounds, "seed": 1},
        "machine": {"name": "a processor", "flags": ["avx2"], "processors": 2},
        "packages": {"openvino": "1.2.3"},
        "entries": measured,
        "missing": missing,
    }


class Absent(Contender):
    def open(self, case, threads):
        import no_such_package  # noqa: F401


class Dying(Contender):
    def open(self, case, threads):
        os._exit(3)


class Wrong(Contender):
    def open(self, case, threads):
        return lambda: np.ones(len(np.load(case.logits)), np.float32), ""


def test_the_library_takes_its_turns(case):
    contenders = library_contenders([""])
    measured, missing = peers.measure(case, contenders, [1, 2], rounds=3)
    results = results_of(measured, missing, [1, 2], 3)
    assert not missing and peers.passed(results)
    assert [(known["contender"], known["threads"]) for known in measured] == [
        (contender.name, threads) for threads in (1, 2) for contender in contenders
    ]
    for known in measured:
        assert len(known["seconds"]) == 3 and min(known["seconds"]) > 0
        assert known["agrees"] and known["cosine"] > 0.99
        assert known["uses"]
    assert json.loads(json.dumps(results)) == results
    for layout in (table.aligned, table.markdown):
        text = table.render(results, layout)
        assert text.count("libdualpath int8") == 2 and "2 threads" in text


class Surrounded(Contender):
    environment = {"BENCH_VARIABLE": "there"}

    def open(self, case, threads):
        return lambda: np.load(case.logits), os.environ["BENCH_VARIABLE"]


def test_environments_are_apart(case):
    measured, missing = peers.measure(case, [Surrounded("Other", "f32")], [1], rounds=1)
    assert [known["uses"] for known in measured] == ["there"] and not missing
    assert "BENCH_VARIABLE" not in os.environ


def test_who_is_absent_is_named(case):
    others = [Absent("Other", "f32"), Dying("Dying", "f32")]
    contenders = [*others, *library_contenders([""])[:1]]
    measured, missing = peers.measure(case, contenders, [1], rounds=1)
    assert [known["contender"] for known in measured] == ["libdualpath f32"]
    assert "no_such_package" in missing["Other f32"]
    assert "code 3" in missing["Dying f32"]
    results = results_of(measured, missing, [1], 1)
    assert "not measured: Other f32: ModuleNotFoundError" in table.render(results, table.aligned)
    assert peers.passed(results)
    missing["libdualpath int8"] = "it failed"
    assert not peers.passed(results)


@pytest.mark.parametrize("precision, fails", [("f32", True), ("bf16", False)])
def test_who_disagrees_is_reported(case, precision, fails):
    measured, missing = peers.measure(case, [Wrong("Other", precision)], [1], rounds=1)
    results = results_of(measured, missing, [1], 1)
    assert "DISAGREES" in table.render(results, table.aligned)
    assert peers.passed(results) != fails


@pytest.mark.parametrize(
    "precision, off, good",
    [("f32", 5e-4, True), ("f32", 2e-3, False), ("bf16", 2e-2, True), ("bf16", 0.1, False),
     ("int8", 0.1, True), ("int8", 0.5, False), ("f32", np.nan, False), ("int8", np.nan, False)],
)  # fmt: skip
def test_agreement(precision, off, good):
    expected = np.ones(400, np.float32)
    logits = expected + np.float32(off) * np.tile(np.float32([1, -1]), 200)
    assert agreement.compare(precision, logits, expected).good == good
    assert not agreement.compare(precision, logits[:-1], expected).good


def entry(family, precision, seconds, good=True):
    agreed = agreement.Agreement(0.0, 1.0, good)
    return Entry(Contender(family, precision), 1, "", agreed, seconds)


def test_ratios_are_of_rounds():
    ours = entry("libdualpath", "f32", [1.0, 2.0, 5.0])
    runtime = entry("ONNX Runtime", "f32", [2.0, 6.0, 10.0])
    known = table.record(ours, [runtime, ours])
    assert known["median_seconds"] == 2.0
    assert known["times_as_fast_as_onnxruntime_f32"] == 2.0  # of 2, 3 and 2; not 6 / 2


def test_best_peer_is_right_and_of_the_same_precision():
    ours = entry("libdualpath", "bf16", [1.0])
    others = [
        entry("Slow", "bf16", [4.0]),
        entry("Fast", "bf16", [3.0]),
        entry("Wrong", "bf16", [2.0], good=False),
        entry("ONNX Runtime", "f32", [0.5]),
    ]
    known = table.record(ours, [*others, ours])
    assert known["best_peer"] == "Fast bf16"
    assert known["times_as_fast_as_best_peer"] == 3.0
    assert "best_peer" not in table.record(others[0], others)


def test_contenders_are_chosen_by_the_beginnings_of_their_names():
    arguments = peers.parse_arguments(["--only", "libdualpath,OpenVINO i", "--cpu", "best,avx2"])
    assert [contender.name for contender in peers.chosen(arguments)] == [
        "libdualpath f32",
        "libdualpath f32 avx2",
        "libdualpath bf16",
        "libdualpath bf16 avx2",
        "libdualpath int8",
        "libdualpath int8 avx2",
        "OpenVINO int8",
    ]
    with pytest.raises(SystemExit):
        peers.chosen(peers.parse_arguments(["--only", "nobody"]))
