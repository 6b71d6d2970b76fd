"""An installed package, in the interpreter that runs this: ``installed.py GOLDEN WORK``.

It takes NumPy and the package, and looks at what systems have in their own way: which library is
loaded and from where, names of files, bytes that are mapped, callbacks, signals, threads, forks.
Answers are compared with the golden ones. With ``installed.py GOLDEN WORK FOLDER`` the library is
taken out of the package first and put into FOLDER, which is there, and where the system must find it.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import mmap
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import dualpath
from dualpath import _lib

GOLDEN, WORK = Path(sys.argv[1]), Path(sys.argv[2])
MODEL = GOLDEN / "released.gguf"
CLIP = np.load(GOLDEN / "released.frames.npy")
LIBRARY = Path(dualpath.__file__).parent / _lib.LIBRARY_NAME


def answer_of(source: object, **options: object) -> np.ndarray:
    with dualpath.Model(source) as model, dualpath.Session(model, **options) as session:
        return session.classify(CLIP, sampling="given").logits


def check_library() -> None:
    assert "dualpath" in _lib._library_path(), _lib._library_path()
    assert Path(_lib.library()._name).name == _lib.LIBRARY_NAME, _lib.library()._name
    assert dualpath.library_version() == dualpath.__version__
    path = str(WORK / "nothing.so")
    try:
        _lib._load(path)
    except dualpath.errors.LibraryError as error:
        assert path in str(error).replace("\\\\", "\\"), error
    else:
        raise AssertionError("a library that is not there was loaded")


def check_answers() -> None:
    """Of DualPath and of the other methods."""
    for table in (GOLDEN / "goldens.txt", GOLDEN / "family" / "goldens.txt"):
        for line in table.read_text(encoding="utf-8").splitlines():
            name, sampling, rate, views, crops = line.split()
            stem = str(table.parent / name)
            if not Path(stem + ".logits.npy").exists():
                continue
            how = {"rate": int(rate), "views": int(views), "crops": int(crops)}
            how = {option: number or None for option, number in how.items()}
            with dualpath.Model(stem + ".gguf") as model, dualpath.Session(model) as session:
                frames = np.load(stem + ".frames.npy")
                logits = session.classify(frames, sampling=sampling, **how).logits
            expected = np.load(stem + ".logits.npy").ravel()
            np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4, err_msg=name)


def check_names_of_files() -> None:
    """Spaces, umlauts and ideographs, in each kind of path."""
    folder = WORK / "zwei Wörter" / "模型"
    folder.mkdir(parents=True)
    path = folder / "über alles.gguf"
    shutil.copy(MODEL, path)
    expected = answer_of(MODEL)
    for given in (path, str(path), os.fsencode(path).decode("utf-8")):
        np.testing.assert_array_equal(answer_of(given), expected)
    compiled = folder / "kompiliert ß.gguf"
    dualpath.compile_model(path, compiled)
    np.testing.assert_array_equal(answer_of(compiled), expected)
    dualpath.verify(compiled)
    path.unlink()  # nobody holds it any more
    with contextlib.suppress(dualpath.errors.ReadError):
        dualpath.Model(path)
        raise AssertionError("a model that is gone was opened")
    assert [file.name for file in folder.iterdir()] == [compiled.name]


def check_gzip() -> None:
    packed = WORK / "packed.gguf.gz"
    packed.write_bytes(gzip.compress(MODEL.read_bytes()))
    np.testing.assert_array_equal(answer_of(packed), answer_of(MODEL))


def check_bytes_in_memory() -> None:
    expected = answer_of(MODEL)
    with open(MODEL, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            np.testing.assert_array_equal(answer_of(mapped), expected)
        np.testing.assert_array_equal(answer_of(file), expected)
    np.testing.assert_array_equal(answer_of(MODEL.read_bytes()), expected)
    written = io.BytesIO()
    dualpath.compile_model(MODEL, written)
    np.testing.assert_array_equal(answer_of(written.getvalue()), expected)


def check_callbacks() -> None:
    stages: list[str] = []
    said: list[str] = []

    def progress(stage: str, fraction: float) -> None:
        assert 0 <= fraction <= 1
        stages.append(stage)

    answer_of(MODEL, progress=progress, log=lambda _level, text: said.append(text))
    assert stages

    def fail(_stage: str, _fraction: float) -> None:
        raise KeyError("from a callback")

    with contextlib.suppress(KeyError):
        answer_of(MODEL, progress=fail)
        raise AssertionError("the exception of a callback was lost")


def check_signals() -> None:
    """Ctrl-C comes out of a call with callbacks, and its handler is what it was."""
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)  # shells start background jobs without one

    def interrupt(_stage: str, _fraction: float) -> None:
        signal.raise_signal(signal.SIGINT)

    try:
        answer_of(MODEL, progress=interrupt)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("KeyboardInterrupt was lost")
    assert signal.getsignal(signal.SIGINT) is before


def check_threads() -> None:
    """Sessions in threads on one model and one pool: the same bits."""
    expected, answers = answer_of(MODEL), {}
    with dualpath.Model(MODEL) as model, dualpath.Pool(threads=2) as pool:

        def work(number: int) -> None:
            with dualpath.Session(model, pool=pool) as session:
                logits = [session.classify(CLIP, sampling="given").logits for _ in range(20)]
            answers[number] = np.array(logits)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 6
    assert all((logits == expected).all() for logits in answers.values())


def check_two_threads_of_a_stream() -> None:
    """One pushes, another one takes windows."""
    with dualpath.Model(MODEL) as model, dualpath.Session(model) as session:
        with dualpath.Stream(session, rate=1, hop=4, full="wait") as stream:
            expected = session_windows(model)

            def push() -> None:
                for _ in range(3):
                    for frame in CLIP:
                        stream.push(frame)
                stream.finish()

            pushing = threading.Thread(target=push)
            pushing.start()
            windows = [window.logits for window in stream.windows()]
            pushing.join()
    np.testing.assert_array_equal(windows, expected)


def session_windows(model: dualpath.Model) -> list[np.ndarray]:
    with dualpath.Session(model) as session:
        with dualpath.Stream(session, rate=1, hop=4) as stream:
            windows = [w.logits for frame in [*CLIP] * 3 for w in stream.push(frame)]
            return windows + [window.logits for window in stream.finish()]


def check_events() -> None:
    with dualpath.Model(MODEL) as model, dualpath.Events(model, begin_at=0.001) as events:
        with dualpath.Session(model) as session, dualpath.Stream(session, rate=1) as stream:
            for frame in [*CLIP] * 2:
                for window in stream.push(frame):
                    events.push(window)
        assert events.open() or events.finish()


def check_fork() -> None:
    if not hasattr(os, "fork"):
        return
    expected = answer_of(MODEL)
    with dualpath.Model(MODEL) as model, dualpath.Session(model, threads=2) as session:
        child = os.fork()
        if child == 0:
            same = False
            try:
                same = (session.classify(CLIP, sampling="given").logits == expected).all()
            finally:
                os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (session.classify(CLIP, sampling="given").logits == expected).all()


def check_unloading() -> None:
    """Nothing stays of a library that is unloaded: forks call none of its handlers."""
    if not hasattr(os, "fork"):
        return
    import _ctypes

    answer_of(MODEL)
    gc.collect()
    _ctypes.dlclose(_lib.library()._handle)
    _lib.library.cache_clear()
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    answer_of(MODEL)


@contextlib.contextmanager
def taken_out(folder: Path) -> Iterator[None]:
    """The library is not in the package; loaders of this process were told of the folder before."""
    shutil.move(LIBRARY, folder / LIBRARY.name)
    if sys.platform == "win32":
        os.environ["PATH"] += os.pathsep + str(folder)
    try:
        yield
    finally:
        shutil.copy(folder / LIBRARY.name, LIBRARY)


def in_system(folder: Path) -> None:
    with taken_out(folder):
        expected = str(folder / LIBRARY.name) if sys.platform == "win32" else LIBRARY.name
        assert _lib._library_path() == expected, _lib._library_path()
        expected_logits = np.load(GOLDEN / "released.logits.npy").ravel()
        np.testing.assert_allclose(answer_of(MODEL), expected_logits, rtol=1e-3, atol=1e-4)


def run_all() -> None:
    checks = {name: check for name, check in globals().items() if name.startswith("check_")}
    failed = 0
    for name, check in checks.items():
        try:
            check()
        except Exception:
            failed += 1
            print(f"not ok: {name}")
            traceback.print_exc(file=sys.stdout)
    free = "" if getattr(sys, "_is_gil_enabled", lambda: True)() else ", without the GIL"
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}{free}, NumPy {np.__version__}, {Path(_lib.library()._name).name}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


if len(sys.argv) > 3:
    in_system(Path(sys.argv[3]))
    print("the system's library: 1 passed, 0 failed")
else:
    run_all()
