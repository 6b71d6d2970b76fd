"""A model: the weights of one file, immutable once open, shared by any number of sessions."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from . import _html as html
from ._advice import named
from ._callbacks import Callbacks, LogFunction, ProgressFunction
from ._handle import Handle, Owner
from ._lib import (
    check,
    choice,
    default,
    dp_model_info,
    dp_model_options,
    integer,
    library,
    name_of,
    number_of,
    text,
)
from ._source import open_model, open_task, verify_source
from ._system import path_bytes

_SHOWN = 10  # labels in a notebook

CPU_SETS = {
    "c": 0,
    "avx2": 1,
    "avx2-vnni": 5,
    "avx512": 3,
    "avx512-vnni": 15,
    "amx": 31,
    "neon": 256,
    "neon-dot": 768,
    "neon-i8mm": 3840,
}


@dataclass(frozen=True)
class ModelInfo:
    """What there is to know about a model."""

    name: str
    """``general.name`` of the file, or ""."""
    description: str
    """One line: architecture, sizes, precision."""
    precision: str
    """Of the matrix products: "f32", "bf16", "int8"."""
    kernels: str
    """Instruction set in use: "c", "avx2", "avx512-vnni", "neon-dot" and others."""
    file_type: str
    """Of the matrices in the file: "f32", "f16", "bf16", "q8_0", "mixed"."""
    input_size: int
    """R: frames are resized and cropped to R x R."""
    patch_size: int
    width: int
    """D, of the transformer."""
    heads: int
    blocks: int
    feature_size: int
    """O: length of the features of both paths."""
    classes: int
    """C; 0: no head, features only."""
    frames: int
    """T: sampled frames a view."""
    spatial_frames: int
    """Of them, those that the spatial path sees."""
    grid: int
    """g: a frameset is g x g frames; 0: the model has one path."""
    framesets: int
    """T / (g * g); 0: the model has one path."""
    sampling_rate: int
    """r: the distance in frames that the model was trained with."""
    adapter_width: int
    """Largest bottleneck; 0: no adapters."""
    mean: tuple[float, float, float]
    """Of R, G, B in 0 .. 1."""
    std: tuple[float, float, float]
    parameters: int
    """Numbers in the file."""
    adapter_parameters: int
    """Of them, adapters, position tables, class token and head."""
    macs: int
    """Multiply-adds that are executed for one view."""
    weight_bytes: int
    """Memory that the model holds; a mapped file counts with its size."""
    target: str
    """Layout of the weights: "plain", "rows", "avx2", "avx512"."""
    compiled: bool
    """Whether it comes from a compiled file."""
    backbone: str
    """The hash of the frozen tensors, by which tasks name their backbone; "" for files without
    checksums and compiled ones."""
    shared_bytes: int
    """Of a task: the memory of its backbone, which ``weight_bytes`` leaves out; else 0."""
    counted_bytes: int
    """What counted for ``max_memory`` when the model was opened; 0 without that."""
    method: str
    """How the transformer was adapted to video: "dualpath", "aim", "st-adapter", "vpt",
    "adaptformer", "probe". All but the first have one path."""
    prompts: int
    """Of "vpt": learned tokens an image; else 0."""
    protocol: str
    """How the model's evaluation makes pixels of a clip, and one answer of its views, in words. The
    fields below are its parts."""
    past_end: str
    """Where a view needs more frames than there are: "repeat" the last one, or "wrap" around."""
    average: str
    """Of the views: "logits" or "probabilities"."""
    resize_filter: str
    """How frames are resized: "bilinear" or "bicubic"."""
    resize_long_side: str
    """How R * long / short is rounded: "down" or "nearest"."""
    crop_offset: str
    """Half of what a crop leaves out is rounded "half-even" or "down"."""
    sampling: str
    """Which frames a view takes, if the caller does not say."""
    views: int
    """In time, if the caller does not say."""
    crops: int
    """Along the longer side, if the caller does not say."""
    resize_antialias: bool
    """Whether frames that shrink are smoothed before,"""
    grid_antialias: bool
    """and so are they on their way into a cell of a frameset,"""
    position_antialias: bool
    """and the map of frame indices of a frameset."""


class ModelFacts(NamedTuple):
    """What the library said of a model when it was opened."""

    info: ModelInfo
    labels: tuple[str, ...]


class Model(Owner):
    """An open weight file.

    ``source`` is a path; or bytes in memory (bytes, mmap, memoryview, NumPy array), which are used
    where they are, kept alive, and must not change while the model is open; or a binary file
    object, read from its current position to its end. Each may be compressed with gzip, which is the
    one case where bytes in memory are expanded into a copy.

    - ``verify``: check the CRC-32 of every tensor (compressed files always are).
    - ``unfused``: compute the paper's formulas one by one; the same answer, slower; for tests.
    - ``precision``: the numbers that matrices are multiplied in: "f32" (exact), "bf16", "int8", or
      "auto" for bf16 where the processor is faster at it and f32 elsewhere; None: f32. A compiled
      file has its own, which "auto" and None stand for.
    - ``cpu``: the highest instruction set to use, "c", "avx2", "avx2-vnni", "avx512",
      "avx512-vnni" or "amx", of ARM "neon", "neon-dot" or "neon-i8mm"; None: the best there is.
    - ``as_backbone``: tasks will be opened on this model, with open_task(). It keeps its file, which
      must then not change.
    - ``max_inflated_size``: bound in bytes for a compressed file; None: 1 MiB and eight times its
      size.
    - ``max_memory``: bound in bytes for what this model, tasks on it and sessions on it take of
      memory together, while it is opened and after that; mapped files do not count. None: no
      bound. More raises OutOfMemoryError.
    - ``log(level, message)``: hears the library, with levels of the logging module.
    - ``progress(stage, fraction)``: called while opening; a true return value cancels.

    An exception in ``log``, ``progress`` or the file object cancels and is raised again here.
    Any number of threads may share a model. Closing it, also by leaving a ``with`` block, frees the
    weights as soon as the last of its sessions is closed. It cannot be copied or pickled.
    """

    _WHAT = "model"
    _INSTEAD_OF_A_COPY = (
        "any number of threads and sessions share the one that is open, and other processes open "
        "the file themselves"
    )
    _facts: ModelFacts

    def __init__(
        self,
        source: str | os.PathLike[str] | Any,
        *,
        verify: bool = False,
        unfused: bool = False,
        precision: str | None = None,
        cpu: str | None = None,
        as_backbone: bool = False,
        max_inflated_size: int | None = None,
        max_memory: int | None = None,
        log: LogFunction | None = None,
        progress: ProgressFunction | None = None,
    ) -> None:
        callbacks = Callbacks(log, progress)
        options = _options(precision, cpu)
        _install(options, callbacks, verify, max_inflated_size, max_memory)
        options.unfused = bool(unfused)
        options.as_backbone = bool(as_backbone)
        self._take(open_model(source, options, callbacks))

    def _take(self, handle: Handle) -> None:
        handle.about = self._facts = handle.use(_read_facts)
        self._handle = handle

    def open_task(
        self,
        source: str | os.PathLike[str] | Any,
        *,
        verify: bool = False,
        max_inflated_size: int | None = None,
        log: LogFunction | None = None,
        progress: ProgressFunction | None = None,
    ) -> Model:
        """Opens a task file on this model, which must have been opened ``as_backbone``.

        ``source`` and options are those of Model(); the task computes as its backbone does. Both
        share the frozen matrices, in memory once for all tasks, and may be closed in any order.
        BackboneError says that the task belongs to another backbone.
        """
        callbacks = Callbacks(log, progress)
        options = default(dp_model_options)
        _install(options, callbacks, verify, max_inflated_size)
        task = Model.__new__(Model)
        task._take(open_task(self._opened(), source, options, callbacks))
        return task

    def __repr__(self) -> str:
        if not hasattr(self, "_facts"):
            return "<dualpath.Model (never opened)>"
        closed = "" if self._handle else " (closed)"
        return f"<dualpath.Model {self.info.description}{closed}>"

    def _repr_html_(self) -> str:
        if not hasattr(self, "_facts"):
            return html.panel(repr(self))
        return html.panel(f"{self.name or 'A model'}{'' if self._handle else ' (closed)'}",
                          html.note(self.description), _labels_table(self.labels),
                          html.note(f"{self.info.protocol}"))

    def close(self) -> None:
        """Lets go of the model; its sessions go on. Closing twice does nothing."""
        super().close()

    @property
    def info(self) -> ModelInfo:
        """All there is to know about the model; answers also after close()."""
        return self._known().info

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each class, "" where the file names none; empty without a head."""
        return self._known().labels

    @property
    def name(self) -> str:
        """``general.name`` of the file, or ""."""
        return self.info.name

    @property
    def description(self) -> str:
        """One line: architecture, sizes, precision."""
        return self.info.description

    @property
    def input_size(self) -> int:
        """R: frames are resized and cropped to R x R."""
        return self.info.input_size

    @property
    def frames(self) -> int:
        """T: sampled frames a view."""
        return self.info.frames

    @property
    def sampling_rate(self) -> int:
        """r: the distance in frames that the model was trained with."""
        return self.info.sampling_rate

    @property
    def classes(self) -> int:
        """C; 0: no head, features only."""
        return self.info.classes

    @property
    def feature_size(self) -> int:
        """O: length of the features of both paths."""
        return self.info.feature_size

    def counted_bytes(self) -> int:
        """What counts for ``max_memory`` now, of the model, tasks on it and sessions on it; 0 without
        that."""
        return self._opened().use(_read_info).counted_bytes

    def _known(self) -> ModelFacts:
        if not hasattr(self, "_facts"):
            self._opened()  # which says why there are none
        return self._facts


