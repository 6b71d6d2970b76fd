"""Signals, and other exceptions that come from outside, while the library is in a call.

They come out of the call. They neither get lost nor become a result that nobody gave.
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from native import Trickle

import dualpath
from dualpath import _callbacks, _signals

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")


class Alarm(Exception):
    """What the handler of the signal raises."""


def raise_alarm(*_):
    raise Alarm


def wait():
    """For a signal: some seconds, in short ones, since one may come just before a wait."""
    for _ in range(1000):
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def dropped(monkeypatch):
    """What Python printed and dropped: nothing, unless a test takes it."""
    found: list = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: found.append(what.exc_value))
    yield found
    assert found == []


@pytest.fixture(autouse=True)
def handler():
    before = signal.signal(signal.SIGALRM, raise_alarm)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert signal.signal(signal.SIGALRM, lambda *_: None) is raise_alarm
    time.sleep(0.05)  # for a signal that another thread has taken, and that is not the next test's
    signal.signal(signal.SIGALRM, before)


def calls(model: str) -> dict:
    """One call of the library with each kind of callback."""
    data, kept = Path(model).read_bytes(), []
    session = dualpath.Session(dualpath.Model(model), threads=1, progress=lambda *_: None)
    clip = np.zeros((20, 32, 32, 3), np.uint8)
    heard = dualpath.Session(session.model, threads=1, log=lambda *_: None)
    return {
        "progress": lambda: session.classify(clip),
        "log": lambda: heard.classify(clip[:5]),
        "open": lambda: kept.append(dualpath.Model(model, progress=lambda *_: None)),
        "reader": lambda: kept.append(dualpath.Model(Trickle(data))),
        "writer": lambda: dualpath.compile_model(model, io.BytesIO()),
    }


KINDS = ["progress", "log", "open", "reader", "writer"]
CALLBACK_CODE = {_callbacks.__file__, _signals.__file__}


class Instructions:
    """Runs `act` before instruction number `at` of the callbacks' code, counting from 0."""

    def __init__(self, at: int, act) -> None:
        self.at, self.act, self.seen = at, act, 0

    def __call__(self, frame, event, _argument):
        if event == "call":
            name, file = frame.f_code.co_name, frame.f_code.co_filename
            inside = file in CALLBACK_CODE and (name == "enter" or frame.f_back.f_trace is not None)
            frame.f_trace_opcodes = inside
            return self if inside else None
        if event == "opcode":
            self.seen += 1
            if self.seen - 1 == self.at:
                self.act()
        return self

    def trace(self, call):
        sys.settrace(self)
        try:
            return call()
        finally:
            sys.settrace(None)


