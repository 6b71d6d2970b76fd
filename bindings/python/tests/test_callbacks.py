"""Progress, logs and readers, also those that raise."""

from __future__ import annotations

import ctypes
import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
from native import Trickle

import dualpath
from dualpath._callbacks import Callbacks


class TestCallbacks:
    def test_progress(self, released, clip, answer):
        opening, working = [], []
        with dualpath.Model(released.model, progress=lambda *a: opening.append(a)) as model:
            with dualpath.Session(model, progress=lambda *a: working.append(a)) as session:
                assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        for calls in (opening, working):
            fractions = [fraction for _, fraction in calls]
            assert fractions == sorted(fractions) and 0 <= fractions[0] and fractions[-1] <= 1
        assert {stage for stage, _ in working} <= {"frames", "patches", "blocks", "head"}
        assert len(working) > 3

    def test_cancel(self, released, model, clip, answer):
        with pytest.raises(dualpath.Cancelled) as raised:
            dualpath.Model(released.model, progress=lambda *_: True)
        assert raised.value.status == 9 and raised.value.message
        stop = [True]
        with dualpath.Session(model, progress=lambda *_: stop[0]) as session:
            with pytest.raises(dualpath.Cancelled):
                session.classify(clip, sampling="given")
            stop[0] = False
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
    def test_progress_raises(self, released, model, clip, answer, error):
        def fail(stage, fraction):
            if failing:
                raise error("from the callback")

        failing = True
        with pytest.raises(error, match="from the callback"):
            dualpath.Model(released.model, progress=fail)
        with dualpath.Session(model, progress=fail) as session:
            with pytest.raises(error, match="from the callback"):
                session.classify(clip, sampling="given")
            failing = False
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_log(self, released):
        heard = []
        dualpath.Model(released.model, log=lambda *a: heard.append(a)).close()
        assert heard
        for level, message in heard:
            assert level in (logging.INFO, logging.WARNING) and message
        dualpath.Model(released.model, log=logging.getLogger("dualpath").log).close()

    def test_log_raises(self, released):
        def fail(level, message):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            dualpath.Model(released.model, log=fail)

    def test_what_raised_stops_the_call(self):
        def fail(*_):
            raise ZeroDivisionError

        for callbacks in (Callbacks(progress=fail), Callbacks(log=fail)):
            if callbacks.log:
                callbacks.log(None, 1, b"a warning")
            assert callbacks.progress(None, b"frames", 0.5) == 1

    def test_reader_fills_gaps(self):
        data, buffer = bytes(range(256)) * 20, ctypes.create_string_buffer(16)
        source = Callbacks().reader(Trickle(data))
        for offset in (0, 3, 2999):
            count = source.read(None, offset, buffer, 16)
            assert count > 0 and buffer.raw[:count] == data[offset : offset + count]
        assert source.read(None, len(data) + 9, buffer, 16) == 0

    def test_reader_raises(self, released):
        class Failing(Trickle):
            def read(self, size):
                if next(countdown) > 20:
                    raise ConnectionError("the line is dead")
                return super().read(size)

        countdown = itertools.count()
        with pytest.raises(ConnectionError, match="the line is dead"):
            dualpath.Model(Failing(Path(released.model).read_bytes()))

    def test_session_cannot_be_used_in_its_callbacks(self, model, clip):
        def reenter(*_):
            session.classify(clip)

        session = dualpath.Session(model, progress=reenter)
        with pytest.raises(RuntimeError, match="in use"):
            session.classify(clip)
        session.close()
