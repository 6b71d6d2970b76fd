"""Streams with ``full``: one thread pushes, or reads a source, while another one computes."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from test_stream import VIDEO, Interrupted, is_exact, push_all
from test_threads import in_child
from test_watch import write_film

import dualpath


def same_windows(got, expected) -> bool:
    return len(got) == len(expected) and all(
        a.number == b.number
        and np.array_equal(a.frames, b.frames)
        and np.array_equal(a.times, b.times)
        and np.array_equal(a.logits, b.logits)
        for a, b in zip(got, expected)
    )


def push_in_a_thread(stream, frames) -> threading.Thread:
    def push():
        for frame in frames:
            assert stream.push(frame) == []
        assert stream.finish() == []

    thread = threading.Thread(target=push)
    thread.start()
    return thread


class TestPushing:
    @pytest.mark.parametrize("seed", range(6))
    def test_waits_for_places(self, session, seed):
        random = np.random.default_rng(seed)
        hop, rate, queue = (int(random.integers(1, high)) for high in (20, 4, 5))
        with dualpath.Stream(session, hop=hop, rate=rate) as plain:
            expected = push_all(plain, VIDEO)
        with dualpath.Stream(session, hop=hop, rate=rate, queue=queue, full="wait") as stream:
            for _ in range(2):
                thread = push_in_a_thread(stream, VIDEO)
                got = list(stream.windows())
                thread.join()
                assert stream.pushed == len(VIDEO) and stream.next() is None
                assert same_windows(got, expected)
                stream.reset()

    def test_drops_the_oldest(self, session):
        """Nobody computes before the last frame."""
        with dualpath.Stream(session, rate=1, hop=1, queue=20, full="drop") as stream:
            for frame in VIDEO:
                assert stream.push(frame) == []
            stream.finish()
            windows = list(stream.windows())
        assert [w.frames.tolist() for w in windows] == [list(range(f, f + 16)) for f in range(40, 45)]
        assert all(w.dropped == 40 and is_exact(session, w, VIDEO) for w in windows)

    def test_refuses(self, session):
        with dualpath.Stream(session, rate=1, hop=16, queue=3, full="refuse") as stream:
            refused, windows = 0, []
            for frame in VIDEO[:32]:
                try:
                    stream.push(frame)
                except dualpath.FullError as error:
                    assert "3 frames wait" in str(error)
                    refused += 1
                    with pytest.raises(TimeoutError, match="no window within 0 seconds"):
                        windows.append(stream.next(0))
                        stream.next(0)
                    stream.push(frame)
            stream.finish()
            windows += stream.windows()
        assert refused == 10 and stream_frames(windows) == [(0, 15), (16, 31)]
        assert all(is_exact(session, w, VIDEO) for w in windows)

    def test_one_thread_pushes(self, session):
        with dualpath.Stream(session, rate=1, queue=1, full="wait") as stream:
            stream.push(VIDEO[0])
            ends = []
            thread = threading.Thread(target=lambda: ends.append(ending_of(stream.push, VIDEO[1])))
            thread.start()
            wait_until(lambda: stream._handle._users)
            with pytest.raises(RuntimeError, match="this stream is in use"):
                stream.push(VIDEO[2])
            with pytest.raises(RuntimeError, match="this stream is in use"):
                stream.reset()
            thread.join(0.2)  # by then it waits in the library
            stream.finish()
            thread.join()
            assert ends == [dualpath.Cancelled] and stream.pushed == 1
            assert stream.next().frames.tolist() == [0] * 16

    def test_next_waits_and_ends(self, session):
        with dualpath.Stream(session, full="drop") as stream:
            with pytest.raises(TimeoutError, match="no window within 0.15 seconds"):
                stream.next(0.15)
            threading.Timer(0.2, stream.finish).start()
            assert stream.next(30) is None and list(stream.windows()) == []
            with pytest.raises(dualpath.ArgumentError, match="the stream is finished"):
                stream.push(VIDEO[0])
            with pytest.raises(TypeError, match="timeout must be a number"):
                stream.next("1")
        with dualpath.Stream(session) as plain:
            for call in (plain.next, lambda: next(plain.windows())):
                with pytest.raises(ValueError, match="push\\(\\) returns the windows of this stream"):
                    call()

    def test_callbacks_that_raise_stop_nothing_for_good(self, model, session):
        def progress(*_):
            calls.append(1)
            if len(calls) % 5 == 0:
                raise Interrupted

        calls: list[int] = []
        mine = dualpath.Session(model, threads=1, progress=progress)
        windows, interruptions = [], 0
        with dualpath.Stream(mine, rate=1, hop=2, full="wait") as stream:
            thread = push_in_a_thread(stream, VIDEO[:30])
            while True:
                try:
                    window = stream.next()
                except Interrupted:
                    interruptions += 1
                    continue
                if window is None:
                    break
                windows.append(window)
            thread.join()
        assert interruptions > 3 and [w.number for w in windows] == list(range(8))
        assert all(is_exact(session, w, VIDEO) for w in windows)

    def test_options(self, session, model):
        with pytest.raises(ValueError, match="queue needs full"):
            dualpath.Stream(session, queue=2)
        with pytest.raises(ValueError, match="unknown full 'block': one of refuse, wait, drop"):
            dualpath.Stream(session, full="block")
        for queue in (0, 1025):
            with pytest.raises(ValueError, match="queue must be 1 .. 1024"):
                dualpath.Stream.size(model, queue=queue, full="wait")
        sizes = [dualpath.Stream.size(model, queue=queue, full="drop") for queue in (1, 9)]
        assert sizes[0] == dualpath.Stream.size(model) < sizes[1]


class TestWatching:
    @pytest.mark.parametrize("queue", [None, 1, 7])
    def test_is_the_same(self, session, queue):
        with dualpath.Stream(session, rate=2, hop=3) as plain:
            expected = list(plain.watch(VIDEO, fps=25))
        with dualpath.Stream(session, rate=2, hop=3, queue=queue, full="wait") as stream:
            for source in (VIDEO, iter(VIDEO), zip(VIDEO, (i / 25 for i in range(len(VIDEO))))):
                assert same_windows(list(stream.watch(source, fps=25)), expected)

    def test_files(self, session, tmp_path):
        pytest.importorskip("av", reason="PyAV is not installed")
        path = tmp_path / "film.mp4"
        write_film(path)
        with dualpath.Stream(session, rate=1, hop=5) as plain:
            expected = list(plain.watch(path))
        with dualpath.Stream(session, rate=1, hop=5, full="wait") as stream:
            assert same_windows(list(stream.watch(path)), expected) and len(expected) > 4
            with pytest.raises(FileNotFoundError, match="nothing.mp4"):
                list(stream.watch(tmp_path / "nothing.mp4"))

    def test_a_slow_watcher_stays_close_to_the_present(self, session):
        def camera():
            for number, frame in enumerate(VIDEO):
                if number < 20:
                    pause.wait(0.02)  # as a camera does, until there is a window
                if number == 50:
                    wait_until(lambda: len(watched) > 1)
                yield frame
                seen.append(number)

        pause = threading.Event()
        seen: list[int] = []
        watched: list = []
        with dualpath.Stream(session, rate=1, hop=1, queue=2, full="drop") as stream:
            for window in stream.watch(camera()):
                if not watched:
                    wait_until(lambda: len(seen) == 50)
                watched.append(window)
        assert watched[-1].frames[-1] == len(VIDEO) - 1 and watched[-1].dropped >= 20
        assert all(is_exact(session, w, VIDEO) for w in watched)

    def test_leaving_closes_the_source(self, session):
        def source():
            try:
                yield from VIDEO.repeat(20, axis=0)
            finally:
                closed.append(threading.current_thread() is not threading.main_thread())

        closed: list[bool] = []
        with dualpath.Stream(session, rate=1, full="wait") as stream:
            for _ in stream.watch(source()):
                break
            assert closed == [True]
            expected = push_all(dualpath.Stream(session, rate=1), VIDEO)
            assert same_windows(list(stream.watch(VIDEO, fps=None)), expected)

    def test_what_the_source_raises_comes_last(self, session):
        def source():
            yield from VIDEO[:20]
            raise Interrupted

        with dualpath.Stream(session, rate=1, hop=1, full="wait") as stream:
            windows = []
            with pytest.raises(Interrupted):
                for window in stream.watch(source()):
                    windows.append(window)
            assert [w.frames[0] for w in windows] == [0, 1, 2, 3, 4]
            with pytest.raises(ValueError, match="a frame must be"):
                list(stream.watch([VIDEO[0], VIDEO[1][..., :2].copy()]))

    def test_does_not_refuse(self, session):
        with dualpath.Stream(session, full="refuse") as stream:
            with pytest.raises(ValueError, match="watch\\(\\) reads ahead"):
                stream.watch(VIDEO)

    def test_one_source_at_a_time(self, session):
        with dualpath.Stream(session, rate=1, hop=2, full="wait") as stream:
            first = stream.watch(VIDEO)
            next(first)
            with pytest.raises(RuntimeError):
                for _ in range(100):  # unless it comes between two calls of the reader
                    stream.reset()
                    next(first)
            first.close()
            assert next(stream.watch(VIDEO)).frames[0] == 0

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_after_a_fork(self, session):
        """The reader is not there, and the child hears it instead of waiting for ever."""

        def source():
            yield from VIDEO[:20]
            assert leave.wait(30)

        def use():
            with pytest.raises(RuntimeError, match="fork"):
                while True:
                    next(windows)
            return same_windows(list(stream.watch(VIDEO[:20])), expected)

        leave = threading.Event()
        with dualpath.Stream(session, rate=1) as plain:
            expected = push_all(plain, VIDEO[:20])
        with dualpath.Stream(session, rate=1, full="wait") as stream:
            windows = stream.watch(source())
            next(windows)
            assert in_child(use)
            leave.set()
            assert len(list(windows)) == len(expected) - 1


def stream_frames(windows) -> list[tuple[int, int]]:
    return [(int(w.frames[0]), int(w.frames[-1])) for w in windows]


def ending_of(function, *arguments) -> type[BaseException] | None:
    try:
        function(*arguments)
    except Exception as error:
        return type(error)
    return None


def wait_until(what) -> None:
    event = threading.Event()
    for _ in range(3000):
        if what():
            return
        event.wait(0.01)
    raise AssertionError("it did not happen")