class TestSignals:
    @pytest.mark.parametrize("kind", KINDS)
    def test_at_each_instruction_of_a_callback(self, released, kind):
        call = calls(released.model)[kind]
        counted = Instructions(-1, None)
        counted.trace(call)
        assert counted.seen > 50
        first = min(counted.seen, 300)
        for at in [*range(first), *range(first, counted.seen, 1 + counted.seen // 200)]:
            instructions = Instructions(at, lambda: signal.raise_signal(signal.SIGALRM))
            with pytest.raises(Alarm):
                instructions.trace(call)
        call()

    @pytest.mark.parametrize("kind", KINDS)
    def test_at_any_time_of_a_call(self, released, kind):
        call = calls(released.model)[kind]
        start = time.perf_counter()
        call()
        duration = time.perf_counter() - start
        for part in np.random.default_rng(7).uniform(0.001, 1.1, 200):
            with pytest.raises(Alarm):
                signal.setitimer(signal.ITIMER_REAL, duration * part)
                call()
                wait()
        call()

    @pytest.mark.skipif(
        sys.version_info < (3, 11), reason="signals also come between `finally` and its first line"
    )
    def test_storm(self, released):
        """Many signals a call, of which three raise, wherever they come."""

        def strike(*_):
            if firing and strikes:
                raise strikes.pop()

        def under_fire():
            nonlocal firing
            try:
                firing = True
                signal.setitimer(signal.ITIMER_REAL, 2e-5, 2e-5)
                call()
            finally:
                firing = False

        firing, strikes = False, []
        signal.signal(signal.SIGALRM, strike)
        call = calls(released.model)["progress"]
        expected = call().feature_temporal
        for _ in range(300):
            strikes = [Alarm() for _ in range(3)]
            with pytest.raises(Alarm):
                under_fire()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert np.array_equal(call().feature_temporal, expected)
        time.sleep(0.05)  # as after each test
        signal.signal(signal.SIGALRM, raise_alarm)

    def test_handler_that_does_not_raise(self, model, clip, answer):
        def send(*_):
            signal.raise_signal(signal.SIGALRM)
            heard.append("callback")

        heard: list[str] = []
        signal.signal(signal.SIGALRM, lambda *_: heard.append("signal"))
        with dualpath.Session(model, threads=1, progress=send) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        assert heard == ["signal", "callback"] * (len(heard) // 2) and heard
        signal.signal(signal.SIGALRM, raise_alarm)

    def test_while_handlers_are_replaced(self, monkeypatch):
        """One that comes before all wait is heard at once, and its next one waits."""

        def replace(number, handler, function=_signals.set_handler):
            function(number, handler)
            if number == signal.SIGALRM:
                signal.raise_signal(number)

        heard: list[str] = []
        signal.signal(signal.SIGALRM, lambda *_: heard.append("signal"))
        waiting = _signals.WaitingSignals()
        with monkeypatch.context() as patch:
            patch.setattr(_signals, "set_handler", replace)
            waiting.hold()
        assert heard == ["signal"]
        signal.raise_signal(signal.SIGALRM)
        assert heard == ["signal"]
        waiting.release()
        assert heard == ["signal"] * 2
        signal.signal(signal.SIGALRM, raise_alarm)

    def test_each_of_several_is_heard(self, model, clip):
        def send(*_):
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGALRM)

        heard: list[str] = []
        before = signal.signal(signal.SIGUSR1, lambda *_: heard.append("signal"))
        try:
            with dualpath.Session(model, threads=1, progress=send) as session:
                with pytest.raises(Alarm):
                    session.classify(clip)
            assert heard == ["signal"]
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_a_handler_that_a_callback_installs(self, model, clip):
        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        def install(*_):
            if signal.getsignal(signal.SIGUSR1) is before:
                signal.signal(signal.SIGUSR1, stop)
                threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1)).start()

        before = signal.getsignal(signal.SIGUSR1)
        with dualpath.Session(model, threads=1, progress=install) as session:
            try:
                for _ in range(20):
                    with pytest.raises(Stop):
                        session.classify(clip, views=256)
                    signal.signal(signal.SIGUSR1, before)
            finally:
                signal.signal(signal.SIGUSR1, before)

    def test_waiting_file_is_interrupted(self):
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as file, open(writing, "wb"):
            start = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Alarm):
                dualpath.Model(file)
            assert time.monotonic() - start < 5

    def test_call_within_a_callback(self, released, model, clip, answer):
        def nested(*_):
            if not inner:
                inner.append(dualpath.Model(released.model, progress=lambda *_: None))
                signal.raise_signal(signal.SIGALRM)

        inner: list = []
        with dualpath.Session(model, threads=1, progress=nested) as session:
            with pytest.raises(Alarm):
                session.classify(clip, sampling="given")
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_in_another_thread_nothing_waits(self, model, clip):
        """Handlers run in the main thread, which is not in a call here."""

        def send(*_):
            if not sent.is_set():
                sent.set()
                os.kill(os.getpid(), signal.SIGALRM)

        sent, answers = threading.Event(), []
        with dualpath.Session(model, threads=1, progress=send) as session:
            worker = threading.Thread(target=lambda: answers.append(session.classify(clip)))
            with pytest.raises(Alarm):
                worker.start()
                wait()
            worker.join()
        assert len(answers) == 1

    def test_main_thread_is_the_one_that_runs_handlers(self, released):
        """threading.main_thread() is another one where a thread was the first to import threading,
        as in programs that embed Python."""
        script = [sys.executable, "-c", FIRST_IMPORTED_BY_A_THREAD, released.model]
        done = subprocess.run(script, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


FIRST_IMPORTED_BY_A_THREAD = """
import _thread, sys, time
sys.modules.pop("threading", None)  # .pth files may have imported it
outcome = []
def open_model():
    try:
        import dualpath
        dualpath.Model(sys.argv[1], progress=lambda *_: None)
        outcome.append(0)
    except BaseException as error:
        outcome.append(repr(error))
_thread.start_new_thread(open_model, ())
while not outcome:
    time.sleep(0.01)
sys.exit(outcome[0])
"""


class TestOtherExceptions:
    def test_at_the_entry_of_a_callback(self, released, dropped):
        """Whatever it is, the library has read a result that nobody gave."""
        for kind in KINDS:
            call = calls(released.model)[kind]
            with pytest.raises(RuntimeError, match="stopped a callback before it began"):
                Instructions(0, raise_alarm).trace(call)
            assert [type(error) for error in dropped] == [Alarm]
            dropped.clear()
            call()

    def test_too_deep_for_a_callback(self, model, clip, answer, dropped):
        def classify_at(depth):
            return classify_at(depth - 1) if depth else session.classify(clip, sampling="given")

        outcomes = set()
        with dualpath.Session(model, threads=1, progress=lambda *_: None) as session:
            for room in range(1, 60):
                try:
                    depth = sys.getrecursionlimit() - len(_frames()) - room
                    logits = classify_at(depth).logits
                    outcomes.add("answer" if np.array_equal(logits, answer) else "WRONG")
                except (RuntimeError, ctypes.ArgumentError) as error:
                    outcomes.add(type(error).__name__)
        assert {"answer", "RecursionError"} <= outcomes <= {"answer", "RecursionError", "ArgumentError"}
        dropped.clear()


def _frames() -> list:
    frame, frames = sys._getframe(1), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
