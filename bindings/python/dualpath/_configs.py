"""What the configuration files beside a checkpoint say about its network: those of Hugging Face
(config.json, preprocessor_config.json), open_clip (open_clip_config.json) and timm (config.json).

What a file leaves out has the default of the program that wrote it, where that is certain.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ._families import CLIP, HUGGING_FACE, TIMM, Family
from ._folder import inside
from ._json_file import Section, read_json
from ._refused import Refused, show
from ._stated import ACTIVATIONS, CLIP_PIXELS, Value, is_epsilon

_NAMES = {CLIP.label: ("open_clip_config.json", "config.json"),
          HUGGING_FACE.label: ("config.json",), TIMM.label: ("config.json",)}
_HUGGING_FACE_CLIP = ("clip", "clip_vision_model")  # model types of which the defaults are known
_TIMM_HEADS = {("tiny", 192): 3, ("small", 384): 6, ("base", 768): 12, ("large", 1024): 16,
               ("huge", 1280): 16, ("giant", 1408): 16, ("gigantic", 1664): 16}


class Config(NamedTuple):
    """`stated` and `sizes` by the keys of docs/weight-format.md: the sizes are those that the
    tensors must have. `resized` is the side in pixels that images are resized to before the middle
    is cut out."""

    stated: dict[str, Value]
    sizes: dict[str, Value]
    resized: Value | None = None
    notes: tuple[str, ...] = ()
    is_inside: bool = False  # of the checkpoint itself


NO_CONFIG = Config({}, {})


def find_config(family: Family, folder: str) -> str | None:
    """The path of the configuration file for tensors of a family, if there is one."""
    for name in _NAMES.get(family.label, ()):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and _is_of(family, read_json(inside(folder, name))):
            return path
    return None


def _is_of(family: Family, values: dict[str, object]) -> bool:
    marks = {CLIP.label: ("model_cfg", "vision_cfg"), TIMM.label: ("architecture",),
             HUGGING_FACE.label: ("vision_config", "vision_config_dict", "num_attention_heads",
                                  "model_type")}
    return any(mark in values for mark in marks[family.label])


def read_config(family: Family, path: str) -> Config:
    """What a configuration file says about tensors of a family."""
    if family.label not in _NAMES:
        raise Refused(f"no configuration file is read for {family.label}")
    values = read_json(path)
    if not _is_of(family, values):
        raise Refused(f"{show(path)} is no configuration of {family.label}")
    top = Section(show(os.path.basename(path)), values)
    if family is CLIP:
        return _of_open_clip(top)
    if family is TIMM:
        return _of_timm(top)
    return _of_hugging_face(top, os.path.dirname(path))


def _values(section: Section, **named: tuple[str, object]) -> dict[str, Value]:
    """Values that are there, with where they stand. `__` in a key stands for a dot."""
    return {key.replace("__", "."): Value(value, f"{section.way}: {name}"
                                          + ("" if section.has(name) else " (left out)"))
            for key, (name, value) in named.items() if value is not None}


def _activation(section: Section, key: str, default: str | None = None) -> str | None:
    name = section.text(key, default)
    if name is not None and name not in ACTIVATIONS:
        raise Refused(f"{section.way}: {key} is {show(name)}, which a weight file cannot say; it "
                      f"has {', '.join(ACTIVATIONS)}")
    return name


def _epsilon(section: Section, key: str, default: float | None) -> float | None:
    value = section.number(key, default)
    if value is not None and not is_epsilon(value):
        raise Refused(f"{section.way}: {key} is {value:g}, which a weight file cannot say; it has "
                      "values up to 1")
    return value


def _resized(section: Section, key: str) -> Value | None:
    """The side that images are resized to: a number, or an object that names the shorter edge."""
    inner = section.section(key) if isinstance(section.values.get(key), dict) else None
    side = inner.whole("shortest_edge", inner.whole("height")) if inner else section.whole(key)
    return None if side is None else Value(side, f"{section.way}: {key}")


# --- Hugging Face ---


def _of_hugging_face(top: Section, folder: str) -> Config:
    vision = _vision_section(top)
    kind = top.text("model_type")
    is_clip = kind in _HUGGING_FACE_CLIP

    def whole(key: str, default: int) -> int | None:
        return vision.whole(key, default if is_clip else None)

    if whole("num_channels", 3) not in (3, None):
        raise Refused(f"{vision.way}: num_channels is {vision.values['num_channels']}; expected 3")
    stated = _values(
        vision,
        attention__head_count=("num_attention_heads", whole("num_attention_heads", 12)),
        attention__layer_norm_epsilon=(
            "layer_norm_eps", _epsilon(vision, "layer_norm_eps", 1e-5 if is_clip else None)),
        activation=("hidden_act",
                    _activation(vision, "hidden_act", "quick_gelu" if is_clip else None)))
    sizes = _values(
        vision,
        embedding_length=("hidden_size", whole("hidden_size", 768)),
        block_count=("num_hidden_layers", whole("num_hidden_layers", 12)),
        patch_size=("patch_size", whole("patch_size", 32)),
        image_size=("image_size", whole("image_size", 224)))
    pixels = _preprocessor(folder)
    if pixels is None:
        return Config(stated, sizes)
    stated.update(_hugging_face_pixels(pixels))
    return Config(stated, sizes, *_hugging_face_sides(pixels))


def _preprocessor(folder: str) -> Section | None:
    """What is done with pixels: a file of its own, or a part of one."""
    for name, part in (("preprocessor_config.json", None), ("processor_config.json",
                                                            "image_processor")):
        if os.path.isfile(os.path.join(folder, name)):
            top = Section(name, read_json(inside(folder, name)))
            return top.section(part) if part else top
    return None


def _vision_section(top: Section) -> Section:
    """What a config says of the image transformer: all of it, or a part of it, which older versions
    have written in two places."""
    parts = [part for key in ("vision_config", "vision_config_dict")
             if (part := top.section(key)) is not None]
    if not parts:
        return top
    return Section(parts[0].way, {key: value for part in parts
                                  for key, value in part.values.items()})


def _hugging_face_pixels(pixels: Section) -> dict[str, Value]:
    """Mean and deviation of pixels in 0 to 1, however the file scales bytes before."""
    mean, std = pixels.three("image_mean", False), pixels.three("image_std", True)
    if not pixels.yes("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    factor = pixels.number("rescale_factor", 1 / 255) or 1.0
    scale = 255 * (factor if pixels.yes("do_rescale", True) else 1.0)
    if abs(scale - 1) > 1e-6:
        mean, std = (tuple(part / scale for part in parts) if parts else None
                     for parts in (mean, std))
    if std and not all(part >= 1e-6 for part in std):
        raise Refused(f"{pixels.way}: image_std becomes {min(std):g} for pixels in 0 to 1; a "
                      "weight file has 1e-6 or more")
    return _values(pixels, image_mean=("image_mean", mean), image_std=("image_std", std))


def _hugging_face_sides(pixels: Section) -> tuple[Value | None, tuple[str, ...]]:
    size = _resized(pixels, "size")
    if pixels.yes("do_center_crop", True) or size is None:
        return size, ()
    return None, (f"{pixels.way} does not cut out the middle of an image, as this library does",)


# --- open_clip ---


def _of_open_clip(top: Section) -> Config:
    model = top.section("model_cfg") or top
    vision = model.section("vision_cfg")
    if vision is None or vision.has("timm_model_name"):
        raise Refused(f"{model.way} describes no image transformer of open_clip's own")
    if vision.text("pool_type", "tok") != "tok" or vision.yes("attentional_pool", False):
        raise Refused(f"{vision.way}: the image's feature is not that of the class token, which is "
                      "what this library reads")
    width, head_width = vision.whole("width", 768), vision.whole("head_width", 64)
    assert width is not None and head_width is not None
    if width % head_width:
        raise Refused(f"{vision.way}: width is {width}, not a multiple of head_width {head_width}")
    stated = _values(
        vision,
        attention__head_count=("head_width", width // head_width),
        attention__layer_norm_epsilon=("norm_kwargs", _open_clip_epsilon(vision)))
    stated.update(_values(model, activation=("quick_gelu", _open_clip_activation(model, vision))))
    sizes = _values(
        vision, embedding_length=("width", width),
        block_count=("layers", vision.whole("layers", 12)),
        patch_size=("patch_size", vision.whole("patch_size", 16)),
        image_size=("image_size", vision.whole("image_size", 224)))
    pixels = top.section("preprocess_cfg")
    if pixels is None:
        return Config(stated, sizes)
    mean, std = CLIP_PIXELS
    stated.update(_values(pixels, image_mean=("mean", pixels.three("mean", False) or mean),
                          image_std=("std", pixels.three("std", True) or std)))
    mode = pixels.text("resize_mode", "shortest")
    notes = () if mode == "shortest" else (
        f"{pixels.way}: resize_mode is {show(str(mode))}; this library resizes the shorter side "
        "and cuts out the middle",)
    return Config(stated, sizes, None, notes)


def _open_clip_activation(model: Section, vision: Section) -> str:
    if vision.values.get("act_kwargs"):
        raise Refused(f"{vision.way}: act_kwargs asks for an activation that a weight file cannot "
                      f"say; it has {', '.join(ACTIVATIONS)}")
    return "quick_gelu" if model.yes("quick_gelu", False) else "gelu"


def _open_clip_epsilon(vision: Section) -> float | None:
    norms = vision.section("norm_kwargs")
    return 1e-5 if norms is None else _epsilon(norms, "eps", 1e-5)


# --- timm ---


def _of_timm(top: Section) -> Config:
    name = top.text("architecture") or ""
    size = re.match(r"(?:vit|deit)_(tiny|small|medium|base|large|huge|giant|gigantic)_", name)
    if top.text("global_pool", "token") != "token":
        raise Refused(f"{top.way}: global_pool is {show(str(top.values['global_pool']))}; this "
                      "library reads the class token")
    arguments = top.section("model_args") or Section(top.way, {})
    width = top.whole("num_features")
    known = _TIMM_HEADS.get((size[1], width)) if size and width else None
    stated = _values(top, attention__head_count=("architecture", known))
    if size:
        stated.update(_values(
            top, attention__layer_norm_epsilon=("architecture", 1e-5 if "_clip_" in name else 1e-6),
            activation=("architecture", "quick_gelu" if "quickgelu" in name else "gelu")))
    stated.update(_values(arguments,
                          attention__head_count=("num_heads", arguments.whole("num_heads")),
                          activation=("act_layer", _activation(arguments, "act_layer"))))
    pixels = top.section("pretrained_cfg") or top
    stated.update(_values(pixels, image_mean=("mean", pixels.three("mean", False)),
                          image_std=("std", pixels.three("std", True))))
    return Config(stated, _values(top, embedding_length=("num_features", width)), None,
                  _timm_notes(pixels))


def _timm_notes(pixels: Section) -> tuple[str, ...]:
    part = pixels.number("crop_pct", 1.0)
    if part == 1.0:
        return ()
    return (f"{pixels.way}: crop_pct is {part:g}; this library cuts out the largest square",)
