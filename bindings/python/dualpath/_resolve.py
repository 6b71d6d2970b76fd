"""The hyper-parameters of a model: each from the shapes of its tensors, an option, what the
checkpoint or a configuration beside it states, the arguments it was trained with, what is certain
of such tensors (_certain.py), or a default of the method, in docs/weight-format.md's names and
bounds. Remembers which; what is not known is asked for.
"""

from __future__ import annotations

import math
import re
from argparse import Namespace

from ._certain import (
    ask_for,
    certain_heads,
    certain_pixels,
    certain_values,
    certain_values_of_method,
    is_adapted,
)
from ._checkpoint import Checkpoint
from ._families import CLIP
from ._frozen import Frozen
from ._hyper import Hyper
from ._methods import DUALPATH, ONE_PATH, method_of
from ._names import Mapped, matrix_shape, source_name
from ._one_path import check_views, set_one_path, take_data_set
from ._protocol import KEYS as PROTOCOL
from ._protocol import option_of
from ._refused import Refused
from ._stated import Value, checked

_MAX_TOKENS = 65536
_MAX_IMAGES = 256
_ARGUMENTS = {"attention.head_count": "heads", "activation": "activation",
              "adapter.activation": "adapter_activation", "adapter.scale": "adapter_scale",
              "attention.layer_norm_epsilon": "ln_eps", "image_mean": "mean", "image_std": "std"}


def _set_method(hyper: Hyper, method: str, checkpoint: Checkpoint) -> None:
    """That of the tensors, which a checkpoint may state, too."""
    for said in (checkpoint.stated.get("method"), checkpoint.arguments.get("method")):
        if said is not None and said.value in (DUALPATH, *ONE_PATH) and said.value != method:
            raise Refused(f"{said.origin} says method {said.value}, and the tensors are those of "
                          f"{method}")
    if method != DUALPATH:
        hyper.set("method", method, "tensors")


