"""Video files: reading through PyAV, choosing frames while decoding, evaluating a list."""

from __future__ import annotations

import re
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from videos import write_video

import dualpath
from dualpath import evaluate, video

av = pytest.importorskip("av", reason="PyAV is not installed")

COUNT = 75

OPTIONS = [
    {},
    {"rate": 1},
    {"rate": 7},
    {"rate": 1000},
    {"views": 3, "rate": 2},
    {"sampling": "first", "rate": 3},
    {"sampling": "first", "rate": 1, "views": 4, "crops": 2},
    {"sampling": "uniform"},
    {"sampling": "uniform", "views": 5},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    write_video(path, COUNT)
    return path


@pytest.fixture(scope="module")
def all_frames(path):
    return dualpath.read_video(path)


def test_an_older_pyav_is_named(path, monkeypatch):
    monkeypatch.setattr(av, "__version__", "10.0.0")
    with pytest.raises(ImportError, match=r"needs PyAV 11 or later, not 10\.0\.0: pip install"):
        dualpath.read_video(path)


def test_read_video(path, all_frames):
    assert len(all_frames) == COUNT
    pictures = [frame.to_rgb() for frame in all_frames]
    assert all(p.shape == (48, 64, 3) and p.dtype == np.uint8 for p in pictures)
    assert not np.array_equal(pictures[0], pictures[1])
    some = dualpath.read_video(str(path), max_frames=7)
    assert len(some) == 7
    assert all(np.array_equal(a.to_rgb(), b) for a, b in zip(some, pictures))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_classify_video(session, path, all_frames, options):
    whole = session.classify(all_frames, **options)
    assert np.array_equal(session.classify_video(path, **options).logits, whole.logits)


@pytest.mark.parametrize("count", [1, 5, 16, 17, 64, 75])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_chosen_frames_are_all_that_matter(session, model, options, count):
    """Whatever the other frames are, the library's answer is the same; and none is superfluous."""
    generator = np.random.default_rng(count)
    clip = generator.integers(0, 256, (count, 32, 32, 3), np.uint8)
    sampling, rate = options.get("sampling", "center"), options.get("rate", model.sampling_rate)
    chosen = set(video.sampled_frames(count, model.frames, sampling, rate, options.get("views", 1)).flat)
    expected = session.classify(clip, **options).logits
    others = [i for i in range(count) if i not in chosen]
    clip[others] = generator.integers(0, 256, (len(others), 32, 32, 3), np.uint8)
    assert np.array_equal(session.classify(clip, **options).logits, expected)
    for index in (min(chosen), max(chosen)):
        changed = clip.copy()
        changed[index] ^= 0x55
        assert not np.array_equal(session.classify(changed, **options).logits, expected)


def test_only_chosen_frames_are_held(path, all_frames):
    frames = video.read_chosen(path, lambda stamps: {3, 40, len(stamps.seconds) - 1}).frames
    assert len(frames) == COUNT
    assert len({id(f) for f in frames}) == 3
    for index in (3, 40, COUNT - 1):
        assert np.array_equal(frames[index].to_rgb(), all_frames[index].to_rgb())


@pytest.mark.parametrize("wrong", [0, 1, COUNT - 1, COUNT + 30])
def test_wrong_packet_count(monkeypatch, session, path, all_frames, wrong):
    monkeypatch.setattr(video, "stamps_of_packets", lambda path: video.Stamps([None] * wrong, 25))
    expected = session.classify(all_frames, rate=2).logits
    assert np.array_equal(session.classify_video(path, rate=2).logits, expected)


def test_given(session, model, path, tmp_path):
    with pytest.raises(dualpath.DualPathError, match=str(model.frames)):
        session.classify_video(path, sampling="given")
    exact = tmp_path / "exact.mp4"
    write_video(exact, model.frames)
    expected = session.classify(dualpath.read_video(exact), sampling="given").logits
    assert np.array_equal(session.classify_video(exact, sampling="given").logits, expected)


def test_one_liner(released, session, path, all_frames):
    result = dualpath.classify(released.model, path, rate=2, threads=1)
    assert np.array_equal(result.logits, session.classify(all_frames, rate=2).logits)


def test_errors(session, tmp_path):
    with pytest.raises(FileNotFoundError):
        dualpath.read_video(tmp_path / "missing.mp4")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))
    for call in (dualpath.read_video, session.classify_video):
        with pytest.raises(ValueError, match="sound.wav holds no video stream"):
            call(tmp_path / "sound.wav")
    with pytest.raises(ValueError, match="max_frames must be at least 1"):
        dualpath.read_video(tmp_path / "sound.wav", max_frames=0)
    with pytest.raises(ValueError, match="views must be 1 .. 256"):
        session.classify_video(tmp_path / "missing.mp4", views=0)


