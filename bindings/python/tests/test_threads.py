"""Threads, pools and forks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest

import dualpath


class TestThreads:
    def test_second_thread_is_refused(self, model, clip, answer):
        inside, leave = threading.Event(), threading.Event()

        def wait(*_):
            inside.set()
            assert leave.wait(30)

        session, answers = dualpath.Session(model, progress=wait), []
        worker = threading.Thread(
            target=lambda: answers.append(session.classify(clip, sampling="given").logits)
        )
        worker.start()
        assert inside.wait(30)
        for call in (lambda: session.classify(clip), session.close, session.peak):
            with pytest.raises(RuntimeError, match="one thread at a time"):
                call()
        leave.set()
        worker.join()
        assert np.array_equal(answers[0], answer)
        session.close()

    def test_sessions_in_parallel(self, model, clip, answer):
        def work():
            with dualpath.Session(model, threads=1) as session:
                for _ in range(5):
                    logits = session.classify(clip, sampling="given").logits
                    right.append(np.array_equal(logits, answer))

        right: list[bool] = []
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert right == [True] * 20

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_sessions_share_a_pool(self, model, clip, answer, threads):
        def work():
            with dualpath.Session(model, pool=pool) as session:
                assert session.threads == threads
                for _ in range(5):
                    logits = session.classify(clip, sampling="given").logits
                    right.append(np.array_equal(logits, answer))

        right: list[bool] = []
        with dualpath.Pool(threads=threads) as pool:
            assert pool.threads == threads
            workers = [threading.Thread(target=work) for _ in range(3)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        assert right == [True] * 15

    def test_pool_options(self, model, clip, answer):
        with dualpath.Pool() as pool, dualpath.Session(model) as session:
            assert pool.threads == session.threads
        for threads in (-1, 257):
            with pytest.raises(ValueError, match="threads must be 0 .. 256"):
                dualpath.Pool(threads)
        with dualpath.Pool(3) as pool:
            size = dualpath.Session.size(model, pool=pool)
            assert size == dualpath.Session.size(model, 3, pool)
            with dualpath.Session(model, threads=3, pool=pool, arena=size) as session:
                assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
            for create in (dualpath.Session, dualpath.Session.size):
                with pytest.raises(dualpath.ArgumentError, match="threads is 2, the pool has 3"):
                    create(model, threads=2, pool=pool)
        pool.close()
        for create in (dualpath.Session, dualpath.Session.size):
            with pytest.raises(ValueError, match="the pool is closed"):
                create(model, pool=pool)


def in_child(act):
    """What ``act()`` says in a child of this process, which has 60 seconds for it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            code = 0 if act() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def classify_in_child(_):
    """For multiprocessing, which forks: the model is that of the parent."""
    with dualpath.Session(shared["model"], threads=2) as session:
        return session.classify(shared["clip"], sampling="given").logits


shared: dict[str, object] = {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class TestForks:
    def test_sessions_of_the_parent(self, model, clip, answer):
        def use():
            got = session.classify(clip, sampling="given").logits
            session.close()
            return np.array_equal(got, answer)

        session = dualpath.Session(model, threads=2)
        assert in_child(use)
        assert in_child(lambda: session.close() is None)
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        session.close()

    def test_pools_of_the_parent(self, model, clip, answer):
        def use():
            more = dualpath.Session(model, pool=pool)
            both = [s.classify(clip, sampling="given").logits for s in (session, more)]
            session.close()
            pool.close()
            more.close()
            return all(np.array_equal(logits, answer) for logits in both)

        pool = dualpath.Pool(2)
        session = dualpath.Session(model, pool=pool)
        assert in_child(use)
        session.classify(clip)
        session.close()
        pool.close()

    def test_a_fork_while_a_session_is_in_use(self, model, clip, answer):
        def wait(*_):
            inside.set()
            assert leave.wait(30)

        def use():
            leave.set()  # the callback is called here, too
            got = session.classify(clip, sampling="given").logits
            session.close()
            return np.array_equal(got, answer)

        inside, leave = threading.Event(), threading.Event()
        session = dualpath.Session(model, threads=2, progress=wait)
        worker = threading.Thread(target=session.classify, args=(clip,))
        worker.start()
        assert inside.wait(30)
        assert in_child(use)
        leave.set()
        worker.join()
        session.close()

    def test_a_fork_while_a_handle_is_locked(self, model):
        def hold():
            with model._opened()._lock:
                inside.set()
                assert leave.wait(30)

        inside, leave = threading.Event(), threading.Event()
        worker = threading.Thread(target=hold)
        worker.start()
        assert inside.wait(30)
        assert in_child(lambda: dualpath.Session(model, threads=1).close() is None)
        leave.set()
        worker.join()

    def test_a_fork_in_a_callback(self, model, clip, answer):
        def fork(*_):
            if not children:
                children.append(os.fork())

        children: list[int] = []
        session = dualpath.Session(model, threads=2, progress=fork)
        code = 1
        try:
            got = session.classify(clip, sampling="given").logits
            session.close()
            code = 0 if np.array_equal(got, answer) else 2
        finally:
            if children == [0]:
                os._exit(code)
        assert code == 0
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0

    def test_multiprocessing(self, model, clip, answer):
        with dualpath.Session(model, threads=2) as session:
            session.classify(clip)
            shared.update(model=model, clip=clip)
            with multiprocessing.get_context("fork").Pool(2) as workers:
                for logits in workers.map(classify_in_child, range(4)):
                    assert np.array_equal(logits, answer)
