"""Who keeps what alive, and what is freed in which order."""

from __future__ import annotations

import copy
import ctypes
import gc
import os
import pickle
import threading
import weakref

import numpy as np
import pytest
from native import run_python

import dualpath
from dualpath import _lib


class TestLifetimes:
    def closings(self, monkeypatch) -> list[str]:
        """What the library is told to free, in order."""
        freed: list[str] = []
        library = _lib.library()
        for name in ("dp_model_close", "dp_pool_destroy", "dp_session_destroy"):

            def free(pointer, name=name, function=getattr(library, name)):
                if pointer:
                    freed.append(name)
                function(pointer)

            monkeypatch.setattr(library, name, free)
        return freed

    def test_session_keeps_the_model(self, monkeypatch, released, clip, answer):
        freed = self.closings(monkeypatch)
        session = dualpath.Session(dualpath.Model(released.model))
        gc.collect()
        assert freed == []
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        del session
        assert freed == ["dp_session_destroy", "dp_model_close"]

    def test_session_keeps_the_pool(self, monkeypatch, model, clip, answer):
        freed = self.closings(monkeypatch)
        with dualpath.Pool(2) as pool:
            one, two = dualpath.Session(model, pool=pool), dualpath.Session(model, pool=pool)
        del pool
        one.close()
        assert freed == ["dp_pool_destroy", "dp_session_destroy"]
        assert np.array_equal(two.classify(clip, sampling="given").logits, answer)
        two.close()
        assert freed == ["dp_pool_destroy"] + ["dp_session_destroy"] * 2

    def test_failure_lets_go_of_the_pool(self, monkeypatch, released, model):
        freed = self.closings(monkeypatch)
        pool, closed = dualpath.Pool(2), dualpath.Model(released.model)
        closed.close()
        for options in ({"arena": 64}, {"threads": 1}):
            with pytest.raises(dualpath.DualPathError):
                dualpath.Session(model, pool=pool, **options)
        with pytest.raises(ValueError, match="the model is closed"):
            dualpath.Session(closed, pool=pool)
        pool.close()
        assert freed == ["dp_model_close", "dp_pool_destroy"]

    def test_model_closed_before_its_sessions(self, monkeypatch, released, clip, answer):
        freed = self.closings(monkeypatch)
        with dualpath.Model(released.model) as model:
            one, two = dualpath.Session(model), dualpath.Session(model)
        one.close()
        assert freed == ["dp_model_close", "dp_session_destroy"]
        assert np.array_equal(two.classify(clip, sampling="given").logits, answer)
        two.close()
        assert freed == ["dp_model_close"] + ["dp_session_destroy"] * 2

    def test_bytes_live_as_long_as_what_reads_them(self, released, tmp_path, clip):
        compiled = tmp_path / "compiled.gguf"
        dualpath.compile_model(released.model, compiled)
        memory = np.fromfile(compiled, np.uint8)
        aligned = np.empty(memory.size + 64, np.uint8)
        aligned = aligned[-aligned.ctypes.data % 64 :][: memory.size]
        aligned[:] = memory
        gone = weakref.ref(aligned)
        model = dualpath.Model(aligned)
        session = dualpath.Session(model)
        first = session.classify(clip).logits
        model.close()
        del aligned, model
        gc.collect()
        assert gone() is not None
        assert np.array_equal(session.classify(clip).logits, first)
        session.close()
        gc.collect()
        assert gone() is None

    def test_bytes_of_a_closed_model_are_let_go_of(self, released):
        memory = np.fromfile(released.model, np.uint8)
        gone = weakref.ref(memory)
        model = dualpath.Model(memory)
        del memory
        assert gone() is not None
        model.close()
        assert gone() is None

    def test_garbage_in_a_cycle(self, monkeypatch, released, clip):
        freed = self.closings(monkeypatch)
        for _ in range(5):
            holder: dict = {}
            holder["model"] = dualpath.Model(released.model, log=lambda *_, h=holder: None)
            holder["session"] = dualpath.Session(
                holder["model"], progress=lambda *_, h=holder: None
            )
            holder["session"].classify(clip)
            gone = weakref.ref(holder["session"])
            del holder
            gc.collect()
            assert gone() is None
            assert sorted(freed) == ["dp_model_close", "dp_session_destroy"]
            freed.clear()

    def test_nothing_is_held_after_a_failure(self, monkeypatch, released):
        freed = self.closings(monkeypatch)
        model = dualpath.Model(released.model)
        with pytest.raises(dualpath.ArenaError):
            dualpath.Session(model, arena=1)
        model.close()
        assert freed == ["dp_model_close"]

    @pytest.mark.parametrize("destination", [b"compiled.gguf", 5, None, "no\0name"])
    def test_compiling_to_what_is_no_place(self, monkeypatch, released, destination):
        freed = self.closings(monkeypatch)
        with pytest.raises((TypeError, ValueError), match="compiled to a path or|null character"):
            dualpath.compile_model(released.model, destination)
        assert freed == []  # nothing was opened

    def test_failed_calls_leave_nothing(self, monkeypatch, released, tmp_path):
        opened = []
        library = _lib.library()
        for name in ("dp_model_open", "dp_model_open_task", "dp_session_create", "dp_pool_create"):

            def count(*arguments, name=name, function=getattr(library, name)):
                status = function(*arguments)
                if status == 0:
                    opened.append(name)
                return status

            monkeypatch.setattr(library, name, count)
        freed = self.closings(monkeypatch)

        def fail(*_):
            raise ZeroDivisionError

        def unreadable(*_):
            raise KeyError("the labels")

        attempts = [
            lambda: dualpath.compile_model(released.model, tmp_path / "no" / "folder.gguf"),
            lambda: dualpath.compile_model(released.model, Failing()),
            lambda: dualpath.Model(released.model, log=fail),
            lambda: dualpath.classify(released.model, "no such video.mp4"),
            lambda: dualpath.classify(released.model, [], views=0),
        ]
        for attempt in attempts:
            with pytest.raises(Exception):
                attempt()
        monkeypatch.setattr("dualpath.model._read_info", unreadable)
        with pytest.raises(KeyError):
            dualpath.Model(released.model)
        gc.collect()
        assert len(freed) == len(opened) > 0

    def test_interpreter_exit(self, released):
        code = (
            "import dualpath, sys\n"
            "model = dualpath.Model(sys.argv[1], progress=lambda *_: None)\n"
            "session = dualpath.Session(model, threads=2, progress=lambda *_: None)\n"
            "sys.keep = (session, model)\n"
        )
        done = run_python(code, released.model)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="no list of what is loaded")
    def test_the_library_is_unloaded(self, released):
        """dlclose() with everything closed: neither threads nor handlers of fork() stay."""
        code = (
            "import _ctypes, dualpath, gc, numpy, os, sys, time\n"
            "def is_loaded():\n"
            "    return os.path.basename(path) in open('/proc/self/maps').read()\n"
            "def threads():\n"
            "    return len(os.listdir('/proc/self/task'))\n"
            "before = threads()\n"
            "path = os.path.realpath(dualpath._lib._library_path())\n"
            "for _ in range(3):\n"
            "    with dualpath.Model(sys.argv[1]) as model, dualpath.Pool(3) as pool:\n"
            "        for options in ({'threads': 3}, {'pool': pool}):\n"
            "            with dualpath.Session(model, **options) as session:\n"
            "                session.classify(numpy.zeros((16, 8, 8, 3), numpy.uint8))\n"
            "    del model, pool, session, options\n"
            "    gc.collect()\n"
            "    assert any(threads() <= before or time.sleep(0.01) for _ in range(500))\n"
            "    assert is_loaded()\n"
            "    _ctypes.dlclose(dualpath._lib.library()._handle)\n"
            "    assert not is_loaded()\n"
            "    dualpath._lib.library.cache_clear()\n"
            "    child = os.fork()\n"
            "    if child == 0:\n"
            "        os._exit(0)\n"
            "    assert os.waitpid(child, 0)[1] == 0\n"
        )
        done = run_python(code, released.model)
        assert (done.returncode, done.stderr) == (0, "")

    def test_interpreter_exit_in_a_call(self, released):
        code = (
            "import dualpath, numpy, sys, threading\n"
            "inside = threading.Event()\n"
            "session = dualpath.Session(dualpath.Model(sys.argv[1]), progress=lambda *_: inside.set())\n"
            "clip = numpy.zeros((16, 720, 1280, 3), numpy.uint8)\n"
            "work = lambda: session.classify(clip, views=256)\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "inside.wait()\n"
        )
        done = run_python(code, released.model)
        assert (done.returncode, done.stderr) == (0, "")


