"""Who keeps what alive, and what is freed in which order."""

from __future__ import annotations

import gc
import os
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
