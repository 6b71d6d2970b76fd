"""
Checkpoints of DualPath in the format of the released code: {'model': state_dict, 'epoch': ...,
'args': argparse.Namespace}. What the tensors do not say comes from 'args' or from the caller.
"""

import argparse

import torch

from .sizes import config_of


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


def load(_path, checkpoint, known):
    """(config, state_dict for DualPath)"""
    state = {k: v.float() for k, v in checkpoint["model"].items() if k.startswith("visual.")}
    args = checkpoint.get("args", argparse.Namespace())
    from_args = {}
    if hasattr(args, "num_frames"):
        from_args["frames"] = args.num_frames
    if hasattr(args, "sampling_rate"):
        from_args["sampling_rate"] = args.sampling_rate
    config = config_of(state, **{**from_args, **known})
    return config, state