class Failing:
    def write(self, data):
        raise OSError("no space")


class TestKinds:
    """What is not what it should be is refused, by the binding with a sentence and by ctypes."""

    def test_one_in_the_place_of_another(self, released, model, session):
        with dualpath.Pool(2) as pool:
            for kind, wrong in (("Model", pool), ("Model", session), ("Model", released.model)):
                for call in (dualpath.Session, dualpath.Session.size):
                    with pytest.raises(TypeError, match=f"model must be a dualpath.{kind}, not"):
                        call(wrong)
            for wrong in (model, session, 2, pool._handle):
                for call in (dualpath.Session, dualpath.Session.size):
                    with pytest.raises(TypeError, match="pool must be a dualpath.Pool, not"):
                        call(model, pool=wrong)

    def test_pointers_have_types(self, model, session):
        library, size = _lib.library(), ctypes.c_size_t()
        options = _lib.default(_lib.dp_session_options)
        with dualpath.Pool(2) as pool:
            pointers = {what: what._handle.pointer for what in (model, session, pool)}
            for what, pointer in pointers.items():
                if what is not model:
                    with pytest.raises(ctypes.ArgumentError):
                        library.dp_session_size(pointer, options, ctypes.byref(size))
                    with pytest.raises(ctypes.ArgumentError):
                        library.dp_model_label(pointer, 0)
                if what is not session:
                    with pytest.raises(ctypes.ArgumentError):
                        library.dp_session_threads(pointer)
                if what is not pool:
                    with pytest.raises(ctypes.ArgumentError):
                        library.dp_pool_threads(pointer)
                    with pytest.raises(TypeError):
                        options.pool = pointer


