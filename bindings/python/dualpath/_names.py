"""From the tensor names of a checkpoint to those of the weight file.

A family is a table of names as one program writes them. {i} stands for the number of a block and
{s} for `weight` or `bias`; every tensor of a checkpoint must be in the table of its family, as a
tensor to keep or as one to drop for a stated reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ._named_array import NamedArray
from ._refused import Refused, show

Array = np.ndarray[Any, Any]


class Rule(NamedTuple):
    source: str
    target: str
    shape: str = ""  # how the array becomes that of the weight file: a key of _SHAPERS
    part: int = 0  # sources with the same target are joined by rows, in this order


class Family(NamedTuple):
    label: str
    landmark: str  # a tensor that tells the family
    rules: tuple[Rule, ...]
    dropped: tuple[tuple[str, str], ...]  # pairs of a pattern and the reason
    tower: str = ""  # the prefix of the image transformer, which it lacks when it is saved alone
    mate: str = ""  # a tensor that tells such a tower, together with the landmark


class Mapped(NamedTuple):
    family: Family
    tensors: dict[str, Array]  # name in the weight file -> f32 array
    sources: dict[str, str]  # name in the weight file -> name in the checkpoint
    dropped: Counter[str]  # reason -> number of tensors


_ADAPTERS = {"s_adapter_attn": "s1", "s_adapter_mlp": "s2", "t_adapter_attn_b": "t0",
             "t_adapter_attn": "t1", "t_adapter_mlp": "t2"}
_CLIP_BLOCK = "visual.transformer.resblocks.{i}."
_CLIP_TEXT = (r"token_embedding\.weight|positional_embedding|text_projection(\.weight)?"
              r"|logit_scale|logit_bias|attn_mask|ln_final\.(weight|bias)"
              r"|transformer\.resblocks\.\d+\.((ln_1|ln_2|attn\.out_proj|mlp\.c_fc|mlp\.c_proj)"
              r"\.(weight|bias)|attn\.in_proj_(weight|bias)|attn_mask)")

CLIP = Family("CLIP and DualPath", "visual.conv1.weight", (
    Rule("visual.conv1.weight", "patch.weight", "patch"),
    Rule("visual.conv1.bias", "patch.bias"),
    Rule("visual.class_embedding", "class_token", "vector"),
    Rule("visual.positional_embedding", "position.spatial", "rows"),
    Rule("visual.spatial_positional_embedding", "position.grid", "rows"),
    Rule("visual.temporal_positional_embedding", "position.table", "rows"),
    Rule("visual.ln_pre.{s}", "pre_norm.{s}"),
    Rule("visual.ln_post.{s}", "post_norm.{s}"),
    Rule("visual.proj", "projection.weight", "transposed"),
    Rule("visual.head.linear1.{s}", "head.hidden.{s}"),
    Rule("visual.head.linear2.{s}", "head.output.{s}"),
    Rule(_CLIP_BLOCK + "ln_1.{s}", "block.{i}.norm1.{s}"),
    Rule(_CLIP_BLOCK + "attn.in_proj_{s}", "block.{i}.attention.qkv.{s}"),
    Rule(_CLIP_BLOCK + "attn.out_proj.{s}", "block.{i}.attention.out.{s}"),
    Rule(_CLIP_BLOCK + "ln_2.{s}", "block.{i}.norm2.{s}"),
    Rule(_CLIP_BLOCK + "mlp.c_fc.{s}", "block.{i}.mlp.up.{s}"),
    Rule(_CLIP_BLOCK + "mlp.c_proj.{s}", "block.{i}.mlp.down.{s}"),
    *(Rule(f"{_CLIP_BLOCK}{name}.{side}_proj.{{s}}", f"block.{{i}}.adapter.{short}.{side}.{{s}}")
      for name, short in _ADAPTERS.items() for side in ("down", "up")),
), (
    (rf"(text\.)?({_CLIP_TEXT})", "text tower"),
    (r"input_resolution|context_length|vocab_size", "constants"),
    (r"visual\.temporal_positional_embedding\.inv_freq", "fixed frequencies"),
), "visual.", "visual.class_embedding")

_HF_BLOCK = "vision_model.encoder.layers.{i}."
_HF_TEXT_LAYER = (r"(self_attn\.[qkv]_proj|self_attn\.out_proj|layer_norm[12]|mlp\.fc[12])"
                  r"\.(weight|bias)")

HUGGING_FACE = Family("Hugging Face CLIP", "vision_model.embeddings.patch_embedding.weight", (
    Rule("vision_model.embeddings.patch_embedding.weight", "patch.weight", "patch"),
    Rule("vision_model.embeddings.class_embedding", "class_token", "vector"),
    Rule("vision_model.embeddings.position_embedding.weight", "position.spatial", "rows"),
    Rule("vision_model.pre_layrnorm.{s}", "pre_norm.{s}"),  # their spelling
    Rule("vision_model.post_layernorm.{s}", "post_norm.{s}"),
    Rule("visual_projection.weight", "projection.weight"),
    Rule(_HF_BLOCK + "layer_norm1.{s}", "block.{i}.norm1.{s}"),
    *(Rule(f"{_HF_BLOCK}self_attn.{letter}_proj.{{s}}", "block.{i}.attention.qkv.{s}", "", part)
      for part, letter in enumerate("qkv")),
    Rule(_HF_BLOCK + "self_attn.out_proj.{s}", "block.{i}.attention.out.{s}"),
    Rule(_HF_BLOCK + "layer_norm2.{s}", "block.{i}.norm2.{s}"),
    Rule(_HF_BLOCK + "mlp.fc1.{s}", "block.{i}.mlp.up.{s}"),
    Rule(_HF_BLOCK + "mlp.fc2.{s}", "block.{i}.mlp.down.{s}"),
), (
    (r"text_model\.embeddings\.(token_embedding\.weight|position_embedding\.weight|position_ids)"
     r"|text_model\.final_layer_norm\.(weight|bias)|text_projection\.weight|logit_scale"
     rf"|text_model\.encoder\.layers\.\d+\.{_HF_TEXT_LAYER}", "text tower"),
    (r"vision_model\.embeddings\.position_ids", "constants"),
), "vision_model.", "vision_model.embeddings.class_embedding")

TIMM = Family("timm", "patch_embed.proj.weight", (
    Rule("patch_embed.proj.weight", "patch.weight", "patch"),
    Rule("patch_embed.proj.bias", "patch.bias"),
    Rule("cls_token", "class_token", "vector"),
    Rule("pos_embed", "position.spatial", "rows"),
    Rule("norm_pre.{s}", "pre_norm.{s}"),
    Rule("norm.{s}", "post_norm.{s}"),
    Rule("blocks.{i}.norm1.{s}", "block.{i}.norm1.{s}"),
    Rule("blocks.{i}.attn.qkv.{s}", "block.{i}.attention.qkv.{s}"),
    Rule("blocks.{i}.attn.proj.{s}", "block.{i}.attention.out.{s}"),
    Rule("blocks.{i}.norm2.{s}", "block.{i}.norm2.{s}"),
    Rule("blocks.{i}.mlp.fc1.{s}", "block.{i}.mlp.up.{s}"),
    Rule("blocks.{i}.mlp.fc2.{s}", "block.{i}.mlp.down.{s}"),
), (
    (r"head\.(weight|bias)", "image classification head"),
))

FAMILIES = (CLIP, HUGGING_FACE, TIMM)
_DROPPED_ANYWHERE = ((r"n_averaged", "count of averaged steps"),)


def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template).replace(r"\{i\}", r"(?P<i>0|[1-9]\d{0,4})")
    return re.compile(pattern.replace(r"\{s\}", "(?P<s>weight|bias)"))


def _match(template: str, name: str) -> dict[str, str] | None:
    found = _pattern(template).fullmatch(name)
    return {"i": "", "s": "", **found.groupdict()} if found else None


def source_name(family: Family, target: str) -> str:
    """What the checkpoint calls a tensor of the weight file, for messages."""
    for rule in family.rules:
        fields = _match(rule.target, target)
        if fields is not None:
            return rule.source.format(**fields)
    return target


def matrix_shape(mapped: Mapped, name: str) -> tuple[int, int]:
    """Rows and columns of a tensor that must be there."""
    if name not in mapped.tensors:
        raise Refused(f"tensor {source_name(mapped.family, name)} is missing")
    shape = mapped.tensors[name].shape
    if len(shape) != 2 or 0 in shape:
        raise Refused(f"tensor {mapped.sources[name]} has shape {list(shape)}; expected a matrix")
    return shape[0], shape[1]


def recognise(names: Collection[str]) -> Family:
    """The family that tensors of these names belong to."""
    for family in FAMILIES:
        if family.landmark in names:
            return family
    raise Refused("tensors of an unknown program: none of "
                  + ", ".join(family.landmark for family in FAMILIES) + "; the first is "
                  + show(min(names)))


def _rule_for(family: Family, name: str) -> tuple[Rule, str] | None:
    for rule in family.rules:
        fields = _match(rule.source, name)
        if fields is not None:
            return rule, rule.target.format(**fields)
    return None


def _reason_to_drop(family: Family, name: str) -> str | None:
    return next((reason for pattern, reason in (*family.dropped, *_DROPPED_ANYWHERE)
                 if re.fullmatch(pattern, name)), None)


def _patch(array: Array) -> Array:
    if array.ndim != 4 or array.shape[1] != 3 or array.shape[2] != array.shape[3]:
        raise Refused(f"has shape {list(array.shape)}; expected [D][3][p][p]")
    return array.reshape(array.shape[0], -1)


def _drop_ones(array: Array, dimensions: int) -> Array:
    """Without the dimensions of one element that some programs put in front."""
    ones = array.ndim - dimensions
    if ones < 0 or any(size != 1 for size in array.shape[:ones]):
        raise Refused(f"has shape {list(array.shape)}; expected {dimensions} dimensions")
    return array.reshape(array.shape[ones:])


_FLOATS = ("float16", "bfloat16", "float32", "float64")  # what can be read exactly, or is rounded
_SHAPERS: dict[str, Callable[[Array], Array]] = {"": lambda array: array, "patch": _patch,
            "vector": lambda array: _drop_ones(array, 1),
            "rows": lambda array: _drop_ones(array, 2),
            "transposed": lambda array: _drop_ones(array, 2).T}


def _read(name: str, tensor: NamedArray, rule: Rule) -> Array:
    """The array of the weight file that a tensor becomes: f32, finite."""
    if tensor.dtype not in _FLOATS:
        raise Refused(f"tensor {show(name)} is of type {tensor.dtype}; expected floating point: "
                      f"{', '.join(_FLOATS)}")
    with np.errstate(over="ignore"):
        array = tensor.array().astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise Refused(f"tensor {name} has values that are not finite")
    try:
        return _SHAPERS[rule.shape](array)
    except Refused as error:
        raise Refused(f"tensor {name} {error}") from error


def map_tensors(tensors: Mapping[str, NamedArray]) -> Mapped:
    """Reads, renames and reshapes the tensors of a checkpoint. Any that the family does not
    explain is refused by name."""
    family = recognise(tensors)
    parts: dict[str, dict[int, tuple[str, Array]]] = {}
    dropped: Counter[str] = Counter()
    for name, tensor in tensors.items():
        reason = _reason_to_drop(family, name)
        if reason:
            dropped[reason] += 1
            continue
        found = _rule_for(family, name)
        if not found:
            raise Refused(f"unknown tensor {show(name)} of shape {list(tensor.shape)}: it would "
                          "be left out of the computation")
        rule, target = found
        parts.setdefault(target, {})[rule.part] = (name, _read(name, tensor, rule))
    arrays = {target: _join(family, target, pieces) for target, pieces in parts.items()}
    sources = {target: pieces[min(pieces)][0] for target, pieces in parts.items()}
    return Mapped(family, arrays, sources, dropped)


def _join(family: Family, target: str, pieces: dict[int, tuple[str, Array]]) -> Array:
    """The pieces of one tensor (queries, keys, values) below each other."""
    for rule in family.rules:
        fields = _match(rule.target, target)
        if fields is not None and rule.part not in pieces:
            raise Refused(f"tensor {rule.source.format(**fields)} is missing")
    arrays = [pieces[part][1] for part in sorted(pieces)]
    if len(arrays) == 1:
        return arrays[0]
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim == 0:
        names = ", ".join(pieces[part][0] for part in sorted(pieces))
        raise Refused(f"tensors {names} differ in shape")
    return np.concatenate(arrays)
