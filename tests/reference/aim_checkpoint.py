"""
Checkpoints of AIM as they were released: {'meta': {'config': text, ...}, 'state_dict': ...}, whole
models with CLIP's names or, where the transformer is one of ImageNet, timm's in all but the last
norm.
"""

import ast

import torch

from .config import CLIP_MEAN, CLIP_STD
from .layout import Layout, adapter_parts
from .presets import AIM_PROTOCOL
from .sizes import config_of

ADAPTERS = adapter_parts(
    (
        ("T_Adapter_in", "time_in"),
        ("T_Adapter", "time"),
        ("S_Adapter", "space"),
        ("MLP_Adapter", "mlp"),
    ),
    (("D_fc1", "down_proj"), ("D_fc2", "up_proj")),
)
HEAD = ("cls_head.fc_cls.", "fc.")

CLIP = Layout((HEAD, ("backbone.", "visual.")), ADAPTERS)
TIMM = Layout(
    (
        HEAD,
        ("backbone.patch_embed.proj.", "visual.conv1."),
        ("backbone.cls_token", "visual.class_embedding"),
        ("backbone.pos_embed", "visual.positional_embedding"),
        ("backbone.blocks.", "visual.transformer.resblocks."),
        ("backbone.", "visual."),
    ),
    ADAPTERS
    + (
        (".norm1.", ".ln_1."),
        (".norm2.", ".ln_2."),
        (".attn.qkv.", ".attn.in_proj_"),
        (".attn.proj.", ".attn.out_proj."),
        (".mlp.fc1.", ".mlp.c_fc."),
        (".mlp.fc2.", ".mlp.c_proj."),
    ),
)
# Tables with leading dimensions of one.
LEADING = {"temporal_embedding": 1, "pos_embed": 1, "cls_token": 2}

CONFIG = """\
model = dict(
    type='Recognizer3D',
    backbone=dict({backbone}),
    cls_head=dict(type='I3DHead', in_channels={c.width}, num_classes={c.classes}),
    test_cfg=dict(average_clips='prob'))
img_norm_cfg = dict(mean={mean}, std={std}, to_bgr=False)
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len={c.frames}, frame_interval={c.sampling_rate}, \
num_clips={c.protocol.views}, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, {c.image_size})),
    dict(type='CenterCrop', crop_size={c.image_size}),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='FormatShape', input_format='NCTHW'),
]
"""
CLIP_BACKBONE = (
    "type='ViT_CLIP', input_resolution={c.image_size}, patch_size={c.patch_size}, "
    "num_frames={c.frames}, width={c.width}, layers={c.blocks}, heads={c.heads}, "
    "drop_path_rate=0.2, adapter_scale={c.adapter_scale}, num_tadapter={temporal}"
)
TIMM_BACKBONE = (
    "type='ViT_ImageNet', img_size={c.image_size}, patch_size={c.patch_size}, "
    "num_frames={c.frames}, embed_dim={c.width}, depth={c.blocks}, num_heads={c.heads}, "
    "drop_path_rate=0.2, adapter_scale={c.adapter_scale}, num_tadapter={temporal}"
)


def save(path, config, state):
    layout = CLIP if config.pre_norm else TIMM
    tensors = {layout.theirs(name): tensor for name, tensor in state.items()}
    for name, tensor in tensors.items():
        leading = LEADING.get(name.removeprefix("backbone."), 0)
        tensors[name] = tensor.reshape((1,) * leading + tuple(tensor.shape))
    meta = {"epoch": 30, "iter": 1, "mmcv_version": "1.4.0", "config": config_text(config)}
    torch.save({"meta": meta, "state_dict": tensors}, path)


def config_text(config):
    backbone = CLIP_BACKBONE if config.pre_norm else TIMM_BACKBONE
    temporal = 2 if "time_in" in config.adapters else 1
    return CONFIG.format(
        backbone=backbone.format(c=config, temporal=temporal),
        c=config,
        mean=[255 * value for value in config.mean],
        std=[255 * value for value in config.std],
    )


def load(_path, checkpoint, known):
    """(config, state_dict for its network)"""
    released = checkpoint["state_dict"]
    is_clip = "backbone.conv1.weight" in released
    layout = CLIP if is_clip else TIMM
    state = {layout.ours(name): without_leading(name, t) for name, t in released.items()}
    settings = {
        "mean": CLIP_MEAN,
        "std": CLIP_STD,
        "protocol": AIM_PROTOCOL,
        "frames": len(state["visual.temporal_embedding"]),
        "activation": "quick_gelu" if is_clip else "gelu",
        "layer_norm_eps": 1e-5 if is_clip else 1e-6,
    }
    stated = backbone_settings(checkpoint["meta"]["config"])
    for name, keys in (("heads", ("heads", "num_heads")), ("adapter_scale", ("adapter_scale",))):
        settings.update({name: stated[key] for key in keys if key in stated})
    return config_of(state, **{**settings, "method": "aim", **known}), state


def without_leading(name, tensor):
    leading = LEADING.get(name.removeprefix("backbone."), 0)
    return tensor.float().reshape(tensor.shape[leading:])


def backbone_settings(text):
    """The literals in `backbone=dict(...)` of a config, which is Python but is not executed."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg == "backbone":
            values = {pair.arg: pair.value for pair in node.value.keywords}
            return {
                name: value.value
                for name, value in values.items()
                if isinstance(value, ast.Constant)
            }
    raise ValueError("the config has no backbone=dict(...)")
