"""
Checkpoints in the format of the released code: {'model': state_dict, 'epoch': ..., 'args':
argparse.Namespace}. What the tensors do not say comes from 'args' or from the caller.
"""

import argparse
import re

import torch

from .config import Config, require
from .model import ADAPTER_MODULES


def save(path, config, state):
    args = argparse.Namespace(
        num_frames=config.frames,
        sampling_rate=config.sampling_rate,
        input_size=config.image_size,
        nb_classes=config.classes,
    )
    torch.save({"model": {**state, **text_tower()}, "epoch": 1, "args": args}, path)


def text_tower():
    """CLIP's text tower rides along in released files: a few such tensors, for readers to drop."""
    return {
        "text_projection": torch.zeros(4, 4),
        "positional_embedding": torch.zeros(5, 4),
        "token_embedding.weight": torch.zeros(6, 4),
        "logit_scale": torch.tensor(1.0),
    }


def load(path, **overrides):
    """(config, state_dict for DualPath). Executes what is in the file: for trusted files only."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    state = {k: v.float() for k, v in checkpoint["model"].items() if k.startswith("visual.")}
    args = checkpoint.get("args", argparse.Namespace())
    from_args = {}
    if hasattr(args, "num_frames"):
        from_args["frames"] = args.num_frames
    if hasattr(args, "sampling_rate"):
        from_args["sampling_rate"] = args.sampling_rate
    config = config_of(state, **{**from_args, **overrides})
    return config, state


def config_of(state, **known):
    """The configuration that a state_dict and what else is `known` amount to."""
    get = {name.removeprefix("visual."): tuple(t.shape) for name, t in state.items()}.get
    width, _, patch_size, _ = get("conv1.weight")
    patches = round((get("positional_embedding")[0] - 1) ** 0.5)
    projection, head = get("proj"), get("head.linear1.weight")
    adapters = {
        adapter: get(f"transformer.resblocks.0.{module}.down_proj.weight")[0]
        for adapter, module in ADAPTER_MODULES.items()
        if get(f"transformer.resblocks.0.{module}.down_proj.weight")
    }
    settings = {
        "image_size": patches * patch_size,
        "patch_size": patch_size,
        "width": width,
        "heads": max(width // 64, 1),
        "blocks": count_blocks(state),
        "mlp_width": get("transformer.resblocks.0.mlp.c_fc.weight")[0],
        "projection": projection[1] if projection else None,
        "head_width": head[0] if head else None,
        "classes": get("head.linear2.weight")[0] if head else 0,
        "adapters": adapters,
        "position_grid": get("spatial_positional_embedding") is not None,
        "patch_bias": get("conv1.bias") is not None,
        "pre_norm": get("ln_pre.weight") is not None,
    }
    require("frames" in known, "the number of frames is not in the file; give --num-frames")
    return Config(**{**settings, **known})


def count_blocks(state):
    numbers = [re.match(r"visual\.transformer\.resblocks\.(\d+)\.", name) for name in state]
    return 1 + max(int(number[1]) for number in numbers if number)
