"""Models: the golden answers, ways to open, precisions, compiled files, errors."""

from __future__ import annotations

import ctypes
import gc
import gzip
import io
import mmap
from pathlib import Path

import numpy as np
import pytest
from native import TIERS, Trickle

import dualpath
from dualpath import _lib

# Off by at most 0.0097 (bf16) and 0.017 (int8) of the largest logit or feature on any instruction
# set when it was measured: the largest rounding of a number is 2^-9 and 1/254.
PRECISIONS = {"bf16": 0.02, "int8": 0.04}


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
        with pytest.raises(dualpath.WriteError, match="cannot create .*No such file"):
            dualpath.compile_model(released.model, tmp_path / "no" / "folder.gguf")
        assert [file.name for file in tmp_path.iterdir()] == ["compiled.gguf"]

    def test_compiled_to_a_file_object(self, released, tmp_path):
        path = tmp_path / "compiled.gguf"
        written = io.BytesIO()
        dualpath.compile_model(released.model, path, precision="int8", target="plain")
        dualpath.compile_model(released.model, written, precision="int8", target="plain")
        assert written.getvalue() == path.read_bytes()

        class Full(io.RawIOBase):
            def write(self, data):
                raise OSError(28, "No space left on device")

        class Busy(io.RawIOBase):
            def write(self, data):
                return None  # what would have to wait, by the rules of io

        with pytest.raises(OSError, match="No space left"):
            dualpath.compile_model(released.model, Full())
        with pytest.raises(dualpath.WriteError, match="write"):
            dualpath.compile_model(released.model, Busy())
        with pytest.raises(TypeError):
            dualpath.compile_model(released.model, 3)

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

    def test_verify_any_source(self, released):
        data = Path(released.model).read_bytes()
        packed = gzip.compress(data)
        damaged = bytearray(data)
        damaged[len(data.rstrip(b"\0")) - 1] ^= 1
        for good in (data, memoryview(data), io.BytesIO(data), packed, io.BytesIO(packed)):
            dualpath.verify(good)
        for bad in (damaged, io.BytesIO(damaged), gzip.compress(damaged)):
            with pytest.raises(dualpath.ChecksumError):
                dualpath.verify(bad)
        with pytest.raises(dualpath.DualPathError, match="limit of 1000 bytes"):
            dualpath.verify(packed, max_inflated_size=1000)
        with pytest.raises(TypeError, match="path, a bytes-like object or a binary file"):
            dualpath.verify(None)

    def test_max_memory(self, released):
        data = Path(released.model).read_bytes()
        for few in (1, 1000, len(data)):
            with pytest.raises(dualpath.OutOfMemoryError, match=f"max_memory is {few}"):
                dualpath.Model(io.BytesIO(data), max_memory=few)
        with pytest.raises(dualpath.OutOfMemoryError, match="max_memory is 1000"):
            dualpath.verify(data, max_memory=1000)
        with pytest.raises(ValueError, match="max_memory"):
            dualpath.Model(data, max_memory=0)
        with dualpath.Model(data, max_memory=1 << 20) as model:
            sessions = []
            with pytest.raises(dualpath.OutOfMemoryError, match="a session.*max_memory is 1048576"):
                while True:
                    sessions.append(dualpath.Session(model, threads=1))
            assert 1 <= len(sessions) < 100
            sessions.pop().close()
            sessions.append(dualpath.Session(model, threads=1))
            for session in sessions:
                session.close()

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
