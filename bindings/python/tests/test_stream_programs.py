"""Random programs with streams, their session and events; see test_programs.

A program has a session, on which streams begin, are stopped, end, and go on after it was closed.
"""

from __future__ import annotations

import gc
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis")
pytest.importorskip("gguf", reason="the converter needs the gguf package")

import hypothesis.strategies as st
from hypothesis.stateful import (
    Bundle,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from test_programs import (  # noqa: F401  world is a fixture
    SETTINGS,
    Planned,
    Program,
    Progress,
    Thing,
    Truth,
    do_in_a_child,
    raise_planned,
    same,
    world,
)

import dualpath

STOPS = {
    "raise": raise_planned,
    "cancel": lambda: True,
    "signal": lambda: signal.raise_signal(signal.SIGUSR1),
}
clips = st.integers(0, 2)
plans = st.sampled_from((*STOPS, "close", "reenter", "collect"))


class StreamPrograms(Program):
    streams, trackers = Bundle("streams"), Bundle("trackers")
    files: Truth

    @initialize(file=st.sampled_from(["whole", "backbone"]))
    def begin(self, file):
        self.file = file
        self.new_session()

    def new_session(self):
        self.model, progress = dualpath.Model(self.files.paths[self.file]), Progress()
        session = dualpath.Session(self.model, threads=1, progress=progress)
        self.session = Thing(session, progress=progress)

    @rule(
        target=streams,
        hop=st.integers(1, 20),
        rate=st.integers(1, 2),
        skip_unchanged=st.booleans(),
    )
    def new_stream(self, **options):
        if not self.session.open:
            with pytest.raises(ValueError, match="the session is closed"):
                dualpath.Stream(self.session.thing, **options)
            self.new_session()
        stream = dualpath.Stream(self.session.thing, **options)
        return Thing(stream, session=self.session, frames=[], windows=0, finished=False)

    @rule(
        stream=streams,
        clip=clips,
        count=st.integers(1, 40),
        stopped=st.sets(st.integers(0, 40), max_size=4),
        plan=plans,
        finishes=st.booleans(),
    )
    def push(self, stream, clip, count, stopped, plan, finishes):
        """What stops a call loses neither a frame nor a window."""
        if stream.finished:
            self.reset(stream)
        for i in range(count):
            frame = self.files.clips[clip][i % 16].copy()
            before = stream.thing.pushed if stream.open else 0
            self.call(stream, plan if i in stopped else None, lambda: stream.thing.push(frame, i))
            if stream.open and stream.thing.pushed > before:
                stream.frames.append((clip, i % 16))
            self.check(stream)
        if stream.session.open:
            result = stream.session.thing.classify(self.files.clips[clip], sampling="given")
            assert same(result, self.files.answer(self.file, clip))
        if finishes:
            self.finish(stream, plan)

    @rule(stream=streams, plan=plans)
    def finish(self, stream, plan):
        self.call(stream, plan, lambda: stream.thing.finish())
        stream.finished = True
        self.check(stream)

    @rule(stream=streams)
    def reset(self, stream):
        if stream.open:
            stream.thing.reset()
        stream.frames, stream.windows, stream.finished = [], 0, False

    def call(self, stream, plan, call) -> None:
        """Leaves the windows in ``stream.got``; none after what stopped it."""
        stream.got = []
        if not stream.open:
            with pytest.raises(ValueError, match="the stream (is closed|was never opened)"):
                call()
            return
        progress = stream.session.progress
        progress.plan = {**STOPS, **self.plans_of(stream)}.get(plan, lambda: None)
        try:
            stream.got = call()
        except (Planned, dualpath.Cancelled):
            assert progress.plan is None and plan in STOPS
        else:
            assert progress.plan is not None or plan not in STOPS
        progress.plan = None

    def plans_of(self, stream) -> dict:
        def close():
            self.model.close()
            for thing in (stream, stream.session):
                if thing.open:
                    with pytest.raises(RuntimeError, match="is in use"):
                        thing.thing.close()

        def reenter():
            with pytest.raises(RuntimeError, match="this stream is in use"):
                stream.thing.finish()
            if stream.session.open:
                with pytest.raises(RuntimeError, match="this session is in use"):
                    stream.session.thing.classify(self.files.clips[0])

        return {"close": close, "reenter": reenter, "collect": lambda: gc.collect() and None}

    def check(self, stream):
        for window in stream.got:
            frames = tuple(stream.frames[i] for i in window.frames)
            assert same(window, self.files.answer_of(self.file, frames))
            assert window.number == stream.windows
            stream.windows += 1

    @rule()
    @precondition(lambda self: self.session.open)
    def close_session(self):
        self.session.thing.close()
        self.session.open = False

    @rule(stream=streams, forget=st.booleans())
    def close(self, stream, forget):
        if forget:  # its last reference goes; what stays in its place was never opened
            stream.thing = dualpath.Stream.__new__(dualpath.Stream)
        stream.thing.close()
        stream.open = False

    @rule(stream=streams, clip=clips, plan=plans)
    def in_a_child(self, stream, clip, plan):
        def work():
            self.push(stream, clip, 20, {0, 15}, plan, True)
            stream.thing.close()

        do_in_a_child(work)

    @rule(target=trackers, smooth=st.sampled_from([1, 3]), single=st.booleans())
    def new_tracker(self, smooth, single):
        options = {"smooth": smooth, "single": single, "ignore": [2]}
        return Thing(dualpath.Events(3, **options), options=options, pushed=[], found=[])

    @rule(tracker=trackers, tenths=st.lists(st.tuples(*[st.integers(0, 10)] * 3), min_size=1))
    def track(self, tracker, tenths):
        for values in tenths:
            start = len(tracker.pushed)
            window = SimpleNamespace(start=start, end=start + 2, probabilities=np.array(values) / 10)
            tracker.found += tracker.thing.push(window)
            tracker.pushed.append(window)
            assert all(event.start <= start + 1 for event in tracker.thing.open())

    @rule(tracker=trackers)
    def finish_tracking(self, tracker):
        """It found what a fresh one finds, and begins anew."""
        tracker.found += tracker.thing.finish()
        fresh = dualpath.Events(3, **tracker.options)
        expected = [event for window in tracker.pushed for event in fresh.push(window)]
        assert tracker.found == expected + fresh.finish()
        tracker.thing.reset()
        tracker.pushed, tracker.found = [], []

    def teardown(self):
        gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_stream_programs(world):  # noqa: F811
    StreamPrograms.files = world
    run_state_machine_as_test(StreamPrograms, settings=SETTINGS)
    del StreamPrograms.files
