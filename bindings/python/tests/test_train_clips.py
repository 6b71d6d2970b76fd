"""Clips that training keeps in its cache."""

from __future__ import annotations

import numpy as np
import pytest

import dualpath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from training import trainer_of, write_clips

from dualpath.convert import main as convert
from dualpath.train import pixels
from dualpath.train.clips import Cache, read_clips


def test_cache_keeps_every_nth_frame(tmp_path):
    """Of a video; an array file has the frames of a view already."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    write_clips(tmp_path / "clips")
    clips = read_clips(str(tmp_path / "clips"))
    assert [clip.label for clip in clips] == [0, 0, 0, 1, 1]
    cache = Cache(str(tmp_path / "cache"), 4, 24)
    original = np.load(clips[0].path)
    kept = cache.frames(clips[0].path)
    assert kept.shape == (20, 24, 32, 3)
    shrunk = original[4].reshape(24, 2, 32, 2, 3).mean((1, 3))
    np.testing.assert_allclose(kept[4], shrunk, atol=0.5)
    assert cache.step(clips[0].path, 8) == 1
    video = str(tmp_path / "clip.avi")
    with av.open(video, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for frame in original:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert (cache.frames(video) == kept[::4]).all()
    assert cache.step(video, 8) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_an_array_of_an_older_cache_is_not_taken(tmp_path):
    """Once every so many-th frame of an array file was kept, under a name with that rate."""
    write_clips(tmp_path / "clips")
    path = str(tmp_path / "clips" / "dark" / "3.npy")
    caches = [Cache(str(tmp_path / "cache"), rate, 24) for rate in (1, 4)]
    assert len({len(cache.frames(path)) for cache in caches}) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_an_array_is_evaluated_as_it_is_held_out(five_clips):
    """Of 20 frames both take the 16 in the middle."""
    from dualpath.evaluate import classify_file

    changes = ['data.clips="list.csv"', 'data.train="train"', 'data.held_out="test"',
               'data.labels="labels.txt"', "train.epochs=1", "model.sampling_rate=4"]
    files = [f"clips/bright/{n}.npy" for n in range(3)] + [f"clips/dark/{n}.npy" for n in (3, 4)]
    (five_clips / "list.csv").write_text("path,split,label\n" + "".join(
        f"{file},{split},{file[6:-6]}\n" for file in files for split in ("train", "test")))
    (five_clips / "labels.txt").write_text("bright\ndark\n")
    trainer = trainer_of(five_clips, *changes)
    assert trainer.run()
    gguf = str(five_clips / "x.gguf")
    assert convert([trainer.output, "-o", gguf]) == 0
    views, _ = trainer.job.held_out.centre(4, 0, 1)
    trainer.job.model.eval()
    clip = views.map(lambda x: pixels.normalise(x[None] / 255, trainer.job.config))
    with torch.inference_mode():
        expected = trainer.job.model(clip)[0].numpy()
    with dualpath.Model(gguf) as model, dualpath.Session(model) as session:
        logits = classify_file(session, str(five_clips / files[4])).logits
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)  # f32, in another order: 1e-7 seen
