"""The binding against the real library: loading, models, sessions, frames, errors, lifetimes."""

from __future__ import annotations

import ctypes
import gc
import gzip
import io
import itertools
import logging
import mmap
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

import dualpath
from dualpath import _lib, frames
from dualpath import model as model_module
from dualpath import session as session_module
from dualpath._callbacks import Callbacks, reader

TIERS = ["c", "avx2", "avx2-vnni", "avx512", "avx512-vnni", "amx"]
TIERS += ["neon", "neon-dot", "neon-i8mm"]
# Off by at most 0.0097 (bf16) and 0.017 (int8) of the largest logit or feature on any instruction
# set when it was measured: the largest rounding of a number is 2^-9 and 1/254.
PRECISIONS = {"bf16": 0.02, "int8": 0.04}
HEADER = ROOT / "include" / "dualpath.h"
PACKAGE_ROOT = Path(dualpath.__file__).resolve().parents[1]

STRUCTS = [
    value
    for value in vars(_lib).values()
    if isinstance(value, type) and issubclass(value, ctypes.Structure) and "_fields_" in vars(value)
]
WITH_SIZE = [s for s in STRUCTS if s._fields_[0][0] == "struct_size"]


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def compile_c(source: str, output: Path, *flags: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    file = output.with_suffix(".c")
    file.write_text(source)
    command = [compiler, f"-I{HEADER.parent}", *flags, str(file), "-o", str(output)]
    subprocess.run(command, check=True)


def evaluate_c(expressions: list[str], folder: Path) -> list[int]:
    """What integer constant expressions are in a program that includes the header."""
    if not HEADER.exists():
        pytest.skip("the header is not here: not a source tree")
    lines = "".join(f'    printf("%lld\\n", (long long)({e}));\n' for e in expressions)
    source = f'#include "dualpath.h"\n#include <stdio.h>\nint main(void) {{\n{lines}}}\n'
    compile_c(source, folder / "constants")
    output = subprocess.run([folder / "constants"], check=True, capture_output=True, text=True)
    return [int(line) for line in output.stdout.split()]


class TestLoading:
    def test_import_loads_nothing(self):
        code = (
            "import sys, dualpath\n"
            "heavy = {'gguf', 'safetensors', 'av'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
            "assert 'libdualpath' not in open('/proc/self/maps').read()\n"
        )
        done = run_python(code, DUALPATH_LIBRARY="/nowhere/libdualpath.so.0")
        assert done.returncode == 0, done.stderr

    def test_missing_library(self):
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY="/nowhere/libdualpath.so.0")
        assert "LibraryError: cannot load libdualpath from '/nowhere/libdualpath" in done.stderr

    def test_other_abi(self, tmp_path):
        source = "unsigned dp_abi_version(void);\nunsigned dp_abi_version(void) { return 7; }\n"
        compile_c(source, tmp_path / "other.so", "-shared", "-fPIC")
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY=str(tmp_path / "other.so"))
        assert re.search(r"LibraryError: .*other\.so has ABI version 7, .* needs 0", done.stderr)

    def test_not_this_library(self, tmp_path):
        compile_c("int x;\n", tmp_path / "empty.so", "-shared", "-fPIC")
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY=str(tmp_path / "empty.so"))
        assert "LibraryError: cannot load libdualpath" in done.stderr

    def test_version(self):
        assert dualpath.library_version() == dualpath.__version__

    def test_the_gil_is_released(self, session):
        worker = threading.Thread(target=session.peak, args=(300,))
        worker.start()
        turns = 0
        while worker.is_alive():
            time.sleep(0.01)
            turns += 1
        assert turns >= 5