def _labels_table(labels: tuple[str, ...]) -> str:
    """The first labels."""
    rows = [(str(index), html.label_of(index, label)) for index, label in enumerate(labels[:_SHOWN])]
    if not rows:
        return html.note("No classes: features only.")
    first = f"The first {len(rows)} of {len(labels)}" if len(labels) > len(rows) else f"{len(rows)}"
    return html.table(f"{first} classes", ["index", "class"], rows, "rl")


def verify(
    source: str | os.PathLike[str] | Any,
    *,
    max_inflated_size: int | None = None,
    max_memory: int | None = None,
) -> None:
    """Checks every tensor of a file against its CRC-32 without building a model.

    ``source`` and the bounds are those of Model(). Raises ChecksumError, which names the
    first tensor that differs, or UnsupportedError when the file carries no checksums.
    """
    callbacks = Callbacks()
    options = default(dp_model_options)
    _install(options, callbacks, False, max_inflated_size, max_memory)
    verify_source(source, options, callbacks)


def compile_model(
    source: str | os.PathLike[str] | Any,
    destination: str | os.PathLike[str] | Any,
    *,
    backbone: str | os.PathLike[str] | Any | None = None,
    precision: str | None = None,
    target: str = "native",
    cpu: str | None = None,
    verify: bool = False,
) -> None:
    """Writes a model as a compiled file, whose weights are used where they lie in the file.

    ``source`` is what Model() takes, or a task of ``backbone``: the file then holds both.
    ``destination`` is a path or a binary file object. A file that has the path is replaced when all of
    the new one is written; WriteError says why it was not. ``precision`` is "f32" (None),
    "bf16", "int8" or "auto", and ``target`` names the layout: "native" for this machine, "avx512",
    "avx2", "neon", "plain" for any machine, "rows" for firmware.
    """
    callbacks = Callbacks()
    options = _options(precision, cpu)
    options.verify = bool(verify)
    options.target = number_of("target", target)
    write = _writing(destination)
    model = _opened(source, backbone, options, callbacks)
    try:
        check(model.use(write), writing=True)
    finally:
        model.close()


