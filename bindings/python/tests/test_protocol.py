"""A model whose file states another protocol than DualPath's: the library, the program and Python see
a clip alike, and the views are averaged as the file says."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest

pytest.importorskip("gguf", reason="the converter needs the gguf package")

import dualpath
from dualpath import convert

STATED = {
    "sampling": "interval", "past_end": "wrap", "views": 3, "crops": 2, "average": "probabilities",
    "resize.filter": "bicubic", "resize.long_side": "nearest", "resize.antialias": True,
    "grid.antialias": True, "position.antialias": True, "crop.offset": "down",
}


def options_of(stated):
    words = []
    for key, value in stated.items():
        option = "--" + key.replace(".", "-").replace("_", "-")
        words += [option] if value is True else [option, str(value)]
    return words


@pytest.fixture(scope="module")
def path(released, tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "stated.gguf"
    checkpoint = released.model.replace(".gguf", ".pth")
    words = [checkpoint, "-o", str(made), "--heads", "2", "--num-frames", "16"]
    assert convert.main(words + options_of(STATED)) == 0
    return made


@pytest.fixture(scope="module")
def stated(path):
    with dualpath.Model(str(path)) as model, dualpath.Session(model, threads=1) as session:
        yield session


def clip_of(count, height=40, width=57, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def test_the_file_says_what_was_stated(stated, path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    for key, value in STATED.items():
        assert fields[f"dualpath.{key}"].contents() == value
        name = {"resize.filter": "resize_filter"}.get(key, key.replace(".", "_"))
        assert getattr(stated.model.info, name) == value
    assert "in 3 views of 16 frames" in stated.model.info.protocol
    assert "bicubically with antialiasing" in stated.model.info.protocol


def test_a_file_that_states_nothing_has_no_keys(released):
    import gguf

    fields = gguf.GGUFReader(released.model).fields
    assert not [key for key in STATED if f"dualpath.{key}" in fields]


@pytest.mark.parametrize("count", [300, 64, 40, 9, 1])
def test_probabilities_of_views_are_averaged(stated, count):
    clip = clip_of(count)
    result = stated.classify(clip)
    assert result.frame_indices.shape == (3, 16)
    # Two crops of each view: those that dp_session_begin_clip() sees.
    answers = []
    for indices in result.frame_indices:
        for crop in range(2):
            stated.begin_clip(crop, 2)
            for index in indices:
                stated.push_frame(clip[index])
            logits = stated.finish_clip().logits.astype(np.float64)
            answers.append(np.exp(logits) / np.exp(logits).sum())
    mean = np.mean(answers, axis=0)
    np.testing.assert_allclose(result.probabilities, mean, rtol=2e-6)
    np.testing.assert_allclose(result.logits, np.log(mean), atol=2e-6)
    assert result.top(1)[0].index == mean.argmax()


def test_a_single_view_has_its_own_logits(stated):
    """Whatever is averaged."""
    clip = clip_of(16)
    stated.begin_clip()
    for frame in clip:
        stated.push_frame(frame)
    pushed = stated.finish_clip().logits
    assert np.array_equal(stated.classify(clip, sampling="given", crops=1).logits, pushed)


def test_means_differ(released, tmp_path, stated):
    """The mean of probabilities is not the softmax of the mean of logits."""
    checkpoint = released.model.replace(".gguf", ".pth")
    words = [checkpoint, "-o", str(tmp_path / "logits.gguf"), "--heads", "2", "--num-frames", "16"]
    assert convert.main(words + options_of({**STATED, "average": "logits"})) == 0
    with dualpath.Model(str(tmp_path / "logits.gguf")) as model, dualpath.Session(model) as session:
        clip = clip_of(300)
        of_logits = session.classify(clip).probabilities
    assert not np.allclose(stated.classify(clip).probabilities, of_logits, rtol=1e-6)


def test_a_caller_may_say_otherwise(stated):
    clip = clip_of(200)
    result = stated.classify(clip, sampling="uniform", views=2, crops=1)
    assert result.frame_indices.shape == (2, 16) and result.frame_indices[0, 0] < 10
    assert stated.classify(clip, sampling="segments").frame_indices.shape == (1, 16)
    assert stated.classify(clip, rate=2).frame_indices[0, 1] == 2 + stated.classify(
        clip, rate=2).frame_indices[0, 0]


@pytest.mark.parametrize("count", [150, 20])
def test_the_program_sees_the_same(stated, path, tmp_path, count):
    program = os.environ.get("DUALPATH_PROGRAM")
    if not program:
        pytest.skip("DUALPATH_PROGRAM is not set")
    clip = clip_of(count, seed=count)
    np.save(tmp_path / "clip.npy", clip)
    command = [program, "classify", str(path), str(tmp_path / "clip.npy"), "--json", "--quiet"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    result = stated.classify(clip)
    assert said["frame_indices"] == result.frame_indices.tolist()
    assert np.array_equal(np.array(said["logits"], np.float32), result.logits)
    assert np.array_equal(np.array(said["probabilities"], np.float32), result.probabilities)
    info = json.loads(subprocess.run([program, "info", str(path), "--json"], check=True,
                                     capture_output=True).stdout)
    assert info["protocol"] == stated.model.info.protocol
    assert info["sampling"] == "interval" and info["resize_antialias"] == 1


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_compiled_files_have_the_protocol(stated, path, tmp_path, precision):
    compiled = tmp_path / "compiled.gguf"
    dualpath.compile_model(str(path), str(compiled), precision=precision)
    clip = clip_of(100)
    with dualpath.Model(str(compiled)) as model, dualpath.Session(model) as session:
        for name in ("sampling", "views", "crops", "average", "protocol", "resize_filter",
                     "grid_antialias"):
            assert getattr(model.info, name) == getattr(stated.model.info, name)
        answer = session.classify(clip)
    assert np.array_equal(answer.frame_indices, stated.classify(clip).frame_indices)
    if precision == "f32":
        assert np.array_equal(answer.logits, stated.classify(clip).logits)


@pytest.mark.parametrize("words, said", [
    (["--views", "300"], "views is 300 (option); expected 1 to 256"),
    (["--crops", "0"], "crops is 0 (option); expected 1 to 64"),
    (["--sampling", "segments", "--views", "3"], "has one view, not 3"),
])
def test_the_converter_refuses(released, tmp_path, capsys, words, said):
    checkpoint = released.model.replace(".gguf", ".pth")
    arguments = [checkpoint, "-o", str(tmp_path / "no.gguf"), "--heads", "2", "--num-frames", "16"]
    assert convert.main(arguments + words) == 1
    assert said in capsys.readouterr().err


def test_checkpoints_state_their_protocol(released, tmp_path):
    """As those of dualpath-train do, under the key `dualpath`."""
    torch = pytest.importorskip("torch")
    checkpoint = torch.load(released.model.replace(".gguf", ".pth"), weights_only=False)
    stated = {"attention.head_count": 2, "frames": 16, "sampling": "spread", "views": 2,
              "grid.antialias": True}
    torch.save({"model": checkpoint["model"], "dualpath": stated}, tmp_path / "stated.pth")
    made = tmp_path / "stated.gguf"
    assert convert.main([str(tmp_path / "stated.pth"), "-o", str(made)]) == 0
    with dualpath.Model(str(made)) as model:
        info = model.info
    assert (info.sampling, info.views, info.grid_antialias) == ("spread", 2, True)
    torch.save({"model": checkpoint["model"], "dualpath": {**stated, "past_end": "loop"}},
               tmp_path / "wrong.pth")
    assert convert.main([str(tmp_path / "wrong.pth"), "-o", str(made), "--force"]) == 1