def _set_sizes(hyper: Hyper, mapped: Mapped) -> None:
    """What the shapes of the tensors say."""
    width, columns = matrix_shape(mapped, "patch.weight")
    patch = math.isqrt(columns // 3)
    tokens = matrix_shape(mapped, "position.spatial")[0]
    side = math.isqrt(tokens - 1)
    if side < 1 or side * side + 1 != tokens or tokens > _MAX_TOKENS:
        raise Refused(f"tensor {mapped.sources['position.spatial']} has {tokens} rows; expected a "
                      f"square of patches and the class token, at most {_MAX_TOKENS}")
    blocks = {int(found[1]) for name in mapped.tensors
              if (found := re.match(r"block\.(\d+)\.", name))}
    hyper.set("image_size", side * patch, "tensors")
    hyper.set("patch_size", patch, "tensors")
    hyper.set("embedding_length", width, "tensors")
    hyper.set("block_count", max(blocks, default=-1) + 1, "tensors")


def _counts(hyper: Hyper, mapped: Mapped) -> dict[str, int]:
    """All sizes that a configuration may state, as the tensors have them."""
    counts = {key: value.value for key, value in hyper.values.items()}
    counts["time_adapters"] = 1 + ("block.0.adapter.time_in.down.weight" in mapped.tensors)
    for key, name in (("classes", "head.output.weight"), ("frames", "position.time")):
        if name in mapped.tensors:
            counts[key] = matrix_shape(mapped, name)[0]
    return counts


def _check_sizes(counts: dict[str, int], checkpoint: Checkpoint) -> None:
    """That a configuration is of these tensors."""
    for key, (value, origin) in checkpoint.config.sizes.items():
        if key in counts and counts[key] != value:
            raise Refused(f"{origin} is {value}, and the tensors have {counts[key]}: it is the "
                          "configuration of another model"
                          + ("" if checkpoint.config.is_inside else
                             "; --config names the right one"))


def _check_heads(hyper: Hyper) -> None:
    width, heads = hyper["embedding_length"], hyper["attention.head_count"]
    if width % heads:
        raise Refused(f"the width {width} is not a multiple of {heads} heads")


def _argument(arguments: dict[str, Value], name: str) -> Value | None:
    found = arguments.get(name)
    if found is None or found.value is None:
        return None
    if type(found.value) is not int:
        raise Refused(f"{found.origin} of the checkpoint is not a whole number")
    return found


def _arguments(arguments: dict[str, Value], method: str) -> dict[str, Value]:
    """What the arguments of the training run tell: all of it, if they are of dualpath-train, which
    says the method."""
    found = {"frames": _argument(arguments, "num_frames"),
             "sampling_rate": _argument(arguments, "sampling_rate")}
    known = {key: value for key, value in found.items() if value is not None}
    if method == DUALPATH:
        return known
    is_ours = method == arguments.get("method", Value(None, "")).value
    names = _ARGUMENTS if is_ours else {"adapter.scale": "adapter_scale"}
    given = {key: arguments[name] for key, name in names.items() if name in arguments}
    said = checked({key: value.value for key, value in given.items()})
    return {**known, **{key: Value(value, given[key].origin) for key, value in said.items()}}


def _set_frames(hyper: Hyper, mapped: Mapped, options: Namespace) -> None:
    """Frames of a clip; a model without adapters takes any number of them."""
    hyper.choose("grid", options.grid, 4)
    hyper.choose("frames", options.num_frames, None if is_adapted(mapped) else 16)
    hyper.choose("spatial_frames", options.spatial_frames, 8)
    hyper.choose("sampling_rate", options.sampling_rate, None if "frames" in hyper.missing else 4)


def _check_frames(hyper: Hyper) -> None:
    grid, frames, spatial = hyper["grid"], hyper["frames"], hyper["spatial_frames"]
    if frames % (grid * grid) or frames % spatial:
        raise Refused(f"{frames} frames are not a multiple of {grid}x{grid} (a frameset) and of "
                      f"{spatial} (the spatial path)")
    if frames // (grid * grid) + spatial > _MAX_IMAGES:
        raise Refused(f"{frames} frames make more than {_MAX_IMAGES} images")
    if hyper["image_size"] % grid:
        raise Refused(f"the image size {hyper['image_size']} is not a multiple of the grid {grid}")


def _set_image(hyper: Hyper, mapped: Mapped, options: Namespace) -> None:
    """Statistics of the pixels, by what the frozen part was trained with."""
    activation = hyper.values.get("activation")
    hyper.known = {**certain_pixels(mapped, activation and activation.value), **hyper.known}
    hyper.choose("image_mean", options.mean)
    hyper.choose("image_std", options.std)


def _set_protocol(hyper: Hyper, options: Namespace) -> None:
    """What is said about the evaluation of a DualPath model; the rest is as a file without it has
    it."""
    for key in PROTOCOL:
        option = option_of(options, key)
        if option is not None or key in hyper.known:
            hyper.choose(key, option)
    check_views(hyper)


def _set_scale(hyper: Hyper, method: str, option: float | None) -> None:
    """The factor on the output of adapters, in a method that has one."""
    if method == DUALPATH:
        hyper.choose("adapter.scale", option, 1.0)
    elif ONE_PATH[method].has_scale:
        hyper.choose("adapter.scale", option)
    elif option is not None:
        raise Refused(f"--adapter-scale: {method} has no such factor")


def _set_arithmetic(hyper: Hyper, method: str, options: Namespace) -> None:
    hyper.choose("attention.head_count", options.heads)
    hyper.choose("attention.layer_norm_epsilon", options.ln_eps)
    hyper.choose("activation", options.activation)
    hyper.choose("adapter.activation", options.adapter_activation,
                 "gelu" if method == DUALPATH else ONE_PATH[method].activation)
    _set_scale(hyper, method, options.adapter_scale)


def _set_position(hyper: Hyper, mapped: Mapped, option: str | None) -> None:
    has_adapters = any(".adapter." in name for name in mapped.tensors)
    lacks_grid = has_adapters and "position.grid" not in mapped.tensors
    has_table = "position.table" in mapped.tensors
    if not lacks_grid:
        hyper.choose("position.kind", option, "sincos-time")
    elif has_table:
        hyper.choose("position.kind", option)
    else:
        no_grid = Value("sincos-3d", "no spatial_positional_embedding")
        hyper.known = {"position.kind": no_grid, **hyper.known}
        hyper.choose("position.kind", option)
    kind = hyper.values.get("position.kind")
    if kind and kind.value == "sincos-time" and lacks_grid:
        raise Refused("position sincos-time needs tensor visual.spatial_positional_embedding, "
                      "which the checkpoint does not have")
    if kind and kind.value == "table" and not has_table:
        raise Refused("position table needs tensor "
                      f"{source_name(CLIP, 'position.table')}, which the checkpoint does not have")


def _check_position(hyper: Hyper) -> None:
    multiple = {"sincos-time": 2, "sincos-3d": 16, "table": 1}[hyper["position.kind"]]
    if hyper["embedding_length"] % multiple:
        raise Refused(f"position kind {hyper['position.kind']} needs a width that is a multiple "
                      f"of {multiple}; it is {hyper['embedding_length']}")


def resolve(mapped: Mapped, checkpoint: Checkpoint, frozen: Frozen, options: Namespace) -> Hyper:
    """All hyper-parameters of a mapped checkpoint, of which the image transformer may be from
    another."""
    method = method_of(mapped)
    hyper = Hyper({**certain_values(*frozen), **certain_values_of_method(mapped),
                   **frozen.checkpoint.stated, **_arguments(checkpoint.arguments, method),
                   **checkpoint.stated})
    _set_method(hyper, method, checkpoint)
    take_data_set(hyper, method, options.data_set)
    _set_sizes(hyper, mapped)
    for some in {id(some): some for some in (checkpoint, frozen.checkpoint)}.values():
        _check_sizes(_counts(hyper, mapped), some)
    width = hyper["embedding_length"]
    heads = certain_heads(width, *frozen)
    if heads is not None:
        hyper.known = {"attention.head_count": heads, **hyper.known}
    _set_arithmetic(hyper, method, options)
    if method == DUALPATH:
        hyper.choose("adapter.serial_skip", options.serial_skip)
        _set_position(hyper, mapped, options.position)
        _set_frames(hyper, mapped, options)
        _set_protocol(hyper, options)
    else:
        set_one_path(hyper, mapped, method, options)
    _set_image(hyper, frozen.mapped, options)
    ask_for(hyper.missing, width)
    _check_heads(hyper)
    if method == DUALPATH:
        _check_position(hyper)
        _check_frames(hyper)
    return hyper


def notes_of(hyper: Hyper, mapped: Mapped, checkpoint: Checkpoint) -> list[str]:
    """What whoever converts a checkpoint should know about its values."""
    notes, resized = [], checkpoint.config.resized
    rate = hyper.values.get("sampling_rate")
    if is_adapted(mapped) and rate is not None and rate.origin == "default":
        notes.append("the checkpoint does not say how far apart the frames of a clip are: "
                     f"{hyper['sampling_rate']} is the default, --sampling-rate says another")
    if resized is not None and resized.value != hyper["image_size"]:
        notes.append(f"{resized.origin} is {resized.value}; this library resizes the shorter side "
                     f"to {hyper['image_size']}")
    return notes
