"""The shape that every tensor of the weight file must have, and the order they are written in:
docs/weight-format.md's table of tensors, for the hyper-parameters and variants at hand.
"""

from __future__ import annotations

import re

from ._hyper import Hyper
from ._methods import DUALPATH, ONE_PATH, method_of
from ._names import Array, Mapped, matrix_shape, source_name
from ._refused import Refused

_MAX_WIDTH = 65536  # of MLP, classifier, bottlenecks and features
_MAX_CLASSES = 1_000_000
_MAX_KERNEL = 15

Shapes = dict[str, tuple[int, ...]]


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _rows(mapped: Mapped, name: str, limit: int = _MAX_WIDTH) -> int:
    """A size that only this tensor tells: the rows of a matrix."""
    rows = matrix_shape(mapped, name)[0]
    if rows > limit:
        raise Refused(f"tensor {mapped.sources[name]} has {rows} rows; at most {limit}")
    return rows


def _table_shape(hyper: Hyper, mapped: Mapped) -> tuple[int, int]:
    tokens, width = mapped.tensors["position.spatial"].shape
    return hyper["frames"] // hyper["grid"] ** 2 * tokens, width


def _input_shapes(hyper: Hyper, mapped: Mapped) -> Shapes:
    width, names = hyper["embedding_length"], mapped.tensors
    tokens = matrix_shape(mapped, "position.spatial")[0]
    method = method_of(mapped)
    optional: Shapes = {"patch.bias": (width,)}
    if method == DUALPATH:
        optional.update({"position.grid": (tokens, width),
                         "position.table": _table_shape(hyper, mapped)})
    shapes: Shapes = {"patch.weight": (width, 3 * hyper["patch_size"] ** 2),
                      "class_token": (width,), "position.spatial": (tokens, width)}
    shapes.update({name: shape for name, shape in optional.items() if name in names})
    if method == "aim":
        shapes["position.time"] = (hyper["frames"], width)
    if any(name.startswith("pre_norm.") for name in names):
        shapes.update(_norm("pre_norm", width))
    return shapes


def _frozen_block_shapes(hyper: Hyper, mapped: Mapped) -> Shapes:
    """One block's, with the sizes of the first; all blocks are alike."""
    width = hyper["embedding_length"]
    hidden = _rows(mapped, "block.0.mlp.up.weight")
    shapes = {**_norm("norm1", width), **_linear("attention.qkv", 3 * width, width),
              **_linear("attention.out", width, width), **_norm("norm2", width),
              **_linear("mlp.up", hidden, width), **_linear("mlp.down", width, hidden)}
    return shapes


def _adapter_shapes(hyper: Hyper, mapped: Mapped, first: int) -> Shapes:
    """Those of one block, with the sizes of the first that has them; all that follow are alike."""
    width, shapes = hyper["embedding_length"], Shapes()
    for adapter in _adapters(mapped):
        name = f"adapter.{adapter}"
        bottleneck = _rows(mapped, f"block.{first}.{name}.down.weight")
        shapes.update(_linear(f"{name}.down", bottleneck, width))
        shapes.update(_linear(f"{name}.up", width, bottleneck))
        if adapter.startswith("conv_"):
            kernel = _kernel(mapped, f"block.{first}.{name}.conv.weight")
            shapes.update({f"{name}.conv.weight": (bottleneck, *kernel),
                           f"{name}.conv.bias": (bottleneck,)})
    return shapes


def _kernel(mapped: Mapped, name: str) -> tuple[int, ...]:
    """Time, rows and columns of a convolution, which are odd."""
    if name not in mapped.tensors:
        raise Refused(f"tensor {source_name(mapped.family, name)} is missing")
    kernel: tuple[int, ...] = mapped.tensors[name].shape[1:]
    if not all(size % 2 == 1 and size <= _MAX_KERNEL for size in kernel):
        raise Refused(f"tensor {mapped.sources[name]} has a kernel of {list(kernel)}; expected odd "
                      f"sizes of at most {_MAX_KERNEL}")
    return kernel


