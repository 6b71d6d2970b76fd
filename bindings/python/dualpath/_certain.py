"""What the names and shapes of tensors tell about a network beyond its sizes: values that are the
same in every model that is known to look like this, and the questions to ask where they are not.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ._checkpoint import Checkpoint
from ._families import AIM, AIM_TIMM, CLIP, ST_ADAPTER, TIMM
from ._methods import DUALPATH, method_of
from ._names import Mapped
from ._refused import Refused
from ._stated import CLIP_PIXELS, IMAGENET_PIXELS, Value

# Heads of known models that are not 64 wide.
_WIDE_HEADS = {1152: "16 of 72 in SO400M", 1280: "16 of 80 in ViT-H", 1408: "16 of 88 in ViT-g",
               1536: "16 of 96 in ViT-gopt", 1664: "16 of 104 in ViT-bigG",
               1792: "16 of 112 in ViT-e"}
_WIDEST = 1024  # up to here, every model that is known has heads of 64

_OPENAI = {"attention.layer_norm_epsilon": 1e-5, "activation": "quick_gelu"}
_RELEASED = {**_OPENAI, "adapter.serial_skip": False, "image_mean": IMAGENET_PIXELS[0],
             "image_std": IMAGENET_PIXELS[1]}
_TIMM = {"attention.layer_norm_epsilon": 1e-6, "activation": "gelu"}
_CLIP_PIXELS = dict(zip(("image_mean", "image_std"), CLIP_PIXELS))


class Question(NamedTuple):
    """Words for a value that must be asked for: what it is, the option, what is likely."""

    subject: str
    option: str
    likely: str


def _of_pixels(part: int) -> str:
    """The means (0) or deviations (1) that pixels of known models have, as options are written."""
    clip, imagenet = (",".join(map(str, pixels[part])) for pixels in (CLIP_PIXELS, IMAGENET_PIXELS))
    return f"{clip} in CLIP, {imagenet} of ImageNet, 0.5,0.5,0.5 in timm's augreg"


_QUESTIONS = {
    "activation": Question("the activation of the MLPs", "--activation",
                           "quick_gelu in OpenAI's CLIP, gelu in most of open_clip's and timm's"),
    "attention.layer_norm_epsilon": Question("the epsilon of the layer norms", "--ln-eps",
                                             "1e-5 in CLIP, 1e-6 in timm's"),
    "adapter.serial_skip": Question(
        "whether serial adapters add their input", "--serial-skip or --no-serial-skip",
        "not in the released code"),
    "position.kind": Question("the position encoding", "--position",
                              "table or sincos-3d, since there is no table of the image's grid"),
    "frames": Question("the frames of a clip", "--num-frames", "16 or 32"),
    "sampling_rate": Question("the distance of frames", "--sampling-rate", "4"),
    "clip": Question("the frames of a clip", "--num-frames, or --data-set of a published model",
                     "8 in ST-Adapter"),
    "sampling": Question(
        "which frames a view takes", "--sampling-rate or --sampling segments",
        "in Kinetics-400 every 16th of 8 frames, every 8th of 16, every 4th of 32; segments in "
        "Something-Something and Diving-48"),
    "adapter.scale": Question("the factor on the adapters", "--adapter-scale",
                              "0.5 in AIM for Kinetics and Diving-48, 1 for Something-Something"),
    "image_mean": Question("the mean of the pixels", "--mean", _of_pixels(0)),
    "image_std": Question("their deviation", "--std", _of_pixels(1)),
}


def is_adapted(mapped: Mapped) -> bool:
    """Whether this is a DualPath model, not a plain image transformer."""
    return any(".adapter." in name or name.startswith("head.") or name == "position.grid"
               for name in mapped.tensors)


def _is_of_clip(mapped: Mapped) -> bool:
    """Whether the transformer has the form that CLIP has, and timm's own models have not."""
    return "pre_norm.weight" in mapped.tensors and "patch.bias" not in mapped.tensors


def _is_of_openai(mapped: Mapped, checkpoint: Checkpoint) -> bool:
    """Whether OpenAI's program has written the file: no other writes its constants."""
    return checkpoint.is_openai or \
        mapped.family is CLIP and "input_resolution" in checkpoint.tensors