class TestHeader:
    def test_struct_layouts(self, tmp_path):
        expressions, expected = [], []
        for struct in STRUCTS:
            name = struct.__name__
            expressions.append(f"sizeof({name})")
            expected.append(ctypes.sizeof(struct))
            for field, _ in struct._fields_:
                expressions += [f"offsetof({name}, {field})", f"sizeof((({name} *)0)->{field})"]
                expected += [getattr(struct, field).offset, getattr(struct, field).size]
        assert len(STRUCTS) == 11
        assert dict(zip(expressions, evaluate_c(expressions, tmp_path))) == dict(
            zip(expressions, expected)
        )

    def test_numbers(self, tmp_path):
        expected = {
            "DP_ABI_VERSION": _lib.ABI_VERSION,
            "DP_MAX_FRAME_SIDE": frames.MAX_SIDE,
            "DP_MAX_THREADS": session_module.MAX_THREADS,
            "DP_MAX_VIEWS": session_module.MAX_VIEWS,
            "DP_MAX_CROPS": session_module.MAX_CROPS,
            "DP_LOG_WARNING": 1,
            "DP_LOG_INFO": 2,
        }
        for name, number in model_module._PRECISIONS.items():
            expected[f"DP_PRECISION_{name.upper()}"] = number
        avx512 = "DP_CPU_AVX2 | DP_CPU_AVX512"
        dot = "DP_CPU_NEON | DP_CPU_DOTPROD"
        masks = {
            "c": "0",
            "avx2": "DP_CPU_AVX2",
            "avx2-vnni": "DP_CPU_AVX2 | DP_CPU_VNNI",
            "avx512": avx512,
            "avx512-vnni": f"{avx512} | DP_CPU_VNNI | DP_CPU_BF16",
            "amx": f"{avx512} | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX",
            "neon": "DP_CPU_NEON",
            "neon-dot": dot,
            "neon-i8mm": f"{dot} | DP_CPU_I8MM | DP_CPU_ARM_BF16",
        }
        assert list(masks) == TIERS and set(TIERS) == set(model_module._CPU_MASKS)
        for name, mask in masks.items():
            expected[mask] = model_module._CPU_MASKS[name]
        for name, number in session_module.SAMPLINGS.items():
            expected[f"DP_SAMPLING_{name.upper()}"] = number
        for name, layout in frames.FORMATS.items():
            expected[f"DP_FORMAT_{name.upper()}"] = layout.code
        for name, number in frames.COLORS.items():
            expected[f"DP_COLOR_{name.upper().replace('-', '_')}"] = number
        assert dict(zip(expected, evaluate_c(list(expected), tmp_path))) == expected

    def test_statuses(self, tmp_path):
        numbers = evaluate_c(
            [f"DP_ERR_{name}" for name in re.findall(r"DP_ERR_(\w+) =", HEADER.read_text())],
            tmp_path,
        )
        classes = {number: type(dualpath.errors.error_for(number, "")) for number in numbers}
        assert len(numbers) == len(set(classes.values())) == 13
        for number, cls in classes.items():
            assert f"(DP_ERR_{_status_name(number)})" in cls.__doc__

    def test_every_call_is_declared(self):
        if not HEADER.exists():
            pytest.skip("the header is not here: not a source tree")
        declared = set(re.findall(r"^DP_API [\w\s*]*?\b(dp_\w+)\(", HEADER.read_text(), re.M))
        assert declared - set(_lib._PROTOTYPES) == {"dp_frame_rgb24", "dp_status_name"}
        assert set(_lib._PROTOTYPES) <= declared

    @pytest.mark.parametrize("struct", WITH_SIZE, ids=lambda s: s.__name__)
    def test_default_states_the_size(self, struct):
        assert _lib.default(struct).struct_size == ctypes.sizeof(struct)

    def test_struct_too_small(self, released):
        options, pointer = _lib.default(_lib.dp_model_options), ctypes.c_void_p()
        options.struct_size = 4
        status = _lib.library().dp_model_open(
            released.model.encode(), ctypes.byref(options), ctypes.byref(pointer)
        )
        assert status == 1 and not pointer
        with pytest.raises(dualpath.ArgumentError, match="struct_size"):
            _lib.check(status)


def _status_name(number: int) -> str:
    function = _lib.library().dp_status_name
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_int]
    return function(number).decode()[len("DP_ERR_") :]


