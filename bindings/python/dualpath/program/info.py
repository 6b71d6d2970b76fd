"""``info``: what a model is."""

from __future__ import annotations

from typing import Any

from . import arguments as options
from .engine import MODEL_OPTIONS, opened_model
from .text import as_json, emit, shown

HELP = """\
Usage: python -m dualpath info MODEL [OPTION]...

Prints what there is to know about a model, and its labels.

  --json         print one JSON object on one line
  --backbone B   MODEL is a task of this model
  --cpu SET      highest instruction set to use: auto (default), amx, avx512-vnni,
                 avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c
  --precision P  numbers to multiply in: f32 (default; a compiled file has its own), bf16,
                 int8, auto
  --verify       check the model's checksums while opening it
  --max-memory N take no more than N bytes; K, M, G, T may follow
  -h, --help     this text

Exit status: 0 success; 1 the model cannot be used; 2 wrong command line; 130 interrupted.
"""

_OPTIONS = {"--json": options.flag(), **MODEL_OPTIONS}

# Facts in the order in which they are printed; labels come last.
_FACTS = (
    "name", "description", "method", "precision", "kernels", "file_type", "target", "compiled",
    "input_size", "patch_size", "width", "heads", "blocks", "feature_size", "classes", "frames",
    "spatial_frames", "grid", "framesets", "sampling_rate", "adapter_width", "prompts", "parameters",
    "adapter_parameters", "macs", "weight_bytes", "backbone", "shared_bytes", "counted_bytes",
    "sampling", "past_end", "views", "crops", "average", "resize_filter", "resize_long_side",
    "resize_antialias", "grid_antialias", "position_antialias", "crop_offset", "protocol", "mean", "std",
)


def run(arguments: list[str]) -> None:
    values, (path,) = options.parse(arguments, _OPTIONS, ["MODEL"])
    with opened_model(path, values) as model:
        facts = {name: _plain(getattr(model.info, name)) for name in _FACTS}
        labels = model.labels
    if values["json"]:
        emit(as_json({**facts, "labels": labels}) + "\n")
    else:
        emit("".join(_lines(facts, labels)))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _lines(facts: dict[str, Any], labels: tuple[str, ...]) -> list[str]:
    lines = [f"{name:20}{_text(value)}\n" for name, value in facts.items()]
    return lines + [f"label {index:<14}{shown(label)}\n" for index, label in enumerate(labels) if label]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{part:g}" for part in value)
    return shown(str(value))
