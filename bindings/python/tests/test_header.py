"""Structs, numbers, statuses and calls of the binding against the header, in C."""

from __future__ import annotations

import ctypes
import re

import pytest
from native import HEADER, TIERS, evaluate_c

import dualpath
from dualpath import _lib, _protocol, events, frames
from dualpath import model as model_module
from dualpath import session as session_module
from dualpath import stream as stream_module

STRUCTS = [
    value
    for value in vars(_lib).values()
    if isinstance(value, type) and issubclass(value, ctypes.Structure) and "_fields_" in vars(value)
]
WITH_SIZE = [s for s in STRUCTS if s._fields_[0][0] == "struct_size"]


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
        assert len(STRUCTS) == 16
        assert dict(zip(expressions, evaluate_c(expressions, tmp_path))) == dict(
            zip(expressions, expected)
        )

    def test_numbers(self, tmp_path):
        expected = {
            "DP_ABI_VERSION": _lib.ABI_VERSION,
            "DP_MAX_FRAME_SIDE": frames.MAX_SIDE,
            "DP_MAX_ASPECT": frames.MAX_ASPECT,
            "DP_MAX_THREADS": session_module.MAX_THREADS,
            "DP_MAX_VIEWS": _protocol.MAX_VIEWS,
            "DP_MAX_CROPS": _protocol.MAX_CROPS,
            "DP_MAX_HOP": stream_module.MAX_HOP,
            "DP_MAX_SMOOTH": events.MAX_SMOOTH,
            "DP_LOG_WARNING": 1,
            "DP_LOG_INFO": 2,
        }
        for name in ("f32", "bf16", "int8", "auto"):
            expected[f"DP_PRECISION_{name.upper()}"] = _lib.number_of("precision", name)
        for name in ("native", "plain", "rows", "avx2", "avx512", "neon"):
            expected[f"DP_TARGET_{name.upper()}"] = _lib.number_of("target", name)
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
        assert list(masks) == TIERS and set(TIERS) == set(model_module.CPU_SETS)
        for name, mask in masks.items():
            expected[mask] = model_module.CPU_SETS[name]
        for name in ("model", "center", "first", "uniform", "given", "interval", "spread", "segments"):
            expected[f"DP_SAMPLING_{name.upper()}"] = _lib.number_of("sampling", name)
        for name in ("rgb24", "bgr24", "rgba", "bgra", "gray8", "nv12", "i420"):
            expected[f"DP_FORMAT_{name.upper()}"] = _lib.number_of("format", name)
        for name in ("bt601-limited", "bt601-full", "bt709-limited", "bt709-full"):
            number = _lib.number_of("color", name)
            expected[f"DP_COLOR_{name.upper().replace('-', '_')}"] = number
        assert dict(zip(expected, evaluate_c(list(expected), tmp_path))) == expected

    def test_statuses(self, tmp_path):
        numbers = evaluate_c(
            [f"DP_ERR_{name}" for name in re.findall(r"DP_ERR_(\w+) = \d", HEADER.read_text())],
            tmp_path,
        )
        classes = {number: type(dualpath.errors.error_for(number, "")) for number in numbers}
        assert len(numbers) == len(set(classes.values())) == 14
        for number, cls in classes.items():
            assert f"(DP_ERR_{_status_name(number)})" in cls.__doc__

    def test_every_call_is_declared(self):
        if not HEADER.exists():
            pytest.skip("the header is not here: not a source tree")
        declared = set(re.findall(r"^DP_API [\w\s*]*?\b(dp_\w+)\(", HEADER.read_text(), re.M))
        bound = {*_lib._PROTOTYPES, *_lib._EXPERIMENTAL}
        assert declared - bound == {
            f"dp_{kind}_from_name"
            for kind in (
                "status", "precision", "target", "method", "sampling", "format", "color", "full"
            )
        }
        assert bound <= declared

    @pytest.mark.parametrize("struct", WITH_SIZE, ids=lambda s: s.__name__)
    def test_default_states_the_size(self, struct):
        assert _lib.default(struct).struct_size == ctypes.sizeof(struct)

    def test_struct_too_small(self, released):
        options, pointer = _lib.default(_lib.dp_model_options), ctypes.POINTER(_lib.dp_model)()
        options.struct_size = 4
        status = _lib.library().dp_model_open(
            released.model.encode(), ctypes.byref(options), ctypes.byref(pointer)
        )
        assert status == 1 and not pointer
        with pytest.raises(dualpath.ArgumentError, match="struct_size"):
            _lib.check(status)


def _status_name(number: int) -> str:
    return _lib.name_of("status", number)[len("DP_ERR_") :]