def test_without_pyav(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install 'dualpath\[video\]'"):
        dualpath.read_video(tmp_path / "clip.mp4")


def test_evaluate(released, session, tmp_path, capsys):
    names = ["one.mp4", "two.mp4", "three.mp4", "other.mp4"]
    for seed, name in enumerate(names):
        write_video(tmp_path / name, 20, seed)
    answers = [session.classify_video(tmp_path / name).logits for name in names]
    best = [int(a.argmax()) for a in answers]
    labels = [best[0], (best[1] + 1) % 3, best[2], 0]
    splits = ["test", "test", "test", "train"]
    rows = [f"{n},{s},{k}" for n, s, k in zip(names, splits, labels)]
    clips = tmp_path / "list.csv"
    clips.write_text("\n".join(["path,split,label", *rows]))
    known = {"one.mp4": np.roll(answers[0], 1), "two.mp4": answers[1]}
    rows = [",".join([n, "0", *(str(float(x)) for x in a)]) for n, a in known.items()]
    reference = tmp_path / "reference.csv"
    reference.write_text("\n".join(["path,label,logit0,logit1,logit2", *rows]))

    evaluate.main([released.model, str(clips), "--split", "test", "--reference", str(reference)])
    output = capsys.readouterr().out
    assert "top-1: 2 of 3 clips, 66.7%" in output
    assert "reference: 1 of 2 decisions differ" in output
    assert f"  one.mp4: {best[0]}, reference {(best[0] + 1) % 3}" in output
    with pytest.raises(SystemExit):
        evaluate.main([released.model, str(clips), "--split", "valid"])

    picture = tmp_path / "confusion.png"
    clips.write_text("path,label\none.mp4,bow\ntwo.mp4,jump\nthree.mp4,2\n")
    evaluate.main([released.model, str(clips), "--precision", "f32", "int8", "--confusion",
                   str(picture), "--views", "2"])
    output = capsys.readouterr().out
    assert "precision: f32" in output and "precision: int8" in output
    assert output.count("clips a second") == 2
    # the logits of random weights lie so close that rounding to bytes, which moves them by 0.01,
    # may turn a decision
    off = re.search(r"f32: \d of 3 decisions differ, logits by at most (\S+)", output)
    assert float(off.group(1)) < 0.05
    pixels = next(av.open(str(picture)).decode(video=0)).to_ndarray(format="rgb24")
    assert pixels.shape == (192, 192, 3)
    for row, answer in enumerate([session.classify_video(tmp_path / n, views=2).logits.argmax()
                                  for n in names[:3]]):
        column = int(answer)
        expected = (40, 110, 190) if row == column else (200, 70, 40)
        assert tuple(pixels[48 * (row + 1) + 2, 48 * (column + 1) + 2]) == expected
    clips.write_text("path,label\none.mp4,sing\n")
    with pytest.raises(SystemExit, match="'sing' is none of the 3 classes"):
        evaluate.main([released.model, str(clips)])


def test_evaluate_shows_harmless_text(released, tmp_path, capsys):
    """Labels of a model and names in a list do nothing to a terminal."""
    hostile = tmp_path / "model.gguf"
    weights = Path(released.model).read_bytes()
    for old, new in ((b"bow", b"\x1b\xc2\x9b"), (b"jump", b"\xe2\x80\xaea")):
        old, new = (len(text).to_bytes(8, "little") + text for text in (old, new))
        assert weights.count(old) == 1
        weights = weights.replace(old, new)
    hostile.write_bytes(weights)
    name = "a\x1b\u202e.npy"
    np.save(tmp_path / name, released.load("frames"))
    clips, reference = tmp_path / "list.csv", tmp_path / "reference.csv"
    clips.write_text(f"path,label\n{name},0\n", encoding="utf-8")
    for logits in ("1,0,0", "0,1,0"):  # one of them decides otherwise
        reference.write_text(f"path,logit0,logit1,logit2\n{name},{logits}\n", encoding="utf-8")
        evaluate.main([str(hostile), str(clips), "--reference", str(reference),
                       "--confusion", str(tmp_path / "confusion.png")])
    with pytest.raises(SystemExit) as ended:
        evaluate.main([f"{tmp_path}/no\x1b\u2066.gguf", str(clips)])
    shown = capsys.readouterr().out + str(ended.value)
    assert "\\x1b" in shown and "\\u202e" in shown and "1 of 1 decisions differ" in shown
    assert all(line.isprintable() for line in shown.splitlines())


def test_evaluate_arrays(released, session, model, tmp_path, capsys):
    frames = np.random.default_rng(1).integers(0, 256, (model.frames, 30, 40, 3), np.uint8)
    np.save(tmp_path / "clip.npy", frames)
    best = session.classify(list(frames), sampling="given").top(1)[0].index
    clips = tmp_path / "list.csv"
    clips.write_text(f"path,label\nclip.npy,{best}\n", encoding="utf-8-sig")
    evaluate.main([released.model, str(clips)])
    assert "top-1: 1 of 1 clips" in capsys.readouterr().out
    for array in (frames[0], frames.astype(np.int16), frames[:0]):
        np.save(tmp_path / "clip.npy", array)
        with pytest.raises(SystemExit, match="clip.npy: not bytes"):
            evaluate.main([released.model, str(clips)])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path,name\na.mp4,1\n", "has no column 'label'"),
        ("path,split,label\na.mp4,test\n", "a row has fewer columns"),
        ("path,split,label\n", "holds no clip"),
        ("path,label\nnone.mp4,0\n", "none.mp4"),
        ("path,label\nlist.csv,0\n", "list.csv"),
    ],
)
def test_evaluate_refuses(released, tmp_path, text, complaint):
    clips = tmp_path / "list.csv"
    clips.write_text(text)
    with pytest.raises(SystemExit, match="dualpath-evaluate: .*" + complaint):
        evaluate.main([released.model, str(clips)])


