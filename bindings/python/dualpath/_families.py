"""The names that programs give the tensors of an image transformer and of what adapts it, and what
each becomes in the weight file.

A family is a table of names as one program writes them. {i} stands for the number of a block and
{s} for `weight` or `bias`; every tensor of a checkpoint must be in the table of its family, as a
tensor to keep or as one to drop for a stated reason.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    source: str
    target: str
    shape: str = ""  # how the array becomes that of the weight file: a key of _names._SHAPERS
    part: int = 0  # sources with the same target are joined by rows, in this order


class Family(NamedTuple):
    label: str
    landmarks: tuple[str, ...]  # tensors each of which tells the family
    rules: tuple[Rule, ...]
    dropped: tuple[tuple[str, str], ...] = ()  # pairs of a pattern and the reason
    tower: str = ""  # the prefix of the image transformer, which it lacks when it is saved alone
    mate: str = ""  # a tensor that tells such a tower, together with a landmark
    is_strict: bool = False  # a landmark tells it only where all tensors beside it are in the table


def _clip_tower(prefix: str) -> tuple[Rule, ...]:
    """The image transformer of CLIP, as its own program writes it, without the projection."""
    block = prefix + "transformer.resblocks.{i}."
    return (
        Rule(prefix + "conv1.weight", "patch.weight", "patch"),
        Rule(prefix + "conv1.bias", "patch.bias"),
        Rule(prefix + "class_embedding", "class_token", "vector"),
        Rule(prefix + "positional_embedding", "position.spatial", "rows"),
        Rule(prefix + "ln_pre.{s}", "pre_norm.{s}"),
        Rule(prefix + "ln_post.{s}", "post_norm.{s}"),
        Rule(block + "ln_1.{s}", "block.{i}.norm1.{s}"),
        Rule(block + "attn.in_proj_{s}", "block.{i}.attention.qkv.{s}"),
        Rule(block + "attn.out_proj.{s}", "block.{i}.attention.out.{s}"),
        Rule(block + "ln_2.{s}", "block.{i}.norm2.{s}"),
        Rule(block + "mlp.c_fc.{s}", "block.{i}.mlp.up.{s}"),
        Rule(block + "mlp.c_proj.{s}", "block.{i}.mlp.down.{s}"),
    )


def _timm_tower(prefix: str) -> tuple[Rule, ...]:
    """The image transformer of timm, without its last norm."""
    block = prefix + "blocks.{i}."
    return (
        Rule(prefix + "patch_embed.proj.weight", "patch.weight", "patch"),
        Rule(prefix + "patch_embed.proj.bias", "patch.bias"),
        Rule(prefix + "cls_token", "class_token", "vector"),
        Rule(prefix + "pos_embed", "position.spatial", "rows"),
        Rule(block + "norm1.{s}", "block.{i}.norm1.{s}"),
        Rule(block + "attn.qkv.{s}", "block.{i}.attention.qkv.{s}"),
        Rule(block + "attn.proj.{s}", "block.{i}.attention.out.{s}"),
        Rule(block + "norm2.{s}", "block.{i}.norm2.{s}"),
        Rule(block + "mlp.fc1.{s}", "block.{i}.mlp.up.{s}"),
        Rule(block + "mlp.fc2.{s}", "block.{i}.mlp.down.{s}"),
    )


# --- whole models of images, and DualPath on CLIP ---

_ADAPTERS = {"s_adapter_attn": "s1", "s_adapter_mlp": "s2", "t_adapter_attn_b": "t0",
             "t_adapter_attn": "t1", "t_adapter_mlp": "t2"}
_CLIP_BLOCK = "visual.transformer.resblocks.{i}."
_CLIP_TEXT = (r"token_embedding\.weight|positional_embedding|text_projection(\.weight)?"
              r"|logit_scale|logit_bias|attn_mask|ln_final\.(weight|bias)"
              r"|transformer\.resblocks\.\d+\.((ln_1|ln_2|attn\.out_proj|mlp\.c_fc|mlp\.c_proj)"
              r"\.(weight|bias)|attn\.in_proj_(weight|bias)|attn_mask)")

CLIP = Family("CLIP and DualPath", ("visual.conv1.weight",), (
    *_clip_tower("visual."),
    Rule("visual.spatial_positional_embedding", "position.grid", "rows"),
    Rule("visual.temporal_positional_embedding", "position.table", "rows"),
    Rule("visual.proj", "projection.weight", "transposed"),
    Rule("visual.head.linear1.{s}", "head.hidden.{s}"),
    Rule("visual.head.linear2.{s}", "head.output.{s}"),
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

HUGGING_FACE = Family("Hugging Face CLIP", ("vision_model.embeddings.patch_embedding.weight",), (
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

TIMM = Family("timm", ("patch_embed.proj.weight",), (
    *_timm_tower(""),
    Rule("norm_pre.{s}", "pre_norm.{s}"),
    Rule("norm.{s}", "post_norm.{s}"),
), (
    (r"head\.(weight|bias)", "image classification head"),
))

# --- AIM, on CLIP or on timm's ViT: whole models, of which the tower is `backbone` ---


def _aim(block: str) -> tuple[Rule, ...]:
    """What AIM adds to a tower whose blocks have names that begin so."""
    adapters = {"T_Adapter_in": "time_in", "T_Adapter": "time", "S_Adapter": "space",
                "MLP_Adapter": "mlp"}
    return (
        Rule("backbone.temporal_embedding", "position.time", "rows"),
        *(Rule(f"{block}{name}.{layer}.{{s}}", f"block.{{i}}.adapter.{short}.{side}.{{s}}")
          for name, short in adapters.items()
          for layer, side in (("D_fc1", "down"), ("D_fc2", "up"))),
        Rule("cls_head.fc_cls.{s}", "head.output.{s}"),
    )


_AIM_BLOCK = "backbone.transformer.resblocks.{i}."
_AIM_TIMM_BLOCK = "backbone.blocks.{i}."

AIM = Family("AIM", (_AIM_BLOCK + "S_Adapter.D_fc1.weight",),
             (*_clip_tower("backbone."), *_aim(_AIM_BLOCK)),
             tower="backbone.", mate="backbone.temporal_embedding")
AIM_TIMM = Family("AIM on timm's ViT", (_AIM_TIMM_BLOCK + "S_Adapter.D_fc1.weight",),
                  (*_timm_tower("backbone."), Rule("backbone.ln_post.{s}", "post_norm.{s}"),
                   *_aim(_AIM_TIMM_BLOCK)),
                  tower="backbone.", mate="backbone.temporal_embedding")

# --- what is trained on a CLIP that stays frozen, which a checkpoint need not have ---

_BLOCK = "transformer.resblocks.{i}."
_CONVOLUTIONS = {"adapter_pre_attn": "conv_attn", "adapter_pre_mlp": "conv_mlp"}


def _on_clip(label: str, landmarks: tuple[str, ...], *rules: Rule, is_strict: bool = False
             ) -> Family:
    return Family(label, landmarks,
                  (*_clip_tower(""), Rule("proj", "projection.weight", "transposed"), *rules,
                   Rule("fc.{s}", "head.output.{s}")), is_strict=is_strict)


ST_ADAPTER = _on_clip(
    "ST-Adapter", tuple(f"{_BLOCK}{name}.conv.weight" for name in _CONVOLUTIONS),
    *(Rule(f"{_BLOCK}{name}.{layer}.{{s}}", f"block.{{i}}.adapter.{short}.{side}.{{s}}")
      for name, short in _CONVOLUTIONS.items()
      for layer, side in (("fc1", "down"), ("fc2", "up"))),
    *(rule for name, short in _CONVOLUTIONS.items() for rule in (
        Rule(f"{_BLOCK}{name}.conv.weight", f"block.{{i}}.adapter.{short}.conv.weight", "conv"),
        Rule(f"{_BLOCK}{name}.conv.bias", f"block.{{i}}.adapter.{short}.conv.bias"))))
VPT = _on_clip("VPT", (_BLOCK + "prompt",), Rule(_BLOCK + "prompt", "block.{i}.prompt", "rows"))
ADAPTFORMER = _on_clip(
    "AdaptFormer", (_BLOCK + "adaptmlp.down.weight",),
    *(Rule(f"{_BLOCK}adaptmlp.{side}.{{s}}", f"block.{{i}}.adapter.mlp.{side}.{{s}}")
      for side in ("down", "up")))
PROBE = _on_clip("a linear probe", ("fc.weight",), is_strict=True)

# A family stands before those whose landmarks its tensors have, too.
FAMILIES = (AIM, AIM_TIMM, ST_ADAPTER, VPT, ADAPTFORMER, PROBE, CLIP, HUGGING_FACE, TIMM)
DROPPED_ANYWHERE = ((r"n_averaged|steps", "count of averaged steps"),)
