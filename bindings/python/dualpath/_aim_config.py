"""What the configuration that a checkpoint of AIM holds says about its network and its evaluation: the
text of a Python file of mmaction, in `meta.config` (of MMEngine: `meta.cfg`), of which only literals
are read.

The evaluation is that of its test pipeline. What the text does not say is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._configs import NO_CONFIG, Config
from ._json_file import Section
from ._literals import read_literals
from ._refused import Refused, naming, show
from ._stated import Value

_PAST_END = {"loop": "wrap", "repeat_last": "repeat"}
_AVERAGES = {"prob": "probabilities", "score": "logits"}
_CROPS = {"CenterCrop": 1, "ThreeCrop": 3}
_FILTERS = {"bilinear": "bilinear", "bicubic": "bicubic"}


def read_aim_config(value: dict[Any, Any]) -> Config:
    """What a checkpoint, a dictionary, says; nothing if it has no such text."""
    meta = value.get("meta")
    if not isinstance(meta, dict):
        return NO_CONFIG
    key = next((key for key in ("config", "cfg") if isinstance(meta.get(key), str)), None)
    if key is None:
        return NO_CONFIG
    with naming(f"meta.{key}"):
        top = Section(f"meta.{key}", read_literals(meta[key]))
    return _of_text(top, key == "cfg" or "message_hub" in value or "mmengine_version" in meta)


def _of_text(top: Section, is_mmengine: bool) -> Config:
    model = top.section("model") or Section(top.way, {})
    backbone = model.section("backbone") or Section(model.way, {})
    head = model.section("cls_head") or Section(model.way, {})
    stated = _first(backbone, {"attention.head_count": ("heads", "num_heads")})
    if backbone.has("adapter_scale"):
        stated["adapter.scale"] = Value(backbone.number("adapter_scale"),
                                        f"{backbone.way}: adapter_scale")
    sizes = _first(backbone, {
        "image_size": ("input_resolution", "img_size"), "patch_size": ("patch_size",),
        "embedding_length": ("width", "embed_dim"), "block_count": ("layers", "depth"),
        "frames": ("num_frames",), "time_adapters": ("num_tadapter",)})
    sizes.update(_first(head, {"classes": ("num_classes",)}))
    evaluation = _Evaluation(is_mmengine)
    for part in (model.section("test_cfg"), head):
        evaluation.take_average(part)
    evaluation.take_pixels(model.section("data_preprocessor"))
    for step in _test_pipeline(top):
        evaluation.take(step)
    stated.update(evaluation.stated)
    return Config(stated, {**evaluation.sizes, **sizes}, evaluation.resized,
                  tuple(evaluation.notes), True)


def _first(section: Section, keys: dict[str, tuple[str, ...]]) -> dict[str, Value]:
    """Whole numbers by the keys of the weight file, each under the first of its names there."""
    return {key: Value(section.whole(name), f"{section.way}: {name}")
            for key, names in keys.items()
            if (name := next((name for name in names if section.has(name)), ""))}


def _test_pipeline(top: Section) -> Iterator[Section]:
    """The steps of the pipeline that clips are tested with, wherever the text has it."""
    for way in (("data", "test"), ("test_dataloader", "dataset"), ()):
        section: Section | None = top
        for key in way:
            section = section and section.section(key)
        key = "pipeline" if way else "test_pipeline"
        steps = section.values.get(key) if section else None
        if section and isinstance(steps, list) and steps:
            for step in steps:
                if isinstance(step, dict) and isinstance(step.get("type"), str):
                    name = step["type"].rpartition(".")[2]
                    yield Section(f"{section.way}: {key}: {show(name)}", {**step, "type": name})
            return


class _Evaluation:
    """What the steps of a pipeline say, by the keys of the weight file."""

    def __init__(self, is_mmengine: bool) -> None:
        self.is_mmengine = is_mmengine
        self.stated: dict[str, Value] = {}
        self.sizes: dict[str, Value] = {}
        self.resized: Value | None = None
        self.notes: list[str] = []

    def take(self, step: Section) -> None:
        name = step.values["type"]
        if name == "SampleFrames":
            self._take_frames(step)
        elif name == "UniformSample":
            self._take_segments(step)
        elif name.endswith(("SampleFrames", "Sample")):
            self.notes.append(f"{step.way} is a way to sample frames that a weight file cannot say")
        elif name == "Resize":
            self._take_resize(step)
        elif name.endswith("Crop"):
            self._take_crops(step, name)
        elif name == "Normalize":
            self.take_pixels(step)

    def _say(self, key: str, value: Any, step: Section, name: str) -> None:
        self.stated[key] = Value(value, f"{step.way}: {name}")

    def _take_frames(self, step: Section) -> None:
        if step.yes("twice_sample", False) or step.has("target_fps"):
            self.notes.append(f"{step.way} has twice_sample or target_fps, which a weight file "
                              "cannot say")
            return
        self.sizes.update(_first(step, {"frames": ("clip_len",)}))
        if step.yes("frame_uniform", False):
            self._say("sampling", "segments", step, "frame_uniform")
            self._say("views", 1, step, "frame_uniform")
            return
        # The places of views changed when mmaction moved to MMEngine.
        self._say("sampling", "spread" if self.is_mmengine else "interval", step, "type")
        self._say("sampling_rate", step.whole("frame_interval", 1), step, "frame_interval")
        self._say("views", step.whole("num_clips", 1), step, "num_clips")
        self._say("past_end", _chosen(step, "out_of_bound_opt", _PAST_END, "loop"), step,
                  "out_of_bound_opt")

    def _take_segments(self, step: Section) -> None:
        self.sizes.update(_first(step, {"frames": ("clip_len",)}))
        if step.whole("num_clips", 1) != 1:
            self.notes.append(f"{step.way} has several clips, which a weight file cannot say")
            return
        self._say("sampling", "segments", step, "type")
        self._say("views", 1, step, "num_clips")
        self.notes.append(f"{step.way} takes the frame before the middle of each segment where "
                          "this library takes the middle: they may differ by one")

    def _take_resize(self, step: Section) -> None:
        self._say("resize.filter", _chosen(step, "interpolation", _FILTERS, "bilinear"), step,
                  "interpolation")
        scale = step.values.get("scale")
        if isinstance(scale, list) and len(scale) == 2 and scale[0] == -1 \
                and type(scale[1]) is int:
            self.resized = Value(scale[1], f"{step.way}: scale")
        else:
            self.notes.append(f"{step.way} does not resize the shorter side to a length, as this "
                              "library does")

    def _take_crops(self, step: Section, name: str) -> None:
        if name in _CROPS:
            self._say("crops", _CROPS[name], step, "type")
            self.sizes.update(_first(step, {"image_size": ("crop_size",)}))
        else:
            self.notes.append(f"{step.way} is a way to crop that a weight file cannot say")

    def take_pixels(self, step: Section | None) -> None:
        """Mean and deviation, which mmaction has for pixels of 0 to 255."""
        if step is None:
            return
        if step.yes("to_bgr", False):
            raise Refused(f"{step.way}: to_bgr is true; a weight file has pixels in the order RGB")
        mean, std = step.three("mean", False), step.three("std", True)
        if mean:
            self._say("image_mean", tuple(part / 255 for part in mean), step, "mean")
        if std:
            self._say("image_std", tuple(part / 255 for part in std), step, "std")

    def take_average(self, section: Section | None) -> None:
        if section is not None and section.has("average_clips"):
            self._say("average", _chosen(section, "average_clips", _AVERAGES, "prob"), section,
                      "average_clips")


def _chosen(section: Section, key: str, names: dict[str, str], default: str) -> str:
    name = section.text(key, default) or default
    if name not in names:
        raise Refused(f"{section.way}: {key} is {show(name)}, which a weight file cannot say; it "
                      f"has what is called {' or '.join(names)}")
    return names[name]
