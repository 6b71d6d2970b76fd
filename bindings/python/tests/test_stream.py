"""Streams: windows while video runs, each the answer for a clip of the same frames."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import weakref

import numpy as np
import pytest
from conftest import GOLDENS
from test_threads import in_child

import dualpath

RANDOM = np.random.default_rng(5)
VIDEO = RANDOM.integers(0, 256, (60, 24, 32, 3), np.uint8)


def push_all(stream, frames, times=None) -> list[dualpath.Window]:
    """All windows of a video."""
    stream.reset()
    windows: list[dualpath.Window] = []
    for number, frame in enumerate(frames):
        windows += stream.push(frame, None if times is None else times[number])
    return windows + stream.finish()


def is_exact(session, window, frames) -> bool:
    """Whether it answers what a clip of its frames does."""
    result = session.classify([frames[i] for i in window.frames], sampling="given", crops=1)
    return all(
        np.array_equal(getattr(window, name), getattr(result, name))
        for name in ("logits", "probabilities", "feature_temporal", "feature_spatial")
    )


class Interrupted(Exception):
    """What a progress function raises."""


class TestWindows:
    @pytest.mark.parametrize("seed", range(12))
    def test_equal_clips_of_their_frames(self, session, model, seed):
        random = np.random.default_rng(seed)
        hop, rate = int(random.integers(1, 24)), int(random.integers(1, 4))
        frames = VIDEO[: random.integers(1, len(VIDEO))]
        with dualpath.Stream(session, hop=hop, rate=rate) as stream:
            windows = push_all(stream, frames)
        sampled = np.arange(0, len(frames), rate)
        whole = max(0, (len(sampled) - model.frames) // hop + 1)
        assert len(windows) in (whole, whole + 1) and windows
        for number, window in enumerate(windows):
            assert window.number == number and window.dropped == 0
            if number < whole:
                assert np.array_equal(window.frames, sampled[hop * number :][: model.frames])
            assert is_exact(session, window, frames)

    def test_equal_clips_with_every_model(self, golden):
        with dualpath.Model(golden.model) as model, dualpath.Session(model, threads=1) as session:
            distance = model.frames // model.info.spatial_frames
            for hop in (None, 1, distance + 1):
                with dualpath.Stream(session, hop=hop, rate=1) as stream:
                    windows = push_all(stream, VIDEO[: model.frames + 3])
                assert len(windows) > 1 and all(is_exact(session, w, VIDEO) for w in windows)

    def test_say_what_they_are(self, session, model):
        times = [7.5 + 0.04 * i for i in range(20)]
        with dualpath.Stream(session, rate=1, hop=2) as stream:
            windows = push_all(stream, VIDEO[:20], times)
        assert [w.start for w in windows] == pytest.approx([7.5, 7.58, 7.66])
        assert [w.end for w in windows] == pytest.approx([8.1, 8.18, 8.26])
        last = windows[-1]
        assert last.frames.dtype == np.int64 and last.times.dtype == np.float64
        assert np.allclose(last.times, times[4:], rtol=0, atol=1e-9)
        assert last.labels == model.labels
        best = last.top(1)[0]
        assert best.index == last.logits.argmax() and best.label == model.labels[best.index]
        assert windows[0].macs == model.info.macs > windows[1].macs > 0
        assert windows[0].timings.total_ms > 0
        assert "labels" not in repr(last)
        with pytest.raises(AttributeError):
            last.number = 3

    def test_are_copies(self, session):
        with dualpath.Stream(session, rate=1, hop=1) as stream:
            windows = push_all(stream, VIDEO[:18])
        logits = [w.logits.copy() for w in windows]
        session.classify(VIDEO)
        assert all(np.array_equal(w.logits, before) for w, before in zip(windows, logits))
        assert not np.array_equal(logits[0], logits[1])
        for how in (copy.deepcopy, lambda w: pickle.loads(pickle.dumps(w))):
            again = how(windows[0])
            assert np.array_equal(again.times, windows[0].times) and again.top() == windows[0].top()

    def test_of_frames_that_are_missing(self, session):
        """The one before stands in their place, with a time in between."""
        times = [i / 10 for i in range(30) if i not in (7, 8, 20)]
        with dualpath.Stream(session, sample_fps=10, hop=1) as stream:
            windows = push_all(stream, VIDEO[: len(times)], times)
        assert len(windows) == 30 - 16 + 1
        numbers = np.concatenate([windows[0].frames, [w.frames[-1] for w in windows[1:]]])
        expected = [*range(7), 6, 6, *range(7, 18), 17, *range(18, 27)]
        assert numbers.tolist() == expected
        assert np.allclose(windows[0].times, np.arange(16) / 10)
        assert all(is_exact(session, w, VIDEO) for w in windows)

    def test_of_crops(self, session, model):
        wide = RANDOM.integers(0, 256, (16, 20, 60, 3), np.uint8)
        got = []
        for crop in range(3):
            with dualpath.Stream(session, rate=1, crop=crop, crops=3) as stream:
                got.append(push_all(stream, wide)[0].logits)
        session.begin_clip(2, 3)
        for frame in wide:
            session.push_frame(frame)
        assert np.array_equal(got[2], session.finish_clip().logits)
        assert not np.array_equal(got[0], got[1])

    def test_of_pictures_that_stay_the_same(self, session):
        still = VIDEO[np.repeat(np.arange(4), 10)]
        costs = []
        for skip in (False, True):
            with dualpath.Stream(session, rate=1, skip_unchanged=skip) as stream:
                windows = push_all(stream, still)
            assert all(is_exact(session, w, still) for w in windows)
            costs.append(sum(w.macs for w in windows))
        assert costs[1] < costs[0]

    def test_of_frames_of_all_kinds(self, session):
        frames = [
            VIDEO[0],
            np.dstack([VIDEO[1], VIDEO[1][..., :1]]),
            VIDEO[2][..., 0].copy(),
            dualpath.Frame(VIDEO[3], format="bgr24", rotation=90),
            VIDEO[4][::-1, :20],
        ]
        with dualpath.Stream(session, rate=1) as stream:
            (window,) = push_all(stream, frames)
        assert is_exact(session, window, frames)
        assert window.frames.tolist() == [0, 1, 2, 3, *[4] * 12]

    def test_without_a_head(self):
        headless = next((g for g in GOLDENS if not g.has("logits")), None)
        if headless is None:
            pytest.skip("no golden case without a head")
        with dualpath.Model(headless.model) as model, dualpath.Session(model) as session:
            with dualpath.Stream(session, rate=1) as stream:
                window = push_all(stream, VIDEO[:5])[0]
        assert window.logits is None and window.feature_spatial.shape == (model.feature_size,)
        with pytest.raises(dualpath.NoHeadError):
            window.top()


class TestStream:
    def test_begins_anew(self, session):
        with dualpath.Stream(session, rate=1, hop=3) as stream:
            first = push_all(stream, VIDEO[:30])
            with pytest.raises(dualpath.ArgumentError, match="the stream is finished"):
                stream.push(VIDEO[0])
            assert stream.finish() == [] and stream.pushed == 30
            stream.reset()
            assert stream.pushed == 0 and stream.finish() == []
            again = push_all(stream, VIDEO[:30])
        assert [w.frames.tolist() for w in first] == [w.frames.tolist() for w in again]
        assert all(np.array_equal(a.logits, b.logits) for a, b in zip(first, again))

    def test_watches_one_source_at_a_time(self, session):
        with dualpath.Stream(session, rate=1, hop=2) as stream:
            first, second = stream.watch(VIDEO[:40]), stream.watch(VIDEO[:40])
            next(first)
            assert next(second).frames[0] == 0
            with pytest.raises(RuntimeError, match="this stream began anew"):
                for _ in first:
                    pass
            assert [w.frames[0] for w in second] == list(range(2, 25, 2))

    def test_finishes_without_frames(self, session):
        with dualpath.Stream(session) as stream:
            assert stream.finish() == []

    def test_frame_that_is_refused_changes_nothing(self, session):
        with dualpath.Stream(session, rate=1) as stream:
            windows = []
            for frame in VIDEO[:16]:
                with pytest.raises(ValueError, match="a frame must be"):
                    stream.push(frame[..., :2])
                with pytest.raises(TypeError, match="not a list"):
                    stream.push([frame])
                with pytest.raises(ValueError, match="time must be a number of seconds, not nan"):
                    stream.push(frame, float("nan"))
                windows += stream.push(frame)
        assert [w.frames.tolist() for w in windows] == [list(range(16))]
        with dualpath.Stream(session, sample_fps=5) as stream:
            stream.push(VIDEO[0], 2)
            with pytest.raises(dualpath.ArgumentError, match="frame 1: .* may not go back"):
                stream.push(VIDEO[1], 1.9)
            stream.push(VIDEO[1], np.float32(2.25))
            assert stream.pushed == 2

    def test_sampling_by_time_needs_times(self, session):
        with dualpath.Stream(session, sample_fps=5) as stream:
            with pytest.raises(ValueError, match="sample_fps needs the time of each frame"):
                stream.push(VIDEO[0])

    def test_size(self, session, model):
        one = dualpath.Stream.size(model)
        assert dualpath.Stream.size(model, hop=1) > one > 0
        assert dualpath.Stream.size(model, skip_unchanged=True) > one

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"hop": 0}, "hop must be 1 .. 65536, not 0"),
            ({"rate": 65537}, "rate must be 1 .. 65536"),
            ({"sample_fps": 0}, "sample_fps must be more than 0 and at most 1000, not 0"),
            ({"sample_fps": float("nan")}, "sample_fps must be more than 0"),
            ({"sample_fps": 5, "rate": 2}, "rate and sample_fps are both given"),
            ({"crop": 1}, "crop must be 0 .. 0"),
            ({"crops": 65}, "crops must be 1 .. 64"),
        ],
    )
    def test_options_out_of_range(self, session, model, options, sentence):
        with pytest.raises(ValueError, match=sentence):
            dualpath.Stream(session, **options)
        with pytest.raises(ValueError, match=sentence):
            dualpath.Stream.size(model, **options)

    def test_options_of_a_wrong_kind(self, session, model):
        for options in ({"hop": 1.5}, {"sample_fps": "8"}, {"rate": None, "hop": "2"}):
            with pytest.raises(TypeError, match="must be a"):
                dualpath.Stream(session, **options)
        with pytest.raises(TypeError, match="not a dualpath.Model: pass dualpath.Session"):
            dualpath.Stream(model)
        with pytest.raises(TypeError, match="time must be a number, not a str"):
            dualpath.Stream(session).push(VIDEO[0], "1")

    def test_takes_turns_with_others_of_its_session(self, session):
        """Also with calls of the session itself, whose open clip ends."""
        streams = [dualpath.Stream(session, rate=1, hop=h) for h in (1, 2, 5)]
        windows: list[list] = [[] for _ in streams]
        for frame in VIDEO[:30]:
            for stream, got in zip(streams, windows):
                got += stream.push(frame)
            session.classify(VIDEO[:3])
        for stream, got in zip(streams, windows):
            got += stream.finish()
            assert all(is_exact(session, w, VIDEO) for w in got)
        assert [len(got) for got in windows] == [15, 8, 4]


class TestOwners:
    def test_stream_outlives_its_session(self, released, session):
        with dualpath.Model(released.model) as model, dualpath.Session(model, threads=1) as mine:
            stream = dualpath.Stream(mine, rate=1)
            other = dualpath.Stream(mine, rate=1)
        with pytest.raises(ValueError, match="the session is closed"):
            dualpath.Stream(mine)
        for one in (stream, other):
            assert all(is_exact(session, w, VIDEO) for w in push_all(one, VIDEO[:20]))
            one.close()

    def test_session_lives_as_long_as_its_stream(self, model, session):
        heard: list = []
        size = dualpath.Session.size(model, threads=1)
        stream = dualpath.Stream(
            dualpath.Session(model, threads=1, arena=size, progress=lambda *a: heard.append(a)),
            rate=1,
        )
        gc.collect()
        assert all(is_exact(session, w, VIDEO) for w in push_all(stream, VIDEO[:20]))
        assert heard

    def test_stream_keeps_what_its_session_reads(self, model, session):
        size = dualpath.Session.size(model, threads=1)
        mine = dualpath.Session(model, threads=1, arena=size, progress=lambda *_: None)
        held = [weakref.ref(what) for what in mine._handle.keep[1:]]
        stream = dualpath.Stream(mine, rate=1)
        mine.close()
        gc.collect()
        assert all(what() is not None for what in held)
        assert all(is_exact(session, w, VIDEO) for w in push_all(stream, VIDEO[:20]))
        stream.close()
        gc.collect()
        assert all(what() is None for what in held)

    def test_closed(self, session):
        stream = dualpath.Stream(session)
        for _ in range(2):
            stream.close()
        uses = [lambda: stream.push(VIDEO[0]), stream.finish, stream.reset, lambda: stream.pushed]
        for use in uses:
            with pytest.raises(ValueError, match="the stream is closed"):
                use()
        bare = dualpath.Stream.__new__(dualpath.Stream)
        bare.close()
        for use in (bare.finish, bare.reset, lambda: bare.push(VIDEO[0])):
            with pytest.raises(ValueError, match="the stream was never opened"):
                use()
        for how in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError, match="a stream cannot be copied or pickled"):
                how(stream)


class TestInterruptions:
    @pytest.mark.parametrize("how", ["raise", "cancel"])
    @pytest.mark.parametrize("hop", [1, 3])
    def test_each_place_goes_on(self, model, session, how, hop):
        """Whatever call of the progress function stops the stream, nothing is lost."""

        def progress(*_):
            calls.append(1)
            if len(calls) in stops:
                if how == "raise":
                    raise Interrupted
                return True
            return False

        calls: list[int] = []
        stops: set[int] = set()
        mine = dualpath.Session(model, threads=1, progress=progress)
        frames = VIDEO[:24]
        # 8 and 9 are missing, so that frames also wait
        times = [i / 10 for i in range(30) if i not in (8, 9)][: len(frames)]
        with dualpath.Stream(mine, sample_fps=10, hop=hop) as stream:
            whole = push_all(stream, frames, times)
            total = len(calls)
            for every in (1, 2, 7):
                stream.reset()
                calls.clear()
                stops = {n for n in range(1, 20 * total) if n % (every + 1) == 0}
                windows, interruptions = [], 0
                while stream.pushed < len(frames):
                    try:
                        windows += stream.push(frames[stream.pushed], times[stream.pushed])
                    except (Interrupted, dualpath.Cancelled):
                        interruptions += 1
                while True:
                    try:
                        windows += stream.finish()
                        break
                    except (Interrupted, dualpath.Cancelled):
                        interruptions += 1
                assert interruptions > 3
                assert [w.number for w in windows] == [w.number for w in whole]
                assert [w.times.tolist() for w in windows] == [w.times.tolist() for w in whole]
                stops = set()
                assert all(is_exact(session, w, frames) for w in windows)

    def test_stream_cannot_be_used_in_callbacks(self, model):
        def reenter(*_):
            for call in (lambda: stream.push(VIDEO[0]), stream.finish, stream.reset, stream.close):
                with pytest.raises(RuntimeError, match="this stream is in use"):
                    call()
            for call in (lambda: session.classify(VIDEO), lambda: other.push(VIDEO[0])):
                with pytest.raises(RuntimeError, match="this session is in use"):
                    call()
            calls.append(1)

        calls: list[int] = []
        session = dualpath.Session(model, threads=1, progress=reenter)
        stream, other = dualpath.Stream(session, rate=1), dualpath.Stream(session)
        push_all(stream, VIDEO[:3])
        assert calls

    def test_one_thread_at_a_time(self, model, session):
        def wait(*_):
            inside.set()
            assert leave.wait(30)

        inside, leave = threading.Event(), threading.Event()
        mine, answers = dualpath.Session(model, threads=1, progress=wait), []
        stream, other = dualpath.Stream(mine, rate=1), dualpath.Stream(mine, rate=1)
        worker = threading.Thread(target=lambda: answers.extend(push_all(stream, VIDEO[:16])))
        worker.start()
        assert inside.wait(30)
        uses = [lambda: mine.classify(VIDEO), mine.close, lambda: other.push(VIDEO[0]), stream.reset]
        for use in uses:
            with pytest.raises(RuntimeError, match="one thread at a time"):
                use()
        other.close()  # which nobody is inside of
        leave.set()
        worker.join()
        assert is_exact(session, answers[0], VIDEO)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_after_a_fork(self, model, session):
        def go_on():
            rest = [w for frame in VIDEO[10:20] for w in stream.push(frame)] + stream.finish()
            return all(is_exact(session, w, VIDEO) for w in rest)

        stream = dualpath.Stream(session, rate=1)
        for frame in VIDEO[:10]:
            stream.push(frame)
        assert in_child(go_on)
        assert go_on()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_after_a_fork_that_left_its_user_behind(self, model):
        def wait(*_):
            inside.set()
            assert leave.wait(30)

        def use():
            leave.set()
            with pytest.raises(RuntimeError, match=r"reset\(\) begins anew"):
                stream.push(VIDEO[0])
            stream.reset()
            with dualpath.Session(model, threads=1) as session:
                return all(is_exact(session, w, VIDEO) for w in push_all(stream, VIDEO[:20]))

        inside, leave = threading.Event(), threading.Event()
        stream = dualpath.Stream(dualpath.Session(model, threads=2, progress=wait), rate=1)
        worker = threading.Thread(target=push_all, args=(stream, VIDEO[:3]))
        worker.start()
        assert inside.wait(30)
        assert in_child(use)
        leave.set()
        worker.join()