def _prompt_shapes(hyper: Hyper, mapped: Mapped) -> Shapes:
    """Learned tokens of the first block alone, or of each."""
    names = [f"block.{index}.prompt" for index in range(hyper["block_count"])]
    shape = (_rows(mapped, names[0]), hyper["embedding_length"])
    is_deep = any(name in mapped.tensors for name in names[1:])
    return dict.fromkeys(names if is_deep else names[:1], shape)


def _adapters(mapped: Mapped) -> list[str]:
    """Those that some block has, and those that the method wants."""
    method = method_of(mapped)
    wanted = set() if method == DUALPATH else set(ONE_PATH[method].adapters)
    return sorted(wanted | {found[1] for name in mapped.tensors
                            if (found := re.match(r"block\.\d+\.adapter\.(\w+)\.", name))})


def _head_shapes(hyper: Hyper, mapped: Mapped) -> Shapes:
    width = hyper["embedding_length"]
    shapes, features = _norm("post_norm", width), width
    if "projection.weight" in mapped.tensors:
        features = _rows(mapped, "projection.weight")
        shapes["projection.weight"] = (features, width)
    if not any(name.startswith("head.") for name in mapped.tensors):
        return shapes
    if method_of(mapped) == DUALPATH:
        hidden = _rows(mapped, "head.hidden.weight")
        classes = _rows(mapped, "head.output.weight", _MAX_CLASSES)
        shapes.update(_linear("head.hidden", hidden, 2 * features))
        shapes.update(_linear("head.output", classes, hidden))
    else:
        classes = _rows(mapped, "head.output.weight", _MAX_CLASSES)
        shapes.update(_linear("head.output", classes, features))
    return shapes


def _expected_shapes(hyper: Hyper, mapped: Mapped) -> Shapes:
    shapes = _input_shapes(hyper, mapped)
    first = hyper["adapter.first_block"] if "adapter.first_block" in hyper.values else 0
    frozen, adapters = _frozen_block_shapes(hyper, mapped), _adapter_shapes(hyper, mapped, first)
    for index in range(hyper["block_count"]):
        block = {**frozen, **(adapters if index >= first else {})}
        shapes.update({f"block.{index}.{name}": shape for name, shape in block.items()})
    if method_of(mapped) == "vpt":
        shapes.update(_prompt_shapes(hyper, mapped))
    shapes.update(_head_shapes(hyper, mapped))
    return shapes


def _check_shape(mapped: Mapped, name: str, expected: tuple[int, ...]) -> None:
    if name not in mapped.tensors:
        raise Refused(f"tensor {source_name(mapped.family, name)} is missing")
    shape = mapped.tensors[name].shape
    if shape != expected:
        raise Refused(f"tensor {mapped.sources[name]} becomes {name} of shape {list(shape)}; "
                      f"expected {list(expected)}")


def drop_unused_positions(hyper: Hyper, mapped: Mapped) -> list[str]:
    """Leaves out the position tables that the kind does not use; returns notes about them."""
    notes: list[str] = []
    if method_of(mapped) != DUALPATH:
        return notes
    for name, kind in (("position.grid", "sincos-time"), ("position.table", "table")):
        if name not in mapped.tensors or hyper["position.kind"] == kind:
            continue
        if name == "position.table":
            _check_shape(mapped, name, _table_shape(hyper, mapped))
        mapped.leave_out(name, f"position kind {hyper['position.kind']} does not use it")
        notes.append(f"{mapped.sources[name]} is not used: position kind "
                     f"{hyper['position.kind']}")
    return notes


def ordered_tensors(hyper: Hyper, mapped: Mapped) -> dict[str, Array]:
    """The tensors in the order of the way of a clip, every shape checked."""
    shapes = _expected_shapes(hyper, mapped)
    for name, shape in shapes.items():
        _check_shape(mapped, name, shape)
    strays = [name for name in mapped.tensors if name not in shapes]
    if strays:
        raise Refused(f"tensor {mapped.sources[strays[0]]} has no place in the model")
    return {name: mapped.tensors[name] for name in shapes}
