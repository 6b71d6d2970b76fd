"""Random programs against the whole interface: each step answers what it must, or raises what it must.

The model of the truth is small: what is open, and what a file answers for a clip in a session of its
own. Whatever else a program did before, in whichever order, must not matter. `make check-python-asan`
runs the same under AddressSanitizer. DUALPATH_EXAMPLES=1000 runs that many programs, other ones each
time; without it, few and always the same.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import io
import os
import pickle
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from native import Trickle
from test_frames import Copying, OnDemand

import dualpath
from dualpath import _lib

pytest.importorskip("hypothesis", reason="needs hypothesis")
pytest.importorskip("gguf", reason="the converter needs the gguf package")

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from test_tasks import Files

EXAMPLES = int(os.environ.get("DUALPATH_EXAMPLES", 0))
SETTINGS = settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a program is short enough to be read as it is
    suppress_health_check=list(HealthCheck),
)


class Planned(Exception):
    """What callbacks raise, and the handler of a signal."""


def raise_planned(*_):
    raise Planned


class Truth:
    """The weight files of all programs, and their answers."""

    def __init__(self, whole: str, backbone: str, task: str) -> None:
        self.paths = {"whole": whole, "backbone": backbone}
        self.task = task
        random = np.random.default_rng(11)
        self.clips = [
            random.integers(0, 256, (16, 24, 40, 3), np.uint8),
            random.integers(0, 256, (16, 48, 24), np.uint8),
            random.integers(0, 256, (16, 120, 160, 4), np.uint8),
        ]

    @functools.cache
    def answer(self, file: str, clip: int, crops: int = 1) -> dualpath.Result:
        return self.classify(file, self.clips[clip], crops)

    @functools.cache
    def answer_of(self, file: str, frames: tuple[tuple[int, int], ...]) -> dualpath.Result:
        """The same of frames, each told by its clip and its number there."""
        return self.classify(file, [self.clips[clip][i] for clip, i in frames])

    def classify(self, file: str, frames, crops: int = 1) -> dualpath.Result:
        with dualpath.Model(self.paths[file]) as model, dualpath.Session(model, threads=1) as s:
            return s.classify(frames, sampling="given", crops=crops)


def same(one: dualpath.Result, other: dualpath.Result) -> bool:
    names = ("logits", "probabilities", "feature_temporal", "feature_spatial")
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


class Thing:
    """An object of a program, and what must be true of it."""

    def __init__(self, thing, **known) -> None:
        self.thing, self.open = thing, True
        self.__dict__.update(known)


class Progress:
    """The progress function of a session: carries out a plan once."""

    def __init__(self) -> None:
        self.plan = None

    def __call__(self, _stage, _fraction):
        plan, self.plan = self.plan, None
        return plan() if plan else None


def do_in_a_child(work) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


FORMS = {
    "array": lambda clip: clip,
    "list": list,
    "copies": lambda clip: [f.copy() for f in clip],
    "on demand": OnDemand,
    "frames": lambda clip: [dualpath.Frame(f.copy()) for f in clip],
    "copied frames": lambda clip: [copy.deepcopy(dualpath.Frame(f)) for f in clip],
    "subclass": lambda clip: clip.copy().view(Copying),
    "tuple": lambda clip: tuple(pickle.loads(pickle.dumps(dualpath.Frame(f))) for f in clip),
}
SOURCES = {
    "path": lambda path: path,
    "bytes": lambda path: Path(path).read_bytes(),
    "bytearray": lambda path: bytearray(Path(path).read_bytes()),
    "array": lambda path: np.fromfile(path, np.uint8),
    "file": lambda path: io.BytesIO(Path(path).read_bytes()),
    "trickle": lambda path: Trickle(Path(path).read_bytes()),
}
PLANS = ("nothing", "raise", "cancel", "signal", "close", "reenter", "collect", "classify")
forms, sources = st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(SOURCES))
clips, plans = st.integers(0, 2), st.sampled_from(PLANS)


class Program(RuleBasedStateMachine):
    """Its collections of garbage do not walk what programs before it left alive: hypothesis remembers
    them all, and a full collection at each step would take longer with each program."""

    def __init__(self) -> None:
        super().__init__()
        gc.collect()
        gc.freeze()


class Programs(Program):
    models, pools, sessions = Bundle("models"), Bundle("pools"), Bundle("sessions")
    files: Truth

    @initialize(target=models, file=st.sampled_from(["whole", "backbone"]), source=sources)
    def first_model(self, file, source):
        return self.open_model(file, source)

    @rule(
        target=models,
        file=st.sampled_from(["whole", "backbone"]),
        source=sources,
        callbacks=st.booleans(),
    )
    def new_model(self, file, source, callbacks):
        return self.open_model(file, source, callbacks)

    def open_model(self, file, source, callbacks=False):
        heard = {"log": lambda *_: None, "progress": lambda *_: gc.collect() and None} if callbacks else {}
        given = SOURCES[source](self.files.paths[file])
        model = dualpath.Model(given, as_backbone=file == "backbone", **heard)
        if isinstance(given, bytearray):
            with pytest.raises(BufferError):
                given.clear()
        return Thing(model, file=file, carries_tasks=file == "backbone")

    @rule(target=models, backbone=models, source=sources)
    def new_task(self, backbone, source):
        given = SOURCES[source](self.files.task)
        if not backbone.open:
            with pytest.raises(ValueError, match="the model is closed"):
                backbone.thing.open_task(given)
            return backbone
        if not backbone.carries_tasks:
            with pytest.raises(dualpath.DualPathError):
                backbone.thing.open_task(given)
            return backbone
        # On a task, another one gets the same backbone.
        return Thing(backbone.thing.open_task(given), file="whole", carries_tasks=True)

    @rule(target=models, to_path=st.booleans())
    def new_compiled(self, to_path):
        source = self.files.paths["whole"]
        if to_path:
            path = self.files.task + ".compiled"
            dualpath.compile_model(source, path)
            return Thing(dualpath.Model(path), file="whole", carries_tasks=False)
        written = io.BytesIO()
        dualpath.compile_model(source, written)
        return Thing(dualpath.Model(written.getvalue()), file="whole", carries_tasks=False)

    @rule(source=sources, fails=st.sampled_from(["cut", "log", "progress", "place"]))
    def opening_fails(self, source, fails):
        given = SOURCES[source](self.files.paths["whole"])
        if fails == "cut":
            with pytest.raises(dualpath.FormatError):
                dualpath.Model(Path(self.files.paths["whole"]).read_bytes()[:5000])
        elif fails == "place":
            with pytest.raises(dualpath.WriteError):
                dualpath.compile_model(given, "/no/such/folder/file.gguf")
        else:
            with pytest.raises(Planned):
                dualpath.Model(given, **{fails: raise_planned})

    @rule(target=pools, threads=st.integers(1, 3))
    def new_pool(self, threads):
        return Thing(dualpath.Pool(threads))

    @rule(target=sessions, model=models, image_by_image=st.booleans(), threads=st.integers(1, 2))
    def new_session(self, model, image_by_image, threads):
        return self.create(model, None, image_by_image=image_by_image, threads=threads)

    @rule(target=sessions, model=models, pool=pools, arena=st.booleans())
    def new_session_on_pool(self, model, pool, arena):
        size = None
        if arena and model.open and pool.open:
            size = dualpath.Session.size(model.thing, pool=pool.thing)
        return self.create(model, pool, arena=size)

    def create(self, model, pool, **options):
        progress = Progress()
        options["progress"] = progress
        if pool is not None:
            options["pool"] = pool.thing
        known = {"model": model, "pool": pool, "progress": progress, "pushed": None, "last": None}
        if not model.open or (pool is not None and not pool.open):
            with pytest.raises(ValueError, match="is closed"):
                dualpath.Session(model.thing, **options)
            closed = Thing(dualpath.Session.__new__(dualpath.Session), file=model.file, **known)
            closed.open = False
            return closed
        session = dualpath.Session(model.thing, **options)
        whole = not options.get("image_by_image")
        return Thing(session, file=model.file, whole=whole, **known)

    @rule(session=sessions, clip=clips, form=forms, plan=plans, crops=st.integers(1, 2))
    def classify(self, session, clip, form, plan, crops):
        frames = FORMS[form](self.files.clips[clip])

        def call():
            return session.thing.classify(frames, sampling="given", crops=crops)

        if not session.open:
            return self.is_closed(call)
        session.progress.plan = self.planned(session, frames, plan)
        session.pushed, session.last = None, None
        if plan in ("raise", "signal"):
            with pytest.raises(Planned):
                call()
        elif plan == "cancel":
            with pytest.raises(dualpath.Cancelled):
                call()
        else:
            result = call()
            assert same(result, self.files.answer(session.file, clip, crops))
            session.last = result
        assert session.progress.plan is None
        return None

    def planned(self, session, frames, plan):
        def close():
            for thing in filter(None, (session.model, session.pool)):
                thing.thing.close()
                thing.open = False
            with pytest.raises(RuntimeError, match="in use"):
                session.thing.close()

        def reenter():
            with pytest.raises(RuntimeError, match="in use"):
                session.thing.classify(frames)

        def collect():
            if isinstance(frames, list):
                frames.clear()
            gc.collect()

        def classify():
            with dualpath.Model(self.files.paths["whole"], progress=lambda *_: None) as model:
                result = dualpath.classify(model, self.files.clips[0], sampling="given")
            assert same(result, self.files.answer("whole", 0))

        return {
            "nothing": lambda: None,
            "raise": raise_planned,
            "cancel": lambda: True,
            "signal": lambda: signal.raise_signal(signal.SIGUSR1),
            "close": close,
            "reenter": reenter,
            "collect": collect,
            "classify": classify,
        }[plan]

    def is_closed(self, call):
        with pytest.raises(ValueError, match="the session (is closed|was never opened)"):
            call()

    @rule(session=sessions, k=st.integers(1, 3))
    def top(self, session, k):
        if not session.open:
            return self.is_closed(lambda: session.thing.top(k))
        if session.last is not None:
            if session.last.logits is None:
                with pytest.raises(dualpath.NoHeadError):
                    session.thing.top(k)
            else:
                assert session.thing.top(k) == session.last.top(k)
        return None

    @rule(session=sessions, clip=clips, form=forms)
    def preprocess(self, session, clip, form):
        frames = FORMS[form](self.files.clips[clip])
        if not session.open:
            return self.is_closed(lambda: session.thing.preprocess_view(frames))
        if not session.whole:
            with pytest.raises(dualpath.ArgumentError):
                session.thing.preprocess_view(frames)
            return None
        spatial, temporal = session.thing.preprocess_view(frames, sampling="given")
        assert np.isfinite(spatial).all() and np.isfinite(temporal).all()
        session.pushed = None
        return None

    @rule(session=sessions, clip=clips, count=st.integers(1, 16))
    def push(self, session, clip, count):
        """Begins a clip, or goes on with it."""
        if not session.open:
            return self.is_closed(session.thing.begin_clip)
        if session.pushed is None or session.pushed[0] != clip:
            session.thing.begin_clip()
            session.pushed = (clip, 0)
        done = session.pushed[1]
        for frame in self.files.clips[clip][done : done + count]:
            session.thing.push_frame(frame.copy())
        session.pushed = (clip, min(16, done + count))
        return None

    @rule(session=sessions)
    def finish(self, session):
        if not session.open:
            return self.is_closed(session.thing.finish_clip)
        if session.pushed is None or session.pushed[1] < 16:
            with pytest.raises(dualpath.ArgumentError):
                session.thing.finish_clip()
            return None
        session.last = session.thing.finish_clip()
        assert same(session.last, self.files.answer(session.file, session.pushed[0]))
        session.pushed = None
        return None

    @rule(thing=st.one_of(models, pools, sessions), times=st.integers(1, 2))
    def close(self, thing, times):
        for _ in range(times):
            thing.thing.close()
        thing.open = False

    @rule(thing=st.one_of(models, pools, sessions))
    def forget(self, thing):
        """Its last reference goes; what stays in its place was closed."""
        kind = type(thing.thing)
        thing.thing, thing.open = kind.__new__(kind), False
        thing.thing._handle = None

    @rule(model=models, source=sources)
    def open_again(self, model, source):
        if model.file == "whole":
            model.thing.__init__(SOURCES[source](self.files.paths["whole"]))
            model.open, model.carries_tasks = True, False

    @rule(thing=st.one_of(models, pools, sessions))
    def copies_are_refused(self, thing):
        for how in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                how(thing.thing)

    @rule(model=models, other=st.one_of(pools, sessions))
    def kinds_are_told_apart(self, model, other):
        with pytest.raises(TypeError, match="model must be a dualpath.Model"):
            dualpath.Session(other.thing)
        said = "pool must be a dualpath.Pool" if model.open else "the model is closed"
        with pytest.raises((TypeError, ValueError), match=said):
            dualpath.Session(model.thing, pool=model.thing)

    @rule(session=sessions, clip=clips)
    def in_another_thread(self, session, clip):
        """While it classifies, this one closes all that it stands on."""

        def work():
            try:
                result = session.thing.classify(self.files.clips[clip], sampling="given")
                outcomes.append(same(result, self.files.answer(session.file, clip)))
            except ValueError as error:
                outcomes.append("closed" in str(error) or "never opened" in str(error))

        self.files.answer(session.file, clip)
        outcomes: list[bool] = []
        thread = threading.Thread(target=work)
        thread.start()
        for thing in filter(None, (session.model, session.pool)):
            thing.thing.close()
            thing.open = False
        with contextlib.suppress(RuntimeError):  # in use
            session.thing.close()
            session.open = False
        thread.join()
        assert outcomes == [True]
        session.pushed = session.last = None

    @rule(session=sessions, clip=clips, model=models)
    def in_a_child(self, session, clip, model):
        do_in_a_child(lambda: self.work_in_a_child(session, clip, model))

    def work_in_a_child(self, session, clip, model):
        if session.open:
            result = session.thing.classify(self.files.clips[clip], sampling="given")
            assert same(result, self.files.answer(session.file, clip))
        session.thing.close()
        if model.open:
            result = dualpath.classify(model.thing, self.files.clips[clip], sampling="given")
            assert same(result, self.files.answer(model.file, clip))
        gc.collect()

    @invariant()
    def collected(self):
        gc.collect()


@pytest.fixture
def world(tmp_path, capsys, monkeypatch):
    """What programs work with; they must leave nothing open and nothing that Python dropped."""
    files = Files(tmp_path, capsys)
    files.make()
    dropped, balance = [], []
    library = _lib.library()
    for name in (
        "dp_model_open", "dp_model_open_memory", "dp_model_open_reader", "dp_model_open_task",
        "dp_model_open_task_memory", "dp_model_open_task_reader", "dp_pool_create",
        "dp_session_create", "dp_stream_create", "dp_events_create",
    ):  # fmt: skip

        def opens(*arguments, function=getattr(library, name)):
            status = function(*arguments)
            if status == 0:
                balance.append(1)
            return status

        monkeypatch.setattr(library, name, opens)
    for name in (
        "dp_model_close", "dp_pool_destroy", "dp_session_destroy", "dp_stream_destroy",
        "dp_events_destroy",
    ):  # fmt: skip

        def closes(pointer, function=getattr(library, name)):
            balance.append(-1)
            function(pointer)

        monkeypatch.setattr(library, name, closes)
    monkeypatch.setattr(sys, "unraisablehook", lambda what: dropped.append(what.exc_value))
    before = signal.signal(signal.SIGUSR1, raise_planned)
    gc.collect()
    gc.freeze()
    yield Truth(files.whole, files.backbone, files.task)
    gc.unfreeze()
    signal.signal(signal.SIGUSR1, before)
    gc.collect()
    assert dropped == [] and sum(balance) == 0 and balance


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_programs(world):
    Programs.files = world
    run_state_machine_as_test(Programs, settings=SETTINGS)
    del Programs.files
