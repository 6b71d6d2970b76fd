"""Threads, pools and forks."""

from __future__ import annotations

import os
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

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork_with_a_pool(self, model, clip):
        pool = dualpath.Pool(2)
        session = dualpath.Session(model, pool=pool)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                dualpath.Session(model, pool=pool)
            except RuntimeError as error:
                code = 0 if "another process" in str(error) else 2
            session.close()
            pool.close()  # must not wait for threads that are not here
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        session.classify(clip)
        session.close()
        pool.close()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork(self, model, clip):
        session = dualpath.Session(model, threads=2)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                session.classify(clip)
            except RuntimeError as error:
                code = 0 if "another process" in str(error) else 2
            session.close()  # must not wait for threads that are not here
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        session.classify(clip)
        session.close()