@pytest.mark.parametrize("text", [b"path,label\n\xff,0\n", b'path,label\n"' + b"x" * 200_000 + b'",0\n'])
def test_lists_that_are_none(released, tmp_path, text):
    clips = tmp_path / "list.csv"
    clips.write_bytes(text)
    with pytest.raises(SystemExit, match="list.csv is not a CSV file in UTF-8"):
        evaluate.main([released.model, str(clips)])


@pytest.mark.parametrize(("text", "complaint"), [
    ("name,logit0\na,1\n", "has no column 'path'"), ("path,label\na,1\n", "no column 'logit0'"),
    ("path,logit0\na,much\n", "no number"), ("path,logit0,logit1\na,1\n", "is missing"),
])
def test_references_that_are_none(tmp_path, text, complaint):
    reference = tmp_path / "reference.csv"
    reference.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        evaluate.read_reference(str(reference))


def test_a_reference_of_other_classes(released, path, tmp_path):
    clips, reference = tmp_path / "list.csv", tmp_path / "reference.csv"
    clips.write_text(f"path,label\n{path},0\n")
    reference.write_text(f"path,logit0\n{path},1\n")
    with pytest.raises(SystemExit, match="reference.csv has 1 logits of a clip, and the model 3"):
        evaluate.main([released.model, str(clips), "--reference", str(reference)])


def test_a_rate_is_at_least_one(path):
    with pytest.raises(ValueError, match="rate must be at least 1, not 0"):
        next(video.iterate_video(path, 0))


def test_a_title_that_is_not_utf8(tmp_path):
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Caf\u00e9"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = np.zeros((48, 64, 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    whole = path.read_bytes()
    assert b"Caf\xc3\xa9" in whole
    path.write_bytes(whole.replace(b"Caf\xc3\xa9", b"Caf\xe9\x20"))  # Latin-1
    assert len(video.read_video(path)) == 1


def test_top_k_counts():
    logits = {"a": np.array([0.0, 3, 2, 1, -1, -2, -3], np.float32)}
    answers = evaluate.Answers(logits, 1.0, 2.0)
    found = [evaluate.count_right(answers, [("a", label)], k) for label in (1, 2, 4) for k in (1, 5)]
    assert found == [1, 1, 0, 1, 0, 1]
