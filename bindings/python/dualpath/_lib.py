"""The C interface: dualpath.h mirrored for ctypes, and the shared library found and loaded.

Structs carry their C names and follow the header field by field. The five that only the library
knows have a type each, so that ctypes refuses one where another is wanted. Nothing is loaded before
library() is called for the first time.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
import os
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any, TypeVar

from ._advice import better_choice, named
from ._system import find_in_system, library_name
from ._version import ABI_VERSION, VERSION
from .errors import LibraryError, error_for

LIBRARY_NAME = library_name(sys.platform, ABI_VERSION)
LIBRARY_VARIABLE = "DUALPATH_LIBRARY"

LOG_FN = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
PROGRESS_FN = CFUNCTYPE(c_int, c_void_p, c_char_p, c_double)
READ_FN = CFUNCTYPE(c_int64, c_void_p, c_uint64, c_void_p, c_size_t)
WRITE_FN = CFUNCTYPE(c_int64, c_void_p, c_void_p, c_size_t)


class dp_model(Structure):
    pass


class dp_pool(Structure):
    pass


class dp_session(Structure):
    pass


class dp_stream(Structure):
    pass


class dp_events(Structure):
    pass


class dp_model_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("log", LOG_FN),
        ("log_user", c_void_p),
        ("progress", PROGRESS_FN),
        ("progress_user", c_void_p),
        ("max_inflated_size", c_size_t),
        ("verify", c_int32),
        ("unfused", c_int32),
        ("cpu_mask", c_uint32),
        ("precision", c_int32),
        ("target", c_int32),
        ("as_backbone", c_int32),
        ("max_memory", c_size_t),
    ]


class dp_reader(Structure):
    _fields_ = [("read", READ_FN), ("user", c_void_p), ("reserved", c_void_p * 2)]


class dp_writer(Structure):
    _fields_ = [("write", WRITE_FN), ("user", c_void_p), ("reserved", c_void_p * 2)]


class dp_model_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("description", c_char_p),
        ("kernels", c_char_p),
        ("file_type", c_char_p),
        ("backbone", c_char_p),
        ("precision", c_int32),
        ("target", c_int32),
        ("compiled", c_int32),
        ("input_size", c_int32),
        ("patch_size", c_int32),
        ("width", c_int32),
        ("heads", c_int32),
        ("blocks", c_int32),
        ("feature_size", c_int32),
        ("classes", c_int32),
        ("frames", c_int32),
        ("spatial_frames", c_int32),
        ("grid", c_int32),
        ("framesets", c_int32),
        ("sampling_rate", c_int32),
        ("adapter_width", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
        ("parameters", c_int64),
        ("adapter_parameters", c_int64),
        ("macs", c_int64),
        ("weight_bytes", c_int64),
        ("shared_bytes", c_int64),
        ("counted_bytes", c_int64),
        ("method", c_int32),
        ("prompts", c_int32),
        ("protocol", c_char_p),
        ("past_end", c_char_p),
        ("average", c_char_p),
        ("resize_filter", c_char_p),
        ("resize_long_side", c_char_p),
        ("crop_offset", c_char_p),
        ("sampling", c_int32),
        ("views", c_int32),
        ("crops", c_int32),
        ("resize_antialias", c_int32),
        ("grid_antialias", c_int32),
        ("position_antialias", c_int32),
    ]


class dp_pool_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("threads", c_int32),
        ("reserved", c_int32),
    ]


class dp_session_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("arena", c_void_p),
        ("arena_size", c_size_t),
        ("log", LOG_FN),
        ("log_user", c_void_p),
        ("progress", PROGRESS_FN),
        ("progress_user", c_void_p),
        ("pool", POINTER(dp_pool)),
        ("scheduler", c_void_p),
        ("threads", c_int32),
        ("image_by_image", c_int32),
        ("attention", c_int32),
        ("reserved", c_int32),
    ]


class dp_frame(Structure):
    _fields_ = [
        ("plane", c_void_p * 3),
        ("stride", c_ssize_t * 3),
        ("width", c_int32),
        ("height", c_int32),
        ("format", c_int32),
        ("color", c_int32),
        ("rotation", c_int32),
        ("mirrored", c_int32),
        ("aspect_width", c_int32),
        ("aspect_height", c_int32),
        ("reserved", c_int32 * 4),
    ]


class dp_clip(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("frames", POINTER(dp_frame)),
        ("frame_count", c_size_t),
        ("sampling", c_int32),
        ("rate", c_int32),
        ("views", c_int32),
        ("crops", c_int32),
    ]


class dp_timings(Structure):
    _fields_ = [
        ("total_ms", c_double),
        ("frames_ms", c_double),
        ("patches_ms", c_double),
        ("blocks_ms", c_double),
        ("head_ms", c_double),
        ("reserved", c_double * 3),
    ]


class dp_result(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("logits", POINTER(c_float)),
        ("probabilities", POINTER(c_float)),
        ("feature_temporal", POINTER(c_float)),
        ("feature_spatial", POINTER(c_float)),
        ("reserved", c_void_p),
        ("classes", c_int32),
        ("feature_size", c_int32),
        ("macs", c_int64),
        ("timings", dp_timings),
    ]


class dp_attention(Structure):
    _fields_ = [
        ("weights", POINTER(c_float)),
        ("images", c_int32),
        ("heads", c_int32),
        ("tokens", c_int32),
        ("side", c_int32),
        ("reserved", c_void_p * 2),
    ]


class dp_prediction(Structure):
    _fields_ = [
        ("index", c_int32),
        ("logit", c_float),
        ("probability", c_float),
        ("reserved", c_int32 * 5),
        ("label", c_char_p),
    ]


class dp_stream_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("arena", c_void_p),
        ("arena_size", c_size_t),
        ("sample_fps", c_double),
        ("rate", c_int32),
        ("hop", c_int32),
        ("crop", c_int32),
        ("crops", c_int32),
        ("queue", c_int32),
        ("full", c_int32),
        ("skip_unchanged", c_int32),
        ("reserved", c_int32),
    ]


class dp_window(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("frames", POINTER(c_int64)),
        ("times_us", POINTER(c_int64)),
        ("logits", POINTER(c_float)),
        ("probabilities", POINTER(c_float)),
        ("feature_temporal", POINTER(c_float)),
        ("feature_spatial", POINTER(c_float)),
        ("reserved", c_void_p),
        ("number", c_int64),
        ("dropped", c_int64),
        ("macs", c_int64),
        ("timings", dp_timings),
        ("ready", c_int32),
        ("frame_count", c_int32),
        ("classes", c_int32),
        ("feature_size", c_int32),
    ]


class dp_events_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("arena", c_void_p),
        ("arena_size", c_size_t),
        ("begin_at", c_double),
        ("end_below", c_double),
        ("entropy", c_double),
        ("shortest_us", c_int64),
        ("join_us", c_int64),
        ("smooth", c_int32),
        ("single", c_int32),
    ]


class dp_event(Structure):
    _fields_ = [
        ("start_us", c_int64),
        ("end_us", c_int64),
        ("peak_us", c_int64),
        ("peak", c_float),
        ("mean", c_float),
        ("index", c_int32),
        ("windows", c_int32),
        ("reserved", c_int64 * 2),
    ]


_MODEL_OPTIONS, _SESSION_OPTIONS = POINTER(dp_model_options), POINTER(dp_session_options)
_STREAM_OPTIONS, _EVENTS_OPTIONS = POINTER(dp_stream_options), POINTER(dp_events_options)
_MODEL, _POOL, _SESSION = POINTER(dp_model), POINTER(dp_pool), POINTER(dp_session)
_STREAM, _EVENTS = POINTER(dp_stream), POINTER(dp_events)

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "dp_version": (c_uint32, []),
    "dp_version_string": (c_char_p, []),
    "dp_abi_version": (c_uint32, []),
    "dp_last_message": (c_char_p, []),
    "dp_status_name": (c_char_p, [c_int32]),
    "dp_precision_name": (c_char_p, [c_int32]),
    "dp_target_name": (c_char_p, [c_int32]),
    "dp_method_name": (c_char_p, [c_int32]),
    "dp_sampling_name": (c_char_p, [c_int32]),
    "dp_format_name": (c_char_p, [c_int32]),
    "dp_color_name": (c_char_p, [c_int32]),
    "dp_full_name": (c_char_p, [c_int32]),
    "dp_frame_init_packed": (c_uint64, [POINTER(dp_frame), c_int32, c_void_p, c_int32, c_int32]),
    "dp_model_options_init": (None, [_MODEL_OPTIONS, c_size_t]),
    "dp_model_open": (c_int, [c_char_p, _MODEL_OPTIONS, POINTER(_MODEL)]),
    "dp_model_open_memory": (c_int, [c_void_p, c_size_t, _MODEL_OPTIONS, POINTER(_MODEL)]),
    "dp_model_open_reader": (c_int, [POINTER(dp_reader), _MODEL_OPTIONS, POINTER(_MODEL)]),
    "dp_model_open_task": (c_int, [_MODEL, c_char_p, _MODEL_OPTIONS, POINTER(_MODEL)]),
    "dp_model_open_task_memory": (
        c_int,
        [_MODEL, c_void_p, c_size_t, _MODEL_OPTIONS, POINTER(_MODEL)],
    ),
    "dp_model_open_task_reader": (
        c_int,
        [_MODEL, POINTER(dp_reader), _MODEL_OPTIONS, POINTER(_MODEL)],
    ),
    "dp_model_compile": (c_int, [_MODEL, c_char_p]),
    "dp_model_compile_watched": (c_int, [_MODEL, c_char_p, PROGRESS_FN, c_void_p]),
    "dp_model_compile_memory": (c_int, [_MODEL, c_void_p, c_size_t, POINTER(c_size_t)]),
    "dp_model_compile_writer": (c_int, [_MODEL, POINTER(dp_writer)]),
    "dp_model_close": (None, [_MODEL]),
    "dp_model_info_init": (None, [POINTER(dp_model_info), c_size_t]),
    "dp_model_get_info": (c_int, [_MODEL, POINTER(dp_model_info)]),
    "dp_model_label": (c_char_p, [_MODEL, c_int32]),
    "dp_model_sample_view": (c_int, [_MODEL, POINTER(dp_clip), c_int32, c_int32, POINTER(c_size_t)]),
    "dp_model_verify": (c_int, [c_char_p, _MODEL_OPTIONS]),
    "dp_model_verify_memory": (c_int, [c_void_p, c_size_t, _MODEL_OPTIONS]),
    "dp_model_verify_reader": (c_int, [POINTER(dp_reader), _MODEL_OPTIONS]),
    "dp_pool_options_init": (None, [POINTER(dp_pool_options), c_size_t]),
    "dp_pool_create": (c_int, [POINTER(dp_pool_options), POINTER(_POOL)]),
    "dp_pool_destroy": (None, [_POOL]),
    "dp_pool_threads": (c_int32, [_POOL]),
    "dp_session_options_init": (None, [_SESSION_OPTIONS, c_size_t]),
    "dp_session_size": (c_int, [_MODEL, _SESSION_OPTIONS, POINTER(c_size_t)]),
    "dp_session_create": (c_int, [_MODEL, _SESSION_OPTIONS, POINTER(_SESSION)]),
    "dp_session_destroy": (None, [_SESSION]),
    "dp_session_threads": (c_int32, [_SESSION]),
    "dp_session_message": (c_char_p, [_SESSION]),
    "dp_clip_init": (None, [POINTER(dp_clip), c_size_t]),
    "dp_result_init": (None, [POINTER(dp_result), c_size_t]),
    "dp_classify_clip": (c_int, [_SESSION, POINTER(dp_clip), POINTER(dp_result)]),
    "dp_session_preprocess_view": (
        c_int,
        [_SESSION, POINTER(dp_clip), c_int32, c_int32, *[POINTER(POINTER(c_float))] * 2],
    ),
    "dp_session_attention": (c_int, [_SESSION, c_int32, POINTER(dp_attention)]),
    "dp_session_begin_clip": (c_int, [_SESSION, c_int32, c_int32]),
    "dp_session_push_frame": (c_int, [_SESSION, POINTER(dp_frame)]),
    "dp_session_finish_clip": (c_int, [_SESSION, POINTER(dp_result)]),
    "dp_session_top": (c_int, [_SESSION, c_int32, POINTER(dp_prediction)]),
    "dp_stream_options_init": (None, [_STREAM_OPTIONS, c_size_t]),
    "dp_stream_size": (c_int, [_MODEL, _STREAM_OPTIONS, POINTER(c_size_t)]),
    "dp_stream_create": (c_int, [_SESSION, _STREAM_OPTIONS, POINTER(_STREAM)]),
    "dp_stream_destroy": (None, [_STREAM]),
    "dp_stream_push": (c_int, [_STREAM, POINTER(dp_frame), c_int64]),
    "dp_stream_finish": (c_int, [_STREAM]),
    "dp_stream_reset": (c_int, [_STREAM]),
    "dp_window_init": (None, [POINTER(dp_window), c_size_t]),
    "dp_stream_next": (c_int, [_STREAM, c_int32, POINTER(dp_window)]),
    "dp_stream_top": (c_int, [_STREAM, c_int32, POINTER(dp_prediction)]),
    "dp_events_options_init": (None, [_EVENTS_OPTIONS, c_size_t]),
    "dp_events_size": (c_int, [c_int32, _EVENTS_OPTIONS, POINTER(c_size_t)]),
    "dp_events_create": (c_int, [c_int32, _EVENTS_OPTIONS, POINTER(_EVENTS)]),
    "dp_events_destroy": (None, [_EVENTS]),
    "dp_events_ignore": (c_int, [_EVENTS, c_int32]),
    "dp_events_push": (c_int, [_EVENTS, c_int64, c_int64, POINTER(c_float)]),
    "dp_events_finish": (c_int, [_EVENTS]),
    "dp_events_reset": (c_int, [_EVENTS]),
    "dp_events_next": (c_int32, [_EVENTS, POINTER(dp_event)]),
    "dp_events_open": (c_int32, [_EVENTS, c_int32, POINTER(dp_event)]),
}

_EXPERIMENTAL: dict[str, tuple[Any, list[Any]]] = {
    "dp_session_peak": (c_int, [_SESSION, c_double, POINTER(c_double)]),
}


def _library_path() -> str:
    """Where the shared library is: the environment, this package, the source tree, the system."""
    chosen = os.environ.get(LIBRARY_VARIABLE)
    if chosen:
        return chosen
    package = Path(__file__).resolve().parent
    candidates = [package / LIBRARY_NAME]
    if package.parts[-3:-1] == ("bindings", "python"):
        candidates.append(package.parents[2] / "build" / LIBRARY_NAME)
    for path in candidates:
        if path.exists():
            return str(path)
    return find_in_system(LIBRARY_NAME)


def _load(path: str) -> ctypes.CDLL:
    """The library with the types of all its calls; LibraryError for one that does not fit."""
    try:
        lib = ctypes.CDLL(path)
        lib.dp_abi_version.restype = c_uint32
        abi = lib.dp_abi_version()
    except (OSError, AttributeError) as error:
        raise LibraryError(
            f"cannot load libdualpath from {path!r}: {error}. Install the library, or the package "
            f"with pip, run `make shared` in the source tree, or name the file in {LIBRARY_VARIABLE}."
        ) from error
    if abi != ABI_VERSION:
        raise _unfit(path, f"has ABI version {abi}, this package needs {ABI_VERSION}")
    missing = [name for name in _PROTOTYPES if not hasattr(lib, name)]
    if "dp_version" not in missing and lib.dp_version() < _number(VERSION):
        found = _version_of(lib.dp_version())
        raise _unfit(path, f"is version {found}, this package needs {VERSION} or later")
    if missing:
        raise _unfit(path, f"does not have {', '.join(missing)}")
    _declare(lib, _PROTOTYPES)
    return lib


def _declare(lib: ctypes.CDLL, prototypes: dict[str, tuple[Any, list[Any]]]) -> None:
    for name, (result, arguments) in prototypes.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments


def _unfit(path: str, why: str) -> LibraryError:
    return LibraryError(
        f"{path} {why}: install the library and the package in matching versions, or name another "
        f"library in the environment variable {LIBRARY_VARIABLE}"
    )


def _version_of(number: int) -> str:
    """The version that dp_version() means."""
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _number(version: str) -> int:
    """What dp_version() answers for a version."""
    major, minor, patch = map(int, version.split("."))
    return major * 10000 + minor * 100 + patch


@functools.cache
def library() -> ctypes.CDLL:
    """The shared library, loaded on first use. LibraryError says what was looked for."""
    return _load(_library_path())


@functools.cache
def with_experimental() -> ctypes.CDLL:
    """The library with what may change in any version: of this package's version only."""
    lib = library()
    if lib.dp_version() != _number(VERSION):
        found = _version_of(lib.dp_version())
        raise _unfit(lib._name, f"is version {found}; what is experimental needs {VERSION}")
    _declare(lib, _EXPERIMENTAL)
    return lib