class TestObjects:
    """Copies, and objects that were never, twice or no longer open."""

    @pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_copies_are_refused(self, model, session, how):
        with dualpath.Pool(2) as pool:
            for what in (model, session, pool):
                with pytest.raises(TypeError, match="cannot be copied or pickled: .*(share|create)"):
                    how(what)

    def test_answers_can_be_copied(self, model, session, clip):
        result = session.classify(clip, sampling="given")
        for how in (copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))):
            assert how(model.info) == model.info
            again = how(result)
            assert np.array_equal(again.logits, result.logits) and again.top(3) == result.top(3)
        error = dualpath.FormatError(5, "a sentence")
        again = pickle.loads(pickle.dumps(error))
        assert (again.status, str(again)) == (5, "a sentence")

    def test_never_opened(self, model):
        class Forgetful(dualpath.Model):
            def __init__(self):
                pass

        bare = [Forgetful(), *(k.__new__(k) for k in (dualpath.Model, dualpath.Session, dualpath.Pool))]
        for what in bare:
            what.close()
            repr(what)
        uses = [
            lambda: bare[0].info,
            lambda: bare[0].labels,
            lambda: bare[1].frames,
            lambda: dualpath.Session(bare[0]),
            lambda: dualpath.Session(model, pool=bare[3]),
            lambda: bare[2].classify(np.zeros((1, 8, 8, 3), np.uint8)),
            lambda: bare[2].top(),
            lambda: bare[2].model,
            lambda: bare[3].threads,
        ]
        for use in uses:
            with pytest.raises(ValueError, match="was never opened: .* must call super"):
                use()

    def test_opened_twice(self, released, clip, answer):
        model = dualpath.Model(released.model)
        session = dualpath.Session(model, threads=1)
        model.__init__(released.model)
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        session.__init__(model, threads=2)
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_opened_again_during_a_call(self, released, clip, answer):
        def again(*_):
            model.__init__(released.model)
            session.__init__(model, threads=1, progress=again)
            gc.collect()

        model = dualpath.Model(released.model)
        session = dualpath.Session(model, threads=1, progress=again)
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_closed(self, released, clip):
        model, pool = dualpath.Model(released.model), dualpath.Pool(2)
        session = dualpath.Session(model, pool=pool)
        for what in (session, pool, model):
            what.close()
            what.close()
        with pytest.raises(ValueError, match="the session is closed"):
            session.classify(clip)
        for use in (session.top, session.begin_clip, session.finish_clip, session.peak):
            with pytest.raises(ValueError, match="the session is closed"):
                use()
        with pytest.raises(ValueError, match="the model is closed"):
            model.open_task(released.model)

    def test_closed_in_callbacks(self, released, clip, answer):
        def close(*_):
            model.close()
            pool.close()
            with pytest.raises(RuntimeError, match="in use"):
                session.close()

        model, pool = dualpath.Model(released.model), dualpath.Pool(2)
        session = dualpath.Session(model, pool=pool, progress=close)
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        session.close()

    def test_closed_by_many_threads(self, released, clip, answer):
        def race(step):
            barrier.wait()
            try:
                step()
            except (RuntimeError, ValueError) as error:
                assert "in use" in str(error) or "is closed" in str(error)
            except BaseException as error:
                wrong.append(error)

        wrong: list[BaseException] = []
        for _ in range(30):
            model, pool = dualpath.Model(released.model), dualpath.Pool(2)
            session = dualpath.Session(model, pool=pool)
            steps = [model.close, pool.close, session.close, session.close, model.close]
            steps += [lambda: dualpath.Session(model, pool=pool).close(), lambda: session.classify(clip)]
            barrier = threading.Barrier(len(steps))
            threads = [threading.Thread(target=race, args=(step,)) for step in steps]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert wrong == []

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork_during_a_call(self, model, clip):
        """The child has the session of a thread that it does not have."""

        def wait(*_):
            inside.set()
            assert leave.wait(30)

        inside, leave = threading.Event(), threading.Event()
        session = dualpath.Session(model, threads=2, progress=wait)
        worker = threading.Thread(target=session.classify, args=(clip,))
        worker.start()
        assert inside.wait(30)
        child = os.fork()
        if child == 0:
            session.close()
            del session
            gc.collect()
            os._exit(0)
        leave.set()
        worker.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        session.close()
