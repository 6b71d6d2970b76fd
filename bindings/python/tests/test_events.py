"""Events: what the options mean, and that windows of a stream become events."""

from __future__ import annotations

import copy
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import GOLDENS
from test_stream import VIDEO

import dualpath


def evidence(start: float, end: float, *probabilities: float) -> SimpleNamespace:
    return SimpleNamespace(start=start, end=end, probabilities=np.array(probabilities, np.float32))


def push_tenths(events, *tenths: str) -> list[dualpath.Event]:
    """A string for each class, with a digit for each window: tenths of its probability. Window i is
    from i to i + 2 seconds."""
    found = []
    for i, digits in enumerate(zip(*tenths)):
        found += events.push(evidence(i, i + 2, *(int(digit) / 10 for digit in digits)))
    return found + events.finish()


# Tenths of the probabilities, options, and the events: class, start, end.
CASES = [
    (["00077700"], {}, [(0, 3.5, 6.5)]),
    (["9999"], {}, [(0, 0, 5)]),
    (["0565443300555"], {"begin_at": 0.6, "end_below": 0.4}, [(0, 2.5, 6.5)]),
    (["005443000"], {}, [(0, 2.5, 5.5)]),
    (["0900990009990"], {"shortest": 2}, [(0, 4.5, 6.5), (0, 9.5, 12.5)]),
    (["09099000900"], {"join": 1.5}, [(0, 1.5, 5.5), (0, 8.5, 9.5)]),
    (["0090000"], {"smooth": 3, "begin_at": 0.25}, [(0, 1.5, 4.5)]),
    (["0099900", "0009999"], {}, [(0, 2.5, 5.5), (1, 3.5, 8)]),
    (["0098800", "0009999"], {"single": True}, [(0, 2.5, 3.5), (1, 3.5, 8)]),
    (["0099900", "0009999"], {"ignore": [0]}, [(1, 3.5, 8)]),
    (["0099900", "0009999"], {"ignore": 1}, [(0, 2.5, 5.5)]),
    (["0059900", "9951199"], {"entropy": 0.9}, [(1, 0, 2.5), (0, 3.5, 5.5), (1, 5.5, 8)]),
]