class TestGoldens:
    @pytest.mark.parametrize("unfused", [False, True], ids=["fused", "unfused"])
    def test_answer(self, golden, unfused):
        with dualpath.Model(golden.model, unfused=unfused) as model:
            with dualpath.Session(model, threads=2) as session:
                result = session.classify(golden.load("frames"), **golden.options())
        features = {"temporal": result.feature_temporal, "spatial": result.feature_spatial}
        for name, values in features.items():
            expected = golden.load(name)
            np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
        if golden.has("logits"):
            expected = golden.load("logits")
            tolerance = 1e-4 * np.abs(expected).max()
            np.testing.assert_allclose(result.logits, expected, rtol=0, atol=tolerance)
        else:
            assert result.logits is None and result.probabilities is None
            with pytest.raises(dualpath.NoHeadError):
                result.top()

    def test_one_liner(self, released):
        result = dualpath.classify(released.model, released.load("frames"), sampling="given")
        expected = released.load("logits")
        np.testing.assert_allclose(
            result.logits, expected, rtol=0, atol=1e-4 * np.abs(expected).max()
        )


class TestModel:
    def test_info(self, model, released, clip):
        info = model.info
        assert (info.frames, info.classes, info.grid) == (len(clip), 3, 4)
        assert info.precision == "f32" and info.file_type == "f32"
        assert info.framesets * info.grid**2 == info.frames
        assert info.mean == pytest.approx((0.485, 0.456, 0.406))
        assert info.std == pytest.approx((0.229, 0.224, 0.225))
        assert 0 < info.adapter_parameters < info.parameters
        assert info.macs > 0 and info.weight_bytes > 0 and info.description
        for name in "name description input_size frames sampling_rate classes feature_size".split():
            assert getattr(model, name) == getattr(info, name)
        with pytest.raises(AttributeError):
            info.frames = 3

    def test_labels(self, model):
        assert model.labels == ("bow", "jump", "wave")

    def sources(self, path: str):
        data = Path(path).read_bytes()
        yield "path object", Path(path)
        yield "bytes", data
        yield "memoryview", memoryview(data)
        yield "read-only array", np.frombuffer(data, np.uint8)
        unaligned = np.frombuffer(b"?" + data, np.uint8)[1:]
        yield "unaligned array", unaligned
        yield "memmap", np.memmap(path, mode="r")
        yield "BytesIO", io.BytesIO(data)
        yield "gzip file", gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))
        yield "compressed bytes", gzip.compress(data)
        preceded = io.BytesIO(b"before" + data)
        preceded.seek(6)
        yield "file that stands elsewhere", preceded
        yield "file that cannot seek and gives little", Trickle(data)

    def test_sources(self, released, clip, answer):
        for name, source in self.sources(released.model):
            with dualpath.Model(source, verify=True) as model, dualpath.Session(model) as session:
                logits = session.classify(clip, sampling="given").logits
            assert np.array_equal(logits, answer), name

    def test_mmap_is_held_until_close(self, released, clip, answer):
        with open(released.model, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        model = dualpath.Model(mapped)
        session = dualpath.Session(model)
        model.close()
        with pytest.raises(BufferError):
            mapped.close()
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        session.close()
        mapped.close()

    def test_memory_is_not_copied(self, released):
        data = bytearray(Path(released.model).read_bytes())
        address = ctypes.addressof(ctypes.c_char.from_buffer(data))
        calls = []
        library = _lib.library()
        open_memory = library.dp_model_open_memory
        library.dp_model_open_memory = lambda *a: calls.append(a[:2]) or open_memory(*a)
        try:
            model = dualpath.Model(data)
        finally:
            library.dp_model_open_memory = open_memory
        assert calls == [(address, len(data))]
        model.close()
        gc.collect()
        data.append(0)  # possible again: nothing refers to the bytes

    def test_unfused_is_another_computation(self, released, model):
        with dualpath.Model(released.model, unfused=True) as unfused:
            assert unfused.info.macs > model.info.macs

    @pytest.mark.parametrize("cpu", TIERS)
    def test_cpu(self, released, clip, answer, cpu):
        with dualpath.Model(released.model, cpu=cpu) as model:
            assert model.info.kernels in TIERS[: TIERS.index(cpu) + 1]
            logits = dualpath.classify(model, clip, sampling="given").logits
        np.testing.assert_allclose(logits, answer, rtol=0, atol=1e-4 * np.abs(answer).max())

    @pytest.mark.parametrize("cpu", [None, *TIERS])
    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_precision(self, released, model, clip, answer, precision, cpu):
        with dualpath.Model(released.model, precision=precision, cpu=cpu) as rounded:
            assert rounded.info.precision == precision and precision in rounded.description
            assert rounded.info.weight_bytes < model.info.weight_bytes
            logits = dualpath.classify(rounded, clip, sampling="given").logits
        assert not np.array_equal(logits, answer)
        tolerance = PRECISIONS[precision] * np.abs(answer).max()
        np.testing.assert_allclose(logits, answer, rtol=0, atol=tolerance)

    def test_f32_is_the_default_precision(self, released, clip, answer):
        with dualpath.Model(released.model, precision="f32") as exact:
            logits = dualpath.classify(exact, clip, sampling="given").logits
        assert np.array_equal(logits, answer)

    def test_auto_precision(self, released):
        with dualpath.Model(released.model, precision="auto", cpu="avx512") as without_bf16:
            assert without_bf16.info.precision == "f32"
        with dualpath.Model(released.model, precision="auto") as auto:
            assert auto.info.precision == ("bf16" if "bf16" in auto.info.kernels else "f32")

    def test_unfused_is_f32_only(self, released):
        for precision in PRECISIONS:
            with pytest.raises(dualpath.ArgumentError, match="unfused models are f32 only"):
                dualpath.Model(released.model, precision=precision, unfused=True)
        with dualpath.Model(released.model, precision="auto", unfused=True) as unfused:
            assert unfused.info.precision == "f32"

    @pytest.mark.parametrize("precision", ["f32", *PRECISIONS])
    def test_compiled(self, released, clip, precision, tmp_path):
        path = tmp_path / "compiled.gguf"
        dualpath.compile_model(released.model, path, precision=precision)
        assert [file.name for file in tmp_path.iterdir()] == ["compiled.gguf"]
        dualpath.verify(path)
        with dualpath.Model(released.model, precision=precision) as canonical:
            expected = dualpath.classify(canonical, clip, sampling="given").logits
            assert not canonical.info.compiled
        for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
            with dualpath.Model(source) as compiled:
                assert compiled.info.compiled
                assert compiled.info.precision == precision
                assert compiled.info.target == canonical.info.target
                assert compiled.labels == canonical.labels
                logits = dualpath.classify(compiled, clip, sampling="given").logits
            assert np.array_equal(logits, expected)

    def test_compiled_for_another_machine(self, released, tmp_path):
        path = tmp_path / "compiled.gguf"
        dualpath.compile_model(released.model, path, precision="int8", target="avx512")
        with pytest.raises(dualpath.UnsupportedError, match="compiled for avx512, which"):
            dualpath.Model(path, cpu="c")
        with pytest.raises(dualpath.UnsupportedError, match="precision int8, and bf16 was asked"):
            dualpath.compile_model(path, tmp_path / "other.gguf", precision="bf16")
        with pytest.raises(ValueError, match="unknown target 'sse': one of native, plain"):
            dualpath.compile_model(released.model, path, target="sse")
        with pytest.raises(FileNotFoundError):
            dualpath.compile_model(released.model, tmp_path / "no" / "folder.gguf")
        assert [file.name for file in tmp_path.iterdir()] == ["compiled.gguf"]

    def test_verify(self, released, tmp_path):
        dualpath.verify(released.model)
        data = bytearray(Path(released.model).read_bytes())
        data[len(data.rstrip(b"\0")) - 1] ^= 1  # of the last tensor: padding is not checked
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(data)
        with pytest.raises(dualpath.ChecksumError) as raised:
            dualpath.verify(broken)
        assert raised.value.status == 7 and "head" in str(raised.value)
        with pytest.raises(dualpath.ChecksumError):
            dualpath.Model(broken, verify=True)

    def test_errors(self, released, tmp_path):
        with pytest.raises(dualpath.ReadError, match="missing.gguf"):
            dualpath.Model(tmp_path / "missing.gguf")
        data = Path(released.model).read_bytes()
        for bad in (b"", b"GGUF", b"no weight file at all", data[: len(data) // 2]):
            with pytest.raises(dualpath.FormatError) as raised:
                dualpath.Model(bad)
            assert raised.value.message and raised.value.status == 5
        with pytest.raises(dualpath.DualPathError):
            dualpath.Model(gzip.compress(data), max_inflated_size=1000)
        for bad in (None, 3, ["model.gguf"]):
            with pytest.raises(TypeError, match="path, a bytes-like object or a binary file"):
                dualpath.Model(bad)
        with pytest.raises(TypeError, match="binary mode"):
            dualpath.Model(io.StringIO("GGUF"))
        with pytest.raises(ValueError, match="contiguous"):
            dualpath.Model(np.zeros(100, np.uint8)[::2])
        with pytest.raises(ValueError, match="null character"):
            dualpath.Model("model\0.gguf")
        with pytest.raises(ValueError, match="'sse'"):
            dualpath.Model(released.model, cpu="sse")
        for bad in ("f16", "BF16", "", 1):
            with pytest.raises(ValueError, match=f"unknown precision {bad!r}: one of f32, bf16"):
                dualpath.Model(released.model, precision=bad)

    def test_closed(self, released):
        model = dualpath.Model(released.model)
        model.close()
        model.close()
        assert model.info.classes == 3 and "closed" in repr(model)
        with pytest.raises(ValueError, match="the model is closed"):
            dualpath.Session(model)
        with pytest.raises(ValueError, match="the model is closed"):
            dualpath.Session.size(model)


class Trickle:
    """A file that can only be read, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._sizes = itertools.cycle((1, 7, 1000))

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, next(self._sizes)))


class TestSession:
    def test_result(self, session, model, clip, answer):
        result = session.classify(clip, sampling="given")
        assert np.array_equal(result.logits, answer)
        for array, size in (
            (result.logits, model.classes),
            (result.probabilities, model.classes),
            (result.feature_temporal, model.feature_size),
            (result.feature_spatial, model.feature_size),
        ):
            assert array.dtype == np.float32 and array.shape == (size,) and array.flags.owndata
        softmax = np.exp(answer - answer.max())
        np.testing.assert_allclose(result.probabilities, softmax / softmax.sum(), rtol=1e-5)
        assert result.macs == model.info.macs
        parts = result.timings
        assert parts.total_ms > 0
        assert parts.frames_ms + parts.patches_ms + parts.blocks_ms + parts.head_ms <= (
            parts.total_ms * 1.01
        )
        with pytest.raises(AttributeError):
            result.logits = None

    def test_results_outlive_the_next_call(self, session, clip, answer):
        first = session.classify(clip, sampling="given")
        second = session.classify(255 - clip, sampling="given")
        assert not np.array_equal(second.logits, answer)
        assert np.array_equal(first.logits, answer)
        session.close()
        assert np.array_equal(first.logits, answer)

    def test_top(self, session, model, clip):
        with pytest.raises(dualpath.ArgumentError):
            session.top()
        result = session.classify(clip, sampling="given")
        assert session.top(3) == result.top(3) == result.top(100)
        assert [p.index for p in result.top()] == list(np.argsort(-result.logits))
        best = result.top(1)[0]
        assert best.label == model.labels[best.index]
        assert best.probability == result.probabilities.max()
        for k in (0, -1):
            with pytest.raises(ValueError, match="k must be"):
                result.top(k)
        for k in (0, 4):
            with pytest.raises(ValueError, match="k must be 1 .. 3"):
                session.top(k)

    def test_threads_change_nothing(self, model, clip, answer):
        for threads in (1, 2, 3):
            with dualpath.Session(model, threads=threads) as session:
                assert session.threads == threads
                assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_arena(self, model, clip, answer):
        size = dualpath.Session.size(model, threads=2)
        with dualpath.Session(model, threads=2, arena=size) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        with pytest.raises(dualpath.ArenaError, match=str(size)):
            dualpath.Session(model, threads=2, arena=size - 64)
        with pytest.raises(dualpath.ArenaError):
            dualpath.Session(model, threads=2, arena=0)

    def test_image_by_image(self, model, clip, answer):
        size = dualpath.Session.size(model, threads=2, image_by_image=True)
        assert 2 * size < dualpath.Session.size(model, threads=2)
        with dualpath.Session(model, threads=2, image_by_image=True, arena=size) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
            with pytest.raises(dualpath.ArgumentError, match="image by image"):
                session.view(clip, sampling="given")

    @pytest.mark.parametrize("image_by_image", [False, True])
    def test_push(self, model, clip, answer, image_by_image):
        buffer = np.empty_like(clip[0])
        with dualpath.Session(model, threads=2, image_by_image=image_by_image) as session:
            session.begin()
            for i, frame in enumerate(clip):
                with pytest.raises(dualpath.ArgumentError, match=f"has {i} frames of the 16"):
                    session.finish()
                buffer[:] = frame
                session.push(dualpath.Frame(buffer) if i % 2 else buffer)
                buffer[:] = 0
            with pytest.raises(dualpath.ArgumentError, match="16 frames already"):
                session.push(buffer)
            result = session.finish()
            assert np.array_equal(result.logits, answer)
            assert session.top()[0] == result.top(1)[0]

    def test_push_in_disorder(self, session, clip, answer):
        for call in (lambda: session.push(clip[0]), session.finish):
            with pytest.raises(dualpath.ArgumentError, match="no clip is open"):
                call()
        with pytest.raises(ValueError, match="crop must be 0 .. 2"):
            session.begin(3, 3)
        with pytest.raises(ValueError, match="crops must be 1 .. 64"):
            session.begin(0, 65)
        session.begin()
        session.push(clip[0])
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        with pytest.raises(dualpath.ArgumentError, match="no clip is open"):
            session.push(clip[1])
        session.begin()
        with pytest.raises(TypeError, match="uint8"):
            session.push(clip[0].tolist())
        for frame in clip:
            session.push(frame)
        assert np.array_equal(session.finish().logits, answer)

    def test_options_out_of_range(self, session, model, clip):
        for threads in (-1, 257, 2**32 + 1):
            with pytest.raises(ValueError, match="threads must be 0 .. 256"):
                dualpath.Session(model, threads=threads)
        with pytest.raises(TypeError):
            dualpath.Session(model, threads=1.5)
        with pytest.raises(ValueError, match="unknown sampling 'middle': one of center"):
            session.classify(clip, sampling="middle")
        for option, limit in (("rate", 65536), ("views", 256), ("crops", 64)):
            for value in (0, -1, limit + 1, 2**32 + 1):
                with pytest.raises(ValueError, match=f"{option} must be 1 .. {limit}"):
                    session.classify(clip, **{option: value})

    def test_wrong_count_as_given(self, session, clip, answer):
        with pytest.raises(dualpath.DualPathError, match="16"):
            session.classify(clip[:15], sampling="given")
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_sampling(self, session, clip, answer):
        long = np.zeros((80, *clip.shape[1:]), np.uint8)
        long[8:72:4] = clip  # of the 20 frames 0, 4, 8, ... the centre 16
        assert np.array_equal(session.classify(long, rate=4).logits, answer)
        assert np.array_equal(session.classify(long[8:], sampling="first", rate=4).logits, answer)

    def test_peak(self, session):
        assert session.peak(5) > 0.1
        with pytest.raises(dualpath.ArgumentError):
            session.peak(0)

    def test_closed(self, model, clip):
        session = dualpath.Session(model)
        session.close()
        session.close()
        for call in (lambda: session.classify(clip), session.top, session.peak):
            with pytest.raises(ValueError, match="the session is closed"):
                call()


class TestFrames:
    """Each of these clips is the same one, or says why not."""

    def same(self, session, clip, answer) -> bool:
        return np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_layouts(self, session, clip, answer):
        t, h, w, _ = clip.shape
        wide = np.full((t, h + 3, w + 5, 3), 99, np.uint8)
        wide[:, 2 : h + 2, 4 : w + 4] = clip
        fortran = np.ascontiguousarray(clip.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        read_only = clip.copy()
        read_only.flags.writeable = False
        layouts = {
            "window": wide[:, 2 : h + 2, 4 : w + 4],
            "upside down": np.ascontiguousarray(clip[:, ::-1])[:, ::-1],
            "backwards": np.ascontiguousarray(clip[::-1])[::-1],
            "rows of all frames together": fortran,
            "every second": np.repeat(clip, 2, axis=0)[::2],
            "read-only": read_only,
            "list": list(clip),
            "tuple of frames": tuple(dualpath.Frame(f) for f in clip),
        }
        for name, layout in layouts.items():
            assert self.same(session, layout, answer), name

    def test_nothing_is_copied(self, session):
        clip = np.zeros((64, 256, 256, 3), np.uint8)[:, ::-1]
        for index, descriptor in enumerate(frames.describe(clip)):
            assert descriptor.plane[0] == clip[index].ctypes.data
            assert descriptor.stride[0] == -256 * 3
        tracemalloc.start()
        session.classify(clip, rate=1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 200_000

    def test_channel_orders(self, session, clip, answer):
        alpha = np.random.default_rng(5).integers(0, 256, (*clip.shape[:3], 1), np.uint8)
        bgr = np.ascontiguousarray(clip[..., ::-1])
        rgba, bgra = np.concatenate([clip, alpha], -1), np.concatenate([bgr, alpha], -1)
        assert self.same(session, rgba, answer)
        for format, pixels in (("bgr24", bgr), ("rgba", rgba), ("bgra", bgra)):
            planes = [dualpath.Frame(p, format=format) for p in pixels]
            assert self.same(session, planes, answer), format
        assert not self.same(session, bgr, answer)

    def test_gray(self, session, clip):
        gray = np.ascontiguousarray(clip[..., 0])
        expected = session.classify(np.repeat(gray[..., None], 3, -1), sampling="given").logits
        for pixels in (gray, gray[..., None], list(gray), [dualpath.Frame(g) for g in gray]):
            assert self.same(session, pixels, expected)

    def test_chroma_planes(self, session, clip):
        t, h, w, _ = clip.shape
        luma = np.ascontiguousarray(clip[..., 1])
        chroma = np.random.default_rng(6).integers(0, 256, (t, (h + 1) // 2, (w + 1) // 2, 2))
        chroma = chroma.astype(np.uint8)
        neutral = np.full_like(chroma, 128)

        def nv12(c, **options):
            return [dualpath.Frame(y, uv, format="nv12", **options) for y, uv in zip(luma, c)]

        def i420(c):
            u, v = (np.ascontiguousarray(c[..., k]) for k in (0, 1))
            return [dualpath.Frame(*p, format="i420") for p in zip(luma, u, v)]

        gray = session.classify(luma, sampling="given").logits
        full = session.classify(nv12(neutral, color="bt601-full"), sampling="given").logits
        np.testing.assert_allclose(full, gray, rtol=0, atol=1e-4 * np.abs(gray).max())
        colored = session.classify(nv12(chroma), sampling="given").logits
        assert self.same(session, i420(chroma), colored)
        answers = {
            session.classify(nv12(chroma, color=color), sampling="given").logits.tobytes()
            for color in frames.COLORS
        }
        assert len(answers) == 4

    def test_sizes_differ(self, session, clip, answer):
        h, w = clip.shape[1:3]
        mixed = list(clip[:15]) + [np.zeros((h * 2, w + 9, 3), np.uint8)]
        logits = session.classify(mixed, sampling="given").logits
        assert logits.shape == answer.shape and not np.array_equal(logits, answer)

    def test_unusable(self, session, clip):
        frame = clip[0]
        unusable = [
            (TypeError, "not float32", clip.astype(np.float32)),
            (TypeError, "not int8", list(clip.astype(np.int8))),
            (TypeError, "list of frames, not generator", (f for f in clip)),
            (TypeError, "list of frames, not Frame", dualpath.Frame(frame)),
            (TypeError, "not bytes", [b"frame"]),
            (TypeError, "not str", "clip.mp4"),
            (ValueError, "at least one frame", []),
            (ValueError, "at least one frame", clip[:0]),
            (ValueError, "1 .. 65536", clip[:, :0]),
            (ValueError, "1 .. 65536", np.broadcast_to(frame[:1, :1], (1, 1, 65537, 3))),
            (ValueError, "ambiguous", frame),
            (ValueError, r"\[T, H, W, 3\]", clip[None]),
            (ValueError, r"shape \[32, 32, 2\]", clip[..., :2]),
            (ValueError, "bytes of a row must be adjacent", clip[:, :, ::-1]),
            (ValueError, "bytes of a row must be adjacent", clip[:, :, ::2]),
            (ValueError, "bytes of a row must be adjacent", clip[..., ::-1]),
            (ValueError, "bytes of a row must be adjacent", clip.transpose(0, 2, 1, 3)),
        ]
        for error, message, frames_ in unusable:
            with pytest.raises(error, match=message):
                session.classify(frames_)

    def test_unusable_planes(self):
        y, uv, u = (np.zeros(s, np.uint8) for s in ((5, 7), (3, 4, 2), (3, 4)))
        dualpath.Frame(y, uv, format="nv12")
        dualpath.Frame(y, u, u, format="i420")
        for error, message, planes, options in (
            (TypeError, "at least one plane", (), {}),
            (TypeError, "needs a format", (y, uv), {}),
            (ValueError, "unknown format 'yuv'", (y,), {"format": "yuv"}),
            (ValueError, "unknown color 'srgb'", (y,), {"color": "srgb"}),
            (ValueError, "nv12 has 2 planes, not 1", (y,), {"format": "nv12"}),
            (ValueError, "3 rows and 4 columns", (y, uv[:2]), {"format": "nv12"}),
            (ValueError, "3 rows and 4 columns", (y, u, u[:, :3]), {"format": "i420"}),
            (ValueError, r"must be \[H, W, 2\]", (y, u), {"format": "nv12"}),
            (ValueError, r"must be \[H, W, 3\]", (y,), {"format": "rgb24"}),
            (TypeError, "not list", (y, [1]), {"format": "nv12"}),
        ):
            with pytest.raises(error, match=message):
                dualpath.Frame(*planes, **options)


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
            with pytest.raises(ZeroDivisionError):
                callbacks.raise_kept()
            callbacks.raise_kept()

    def test_reader_fills_gaps(self):
        data, buffer = bytes(range(256)) * 20, ctypes.create_string_buffer(16)
        source = reader(Trickle(data), [])
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
        assert freed == ["dp_session_destroy"]
        assert np.array_equal(two.classify(clip, sampling="given").logits, answer)
        two.close()
        assert freed == ["dp_session_destroy"] * 2 + ["dp_pool_destroy"]

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
        assert freed == ["dp_session_destroy"]
        assert np.array_equal(two.classify(clip, sampling="given").logits, answer)
        two.close()
        assert freed == ["dp_session_destroy"] * 2 + ["dp_model_close"]

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
            assert freed == ["dp_session_destroy", "dp_model_close"]
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


def test_view(session, model):
    info = model.info
    frames = np.zeros((info.frames, info.input_size, info.input_size, 3), np.uint8)
    frames[:] = np.arange(info.frames).reshape(-1, 1, 1, 1) * 10
    spatial, temporal = session.view(frames, sampling="given")
    assert spatial.shape == (info.spatial_frames, 3, info.input_size, info.input_size)
    assert temporal.shape == (info.framesets, 3, info.input_size, info.input_size)
    shown = spatial[3, 1] * info.std[1] + info.mean[1]
    step = info.frames // info.spatial_frames
    np.testing.assert_allclose(shown, 3 * step * 10 / 255, atol=1e-6)
    twice = np.concatenate([frames, frames + 3])
    late = session.view(twice, 1, sampling="first", rate=1, views=2)[1]
    np.testing.assert_array_equal(late, session.view(twice[info.frames // 2:], rate=1,
                                                     sampling="first")[1])
    with pytest.raises(ValueError, match="view must be 0 .. 0"):
        session.view(twice, 1)