_Struct = TypeVar("_Struct", bound=Structure)


def default(kind: type[_Struct]) -> _Struct:
    """A struct with its defaults and its `struct_size`, as *_default() leaves it in C."""
    struct = kind()
    getattr(library(), f"{kind.__name__}_init")(ctypes.byref(struct), ctypes.sizeof(kind))
    return struct


def text(value: bytes | None) -> str:
    """A string of the library; what is not UTF-8 (a label of a foreign file) is replaced."""
    return (value or b"").decode("utf-8", "replace")


def name_of(kind: str, number: int) -> str:
    """The name of a dp_precision, dp_target, ...; "unknown" for any other number."""
    return text(getattr(library(), f"dp_{kind}_name")(number))


def number_of(kind: str, name: str, first: int = 0) -> int:
    """The dp_precision, dp_target, ... of this name, from number `first` on."""
    names = itertools.takewhile(
        lambda known: known != "unknown", (name_of(kind, n) for n in itertools.count(first))
    )
    return choice(kind, name, {known: first + i for i, known in enumerate(names)})


def choice(what: str, name: str, choices: dict[str, int]) -> int:
    """The number that a name stands for."""
    if not isinstance(name, str) or name not in choices:
        raise ValueError(
            f"unknown {what} {name!r}: one of {', '.join(choices)}{better_choice(what, name)}"
        )
    return choices[name]


def whole(name: str, value: Any) -> int:
    """A value that is a whole number, also one of NumPy."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {named(value)} ({value!r})") from None


def integer(name: str, value: Any, low: int, high: int) -> int:
    """A whole number within its bounds; ctypes would cut off the bits that do not fit."""
    number = whole(name, value)
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low} .. {high}, not {number}")
    return number


def check(status: int, writing: bool = False) -> None:
    """Raises what the last failed call without a session left; `writing` was what it did."""
    if status != 0:
        raise error_for(status, text(library().dp_last_message()), writing)