def _is_released(mapped: Mapped, checkpoint: Checkpoint) -> bool:
    """Whether the released code has written the checkpoint: on a CLIP, of which it keeps the text
    tower, and with the arguments of its run. Its adapters alone do not tell."""
    return _is_of_clip(mapped) and ("text tower" in mapped.dropped or bool(checkpoint.arguments))


def certain_values(mapped: Mapped, checkpoint: Checkpoint) -> dict[str, Value]:
    """By the keys of docs/weight-format.md; heads and pixels of CLIP depend on more, see below."""
    if method_of(mapped) != DUALPATH:
        return _of_clips_form(mapped)
    if is_adapted(mapped):
        if _is_released(mapped, checkpoint):
            return _from(_RELEASED, "the released code, whose form the tensors have")
        return {} if _has_serial(mapped) else _from({"adapter.serial_skip": False}, "no adapter")
    values = _from({"adapter.serial_skip": False}, "no adapter")
    if _is_of_openai(mapped, checkpoint):
        values.update(_from({**_OPENAI, **_CLIP_PIXELS},
                            "OpenAI's CLIP, which has written the file"))
    elif _is_of_clip(mapped):
        values.update(_of_clips_form(mapped))
    elif mapped.family is TIMM and "pre_norm.weight" not in mapped.tensors:
        values.update(_from(_TIMM, "timm's ViT without a norm before its blocks"))
    return values


def _of_clips_form(mapped: Mapped) -> dict[str, Value]:
    if not _is_of_clip(mapped):
        return {}
    return _from({"attention.layer_norm_epsilon": 1e-5}, "CLIP, whose form this is")


def certain_values_of_method(mapped: Mapped) -> dict[str, Value]:
    """What the released code of a method other than DualPath has."""
    if mapped.family in (AIM, ST_ADAPTER) and _is_of_clip(mapped):
        return _from({**_OPENAI, **_CLIP_PIXELS},
                     f"{mapped.family.label}'s code, on OpenAI's CLIP")
    if mapped.family == AIM_TIMM:
        return _from(_TIMM, "AIM's code, on timm's ViT")
    return {}


def _has_serial(mapped: Mapped) -> bool:
    return any(re.search(r"\.adapter\.t\d\.", name) for name in mapped.tensors)


def _from(values: dict[str, Any], origin: str) -> dict[str, Value]:
    return {key: Value(value, origin) for key, value in values.items()}


def usual_heads(width: int) -> int | None:
    """Heads of 64, where no model is known that has others."""
    return width // 64 if width % 64 == 0 and width <= _WIDEST else None


def certain_heads(width: int, mapped: Mapped, checkpoint: Checkpoint) -> Value | None:
    """Heads of 64, if they are certain."""
    if _is_of_openai(mapped, checkpoint) and width % 64 == 0:
        return Value(width // 64, "OpenAI's CLIP: width / 64")
    heads = usual_heads(width)
    return None if heads is None else Value(heads, "width / 64")


def certain_pixels(mapped: Mapped, activation: str | None) -> dict[str, Value]:
    """Mean and deviation that all of CLIP's models with QuickGELU have."""
    is_dualpath = method_of(mapped) == DUALPATH and is_adapted(mapped)
    if is_dualpath or not _is_of_clip(mapped) or activation != "quick_gelu":
        return {}
    return _from(_CLIP_PIXELS, "CLIP, whose models with quick_gelu have it")


def likely_heads(width: int) -> str:
    """Words about the heads that a model of this width may have."""
    ways = [_WIDE_HEADS[width]] if width in _WIDE_HEADS else []
    if width % 64 == 0:
        ways.append(f"{width // 64} of 64")
    return ", ".join(ways) or f"a divisor of the width {width}; heads are 64 wide in most models"


def _about_heads(width: int) -> Question:
    return Question(f"the heads of attention at width {width}", "--heads", likely_heads(width))


def ask_for(missing: list[str], width: int) -> None:
    """Refuses a checkpoint of which these keys are not known."""
    if not missing:
        return
    questions = [_about_heads(width) if key == "attention.head_count" else _QUESTIONS[key]
                 for key in missing]
    listed = "; ".join(f"{q.subject} ({q.option}: {q.likely})" for q in questions)
    raise Refused(f"neither the checkpoint nor a configuration beside it says {listed}: give these "
                  "options, since a wrong value makes all answers wrong without an error")