def _opened(source: Any, backbone: Any, options: dp_model_options, callbacks: Callbacks) -> Handle:
    """A model, or a task on a backbone, which the task holds on to."""
    if backbone is None:
        return open_model(source, options, callbacks)
    options.as_backbone = True
    frozen = open_model(backbone, options, callbacks)
    try:
        of_task = default(dp_model_options)
        _install(of_task, callbacks, bool(options.verify), None)
        return open_task(frozen, source, of_task, callbacks)
    finally:
        frozen.close()


def _writing(destination: Any) -> Callable[[Any], int]:
    """Compiles a model to a path or a binary file object; answers with a status."""
    lib = library()
    if hasattr(destination, "write"):
        callbacks = Callbacks()
        sink = callbacks.writer(destination)
        return lambda model: callbacks.call(
            lib.dp_model_compile_writer, model, ctypes.byref(sink)
        )
    if isinstance(destination, (str, os.PathLike)):
        path = path_bytes(destination)
        return lambda model: int(lib.dp_model_compile(model, path))
    raise TypeError(
        f"a model is compiled to a path or a binary file object, not {named(destination)}"
    )


def _install(
    options: dp_model_options,
    callbacks: Callbacks,
    verify: bool,
    max_inflated_size: int | None,
    max_memory: int | None = None,
) -> None:
    callbacks.install(options)
    options.verify = bool(verify)
    if max_inflated_size is not None:
        options.max_inflated_size = integer("max_inflated_size", max_inflated_size, 1, sys.maxsize)
    if max_memory is not None:
        options.max_memory = integer("max_memory", max_memory, 1, sys.maxsize)


def _options(precision: str | None, cpu: str | None) -> dp_model_options:
    options = default(dp_model_options)
    if precision is not None:
        options.precision = number_of("precision", precision, first=1)
    if cpu is not None:
        options.cpu_mask = choice("cpu", cpu, CPU_SETS)
    return options


def _read_facts(pointer: Any) -> ModelFacts:
    info = _read_info(pointer)
    labels = (text(library().dp_model_label(pointer, index)) for index in range(info.classes))
    return ModelFacts(info, tuple(labels))


def _read_info(pointer: Any) -> ModelInfo:
    info = default(dp_model_info)
    check(library().dp_model_get_info(pointer, ctypes.byref(info)))
    values = {field.name: _python_value(getattr(info, field.name)) for field in fields(ModelInfo)}
    values["precision"] = name_of("precision", info.precision)
    values["target"] = name_of("target", info.target)
    values["method"] = name_of("method", info.method)
    values["sampling"] = name_of("sampling", info.sampling)
    for flag in ("compiled", "resize_antialias", "grid_antialias", "position_antialias"):
        values[flag] = bool(values[flag])
    return ModelInfo(**values)


def _python_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return text(value)
    return value if isinstance(value, int) else tuple(value)
