"""Frames of a file by their times, which are those that a stream takes."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from test_stream import VIDEO, push_all
from test_watch import write_film

import dualpath
from dualpath import video

pytest.importorskip("av", reason="PyAV is not installed")


def frames_of_stream(session, times, fps) -> list[int]:
    """What a stream samples, with one frame more in each window."""
    with dualpath.Stream(session, sample_fps=fps, hop=1) as stream:
        windows = push_all(stream, [VIDEO[i % len(VIDEO)] for i in range(len(times))], times)
    return [*windows[0].frames.tolist(), *(int(w.frames[-1]) for w in windows[1:])]


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_takes_the_same_frames(session, model, seed):
    random = np.random.default_rng(seed)
    fps = float(random.choice([5, 7.5, 10, 12.345, 29.97]))
    steps = random.choice([1 / 30, 1 / fps, 0.4 / fps, 0]) * random.uniform(0.2, 1.8, 50)
    steps[random.integers(0, 50, 4)] += random.uniform(0.5, 14, 4) / fps  # frames are missing
    times = (random.uniform(-5, 5) + np.cumsum(steps)).tolist()
    taken = video.frames_by_time(times, fps).tolist()
    if len(taken) < model.frames:  # of which a stream repeats the last one
        taken += [taken[-1]] * (model.frames - len(taken))
    assert taken == frames_of_stream(session, times, fps)


def test_steady_frames():
    times = [i / 30 for i in range(31)]
    assert video.frames_by_time(times, 30).tolist() == list(range(31))
    assert video.frames_by_time(times, 10).tolist() == list(range(0, 31, 3))
    assert video.frames_by_time(times, 60).tolist() == [i // 2 for i in range(61)]
    assert video.frames_by_time([7.0], 10).tolist() == [0]
    assert video.frames_by_time([7.0, 7.5], 10).tolist() == [0, 0, 0, 0, 0, 1]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Ten frames a second, some of which are missing."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    write_film(path, [t for t in range(60) if t not in (5, 6, 21, 40)])
    return path


@pytest.mark.parametrize("options", [
    {}, {"views": 3}, {"sampling": "first"}, {"sampling": "uniform", "views": 2, "crops": 2},
], ids=str)
@pytest.mark.parametrize("fps", [4, 10, 23.976])
def test_classify_video(session, path, options, fps):
    frames = dualpath.read_video(path)
    times = [t / 10 for t in range(60) if t not in (5, 6, 21, 40)]
    taken = video.frames_by_time(times, fps)
    expected = session.classify([frames[i] for i in taken], rate=1, **options)
    result = session.classify_video(path, sample_fps=fps, **options)
    assert np.array_equal(result.logits, expected.logits)
    assert np.array_equal(result.frame_indices, taken[expected.frame_indices])
    assert np.allclose(result.frame_times, np.array(times)[result.frame_indices])


def test_given(session, model, tmp_path):
    exact = tmp_path / "exact.mkv"
    write_film(exact, range(2 * model.frames))
    result = session.classify_video(exact, sampling="given", sample_fps=5)
    assert result.frame_indices.tolist() == [list(range(0, 32, 2))]
    for fps in (2, 6):
        with pytest.raises(dualpath.DualPathError, match="16"):
            session.classify_video(exact, sampling="given", sample_fps=fps)


def test_only_chosen_frames_are_described(monkeypatch, session, path):
    described = []
    as_frame = video.as_frame
    monkeypatch.setattr(video, "as_frame", lambda *a: described.append(1) or as_frame(*a))
    result = session.classify_video(path, sample_fps=10, sampling="first")
    assert len(described) == len(set(result.frame_indices.flat)) < 20


def test_wrongstamps_of_packets(monkeypatch, session, path):
    """Then the file is decoded again."""
    expected = session.classify_video(path, sample_fps=10)
    for wrong in ([None] * 3, [0.0, 0.1, 100.0], []):
        monkeypatch.setattr(video, "stamps_of_packets", lambda path: video.Stamps(wrong, 25))
        assert np.array_equal(session.classify_video(path, sample_fps=10).logits, expected.logits)


def test_mistakes(session, path):
    for options, error, sentence in [
        ({"sample_fps": 5, "rate": 2}, ValueError, "rate and sample_fps are both given"),
        ({"sample_fps": 0}, ValueError, "sample_fps must be more than 0 and at most 1000, not 0"),
        ({"sample_fps": "5"}, TypeError, "sample_fps must be a number, not a str"),
    ]:
        with pytest.raises(error, match=sentence):
            session.classify_video(path, **options)


def test_times_that_are_none():
    """Of a file with a rate they are by that; of others nobody knows."""
    assert video.Stamps([None] * 5, 10.0).by_time(5).tolist() == [0, 2, 4]
    with pytest.raises(ValueError, match="does not say when its frames are shown"):
        video.Stamps([None] * 5, None).by_time(5)
    with pytest.raises(ValueError, match="a video of 95443 seconds is too long for a sample_fps of 1000"):
        video.frames_by_time([0, 95443], 1000)


# ---- the same on the command line ----


@pytest.fixture(scope="module", params=["mkv", "mp4"])
def odd_film(request, tmp_path_factory):
    """By ffmpeg: frames at odd times, some of them missing for up to a second."""
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("there is no ffmpeg, or no ffprobe")
    path = tmp_path_factory.mktemp("odd") / f"film.{request.param}"
    odd = "select='gt(random(1),0.4)*not(between(n,90,125))',setpts='PTS+random(2)*0.03/TB'"
    source = "testsrc2=size=64x48:rate=30:duration=6,settb=1/90000"
    codec = ["-c:v", "ffv1"] if request.param == "mkv" else ["-c:v", "mpeg4", "-bf", "2"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"{source},{odd}",
                    "-vsync", "passthrough", "-pix_fmt", "yuv420p", *codec, str(path)], check=True)
    return path


@pytest.mark.parametrize("options", [
    {}, {"views": 3}, {"sampling": "first"}, {"sampling": "uniform", "views": 2, "crops": 2},
], ids=str)
@pytest.mark.parametrize("fps", [3, 12.5, 30, 47.952])
def test_the_program_takes_the_same(program, released, session, odd_film, fps, options):
    arguments = [text for name in options for text in (f"--{name}", str(options[name]))]
    ran = subprocess.run([program, "classify", released.model, odd_film, "--json", "--threads", "1",
                          "--sample-fps", str(fps), *arguments], capture_output=True, check=True)
    answer, result = json.loads(ran.stdout), session.classify_video(odd_film, sample_fps=fps, **options)
    assert answer["frame_indices"] == result.frame_indices.tolist()
    assert np.allclose(answer["frame_times"], result.frame_times, atol=1e-6)
    assert np.array_equal(np.float32(answer["logits"]), result.logits)


def test_odd_films_are_odd(odd_film):
    times = video.stamps_of_packets(odd_film).after_the_first()
    steps = np.diff(times)
    assert steps.max() > 1 and len(np.unique(steps.round(3))) > 20
