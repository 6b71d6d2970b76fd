"""
Checkpoints of the methods that nobody released weights of, as dualpath-train writes them:
{'model': the whole state_dict, 'args': argparse.Namespace with `method`}.
"""

import argparse

import torch

from .layout import Layout, adapter_parts
from .sizes import config_of

LAYOUT = Layout(
    (("fc.", "fc."), ("", "visual.")),
    adapter_parts((("adaptmlp", "mlp"),), (("down", "down_proj"), ("up", "up_proj"))),
)

# field of the configuration, field of args
ARGS = (
    ("method", "method"),
    ("frames", "num_frames"),
    ("sampling_rate", "sampling_rate"),
    ("heads", "heads"),
    ("activation", "activation"),
    ("adapter_activation", "adapter_activation"),
    ("adapter_scale", "adapter_scale"),
    ("layer_norm_eps", "ln_eps"),
    ("mean", "mean"),
    ("std", "std"),
)


def save(path, config, state):
    args = argparse.Namespace(**{theirs: getattr(config, ours) for ours, theirs in ARGS})
    model = {LAYOUT.theirs(name): tensor for name, tensor in state.items()}
    torch.save({"model": model, "args": args}, path)


def load(_path, checkpoint, known):
    """(config, state_dict for its network)"""
    state = {LAYOUT.ours(name): tensor.float() for name, tensor in checkpoint["model"].items()}
    args = vars(checkpoint["args"])
    settings = {ours: args[theirs] for ours, theirs in ARGS if theirs in args}
    return config_of(state, **{**settings, **known}), state
