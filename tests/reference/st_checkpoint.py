"""
Checkpoints of ST-Adapter as they were released: {'model': trained tensors, ...}. The frozen ones
are those of a CLIP file, here NAME.backbone.pt beside NAME.pth.
"""

from pathlib import Path

import torch

from .config import CLIP_MEAN, CLIP_STD, require
from .layout import Layout, adapter_parts
from .presets import ST_PROTOCOL
from .sizes import config_of

TRAINED = Layout(
    (("transformer.", "visual.transformer."),),
    adapter_parts(
        (("adapter_pre_attn", "conv_attn"), ("adapter_pre_mlp", "conv_mlp")),
        (("fc1", "down_proj"), ("conv", "conv"), ("fc2", "up_proj")),
    ),
)


def is_trained(name):
    return name.startswith("fc.") or ".adapters." in name


def backbone_path(path):
    return Path(path).with_suffix(".backbone.pt")


def save(path, config, state):
    trained = {TRAINED.theirs(name): t for name, t in state.items() if is_trained(name)}
    frozen = {name: tensor for name, tensor in state.items() if not is_trained(name)}
    # CLIP's own projection rides along and is not used.
    frozen["visual.proj"] = torch.zeros(config.width, config.width // 2)
    torch.save({"model": trained, "next_epoch": 12}, path)
    torch.save(frozen, backbone_path(path))


def load(path, checkpoint, known):
    """(config, state_dict for its network)"""
    require("frames" in known, "ST-Adapter needs the number of frames; give --num-frames")
    frozen = torch.load(backbone_path(path), map_location="cpu", weights_only=True)
    state = {name: t.float() for name, t in frozen.items() if name != "visual.proj"}
    state.update({TRAINED.ours(name): t.float() for name, t in checkpoint["model"].items()})
    settings = {"mean": CLIP_MEAN, "std": CLIP_STD, "protocol": ST_PROTOCOL}
    return config_of(state, **{**settings, "method": "st-adapter", **known}), state