class TestEvents:
    @pytest.mark.parametrize(("tenths", "options", "expected"), CASES)
    def test_sequences(self, tenths, options, expected):
        with dualpath.Events(len(tenths), **options) as events:
            found = push_tenths(events, *tenths)
        assert [(e.index, e.start, e.end) for e in found] == expected

    def test_an_event_says_what_it_is(self, model):
        with dualpath.Events(model, ignore=[model.labels[2], 1]) as events:
            (event,) = push_tenths(events, "0579960", "0000000", "9999999")
        assert (event.index, event.label, event.windows) == (0, model.labels[0], 5)
        assert (event.start, event.end, event.peak_time) == (1.5, 6.5, 4.0)
        assert event.peak == pytest.approx(0.9) and event.mean == pytest.approx(0.72)
        assert copy.deepcopy(event) == event == pickle.loads(pickle.dumps(event))
        with pytest.raises(AttributeError):
            event.start = 3

    def test_events_come_when_they_are_over(self):
        with dualpath.Events(2) as events:
            assert events.open() == []
            assert events.push(evidence(0, 2, 0.9, 0.1)) == []
            assert [e.index for e in events.open()] == [0]
            assert events.push(evidence(1, 3, 0.8, 0.6)) == []
            assert [(e.index, e.start, e.end) for e in events.open()] == [(0, 0, 1.5), (1, 1.5, 1.5)]
            over = events.push(evidence(2, 4, 0.1, 0.7))
            assert [(e.index, e.start, e.end, e.label) for e in over] == [(0, 0, 2.5, "")]
            assert [e.index for e in events.finish()] == [1]
            assert events.open() == events.finish() == []

    def test_begins_anew(self):
        with dualpath.Events(1) as events:
            first = push_tenths(events, "0990")
            with pytest.raises(dualpath.ArgumentError, match="the events are finished"):
                events.push(evidence(9, 10, 1))
            events.reset()
            assert push_tenths(events, "0990") == first

    def test_of_the_windows_of_a_stream(self, model, session):
        with dualpath.Stream(session, rate=1, hop=1) as stream:
            windows = list(stream.watch(VIDEO, fps=30))
        classes = np.array([w.probabilities.argmax() for w in windows])
        level = float(np.median([w.probabilities.max() for w in windows]))
        with dualpath.Events(model, begin_at=level, end_below=level, single=True) as events:
            found = [e for w in windows for e in events.push(w)] + events.finish()
        assert found and {e.index for e in found} <= set(classes)
        high = sum(float(w.probabilities.max()) >= level for w in windows)
        assert sum(e.windows for e in found) == high
        for event in found:
            assert event.label == model.labels[event.index]
            middles = [w for w in windows if (w.start + w.end) / 2 == pytest.approx(event.peak_time)]
            assert middles and event.peak == middles[0].probabilities.max()

    def test_what_is_refused_changes_nothing(self):
        with dualpath.Events(2) as events:
            events.push(evidence(1, 3, 0.9, 0.1))
            for wrong, error, sentence in [
                (evidence(0, 3, 0.9, 0.1), dualpath.ArgumentError, "time may not go back"),
                (evidence(4, 3, 0.9, 0.1), dualpath.ArgumentError, "the start first"),
                (evidence(2, 4, 1.1, 0.1), dualpath.NumericError, "the probability of class 0"),
                (evidence(2, 4, 0.1), ValueError, r"of shape \[1\], expected \[2\]"),
                (evidence(2, float("nan"), 0.9, 0.1), ValueError, "end must be a number of seconds"),
                (SimpleNamespace(start=2, end=4, probabilities=None), dualpath.NoHeadError,
                 "the window has no probabilities"),
            ]:
                with pytest.raises(error, match=sentence):
                    events.push(wrong)
            assert events.push(evidence(1, 3, 0.9, 0.1)) == []
            assert [(e.index, e.end, e.windows) for e in events.finish()] == [(0, 3, 2)]

    def test_closed(self):
        events = dualpath.Events(2)
        for _ in range(2):
            events.close()
        for use in (lambda: events.push(evidence(0, 1, 0, 0)), events.finish, events.open, events.reset):
            with pytest.raises(ValueError, match="the dualpath.Events is closed"):
                use()
        for how in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError, match="a dualpath.Events cannot be copied or pickled"):
                how(events)
        with pytest.raises(ValueError, match="the dualpath.Events was never opened"):
            dualpath.Events.__new__(dualpath.Events).finish()


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "error", "sentence"),
        [
            ({"begin_at": 0}, dualpath.ArgumentError, "begin_at is 0, expected more than 0"),
            ({"begin_at": float("nan")}, dualpath.ArgumentError, "begin_at is nan"),
            ({"begin_at": "0.5"}, TypeError, "begin_at must be a number, not a str ('0.5')"),
            ({"end_below": 0}, ValueError, "end_below must be more than 0, not 0"),
            ({"end_below": 0.6}, dualpath.ArgumentError, "expected 0 .. begin_at, which is 0.5"),
            ({"smooth": 4}, dualpath.ArgumentError, "smooth is 4, expected an odd number"),
            ({"smooth": 257}, ValueError, "smooth must be 1 .. 255, not 257"),
            ({"shortest": -1}, dualpath.ArgumentError, "shortest_us is negative"),
            ({"join": float("inf")}, ValueError, "join must be a number of seconds, not inf"),
            ({"entropy": 2}, dualpath.ArgumentError, "entropy is 2"),
            ({"ignore": 3}, ValueError, "ignore must be 0 .. 2, not 3"),
            ({"ignore": [None]}, TypeError, "ignore must be a whole number, not None"),
            ({"ignore": "nothing"}, ValueError, "no class has the label 'nothing': there are 'bow'"),
        ],
    )
    def test_options(self, model, options, error, sentence):
        with pytest.raises(error, match=re.escape(sentence)):
            dualpath.Events(model, **options)

    def test_classes(self, released, session):
        for wrong, sentence in [
            (released.model, "not a str: open it first: dualpath.Model(path)"),
            (session, "not a dualpath.Session: pass session.model"),
            (["bow", "jump"], "not a list: pass len(labels)"),
            (2.0, "not a float"),
            (None, "not None"),
        ]:
            with pytest.raises(TypeError, match=re.escape(sentence) + "$"):
                dualpath.Events(wrong)
        with pytest.raises(ValueError, match="classes must be 1 .. 16777216, not 0"):
            dualpath.Events(0)
        with pytest.raises(ValueError, match="is a label, and these classes have none"):
            dualpath.Events(3, ignore="bow")

    def test_model_without_classes(self):
        headless = next((g for g in GOLDENS if not g.has("logits")), None)
        if headless is None:
            pytest.skip("no golden case without a head")
        with dualpath.Model(headless.model) as model:
            with pytest.raises(dualpath.NoHeadError, match="this model has no classes"):
                dualpath.Events(model)

    def test_windows(self, model, session):
        result = session.classify(VIDEO)
        with dualpath.Events(model) as events:
            for wrong, sentence in [
                (result, "not a dualpath.Result: it has no time: pass windows of a dualpath.Stream"),
                ([], "not a list: pass its windows one by one"),
                (result.probabilities, "pass windows of a dualpath.Stream"),
                (None, "not None"),
            ]:
                with pytest.raises(TypeError, match=re.escape(sentence) + "$"):
                    events.push(wrong)
