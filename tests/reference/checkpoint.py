"""
Checkpoints in the layouts that the methods were released in.
"""

import torch

from . import aim_checkpoint, dualpath_checkpoint, st_checkpoint, trained_checkpoint

LAYOUTS = {
    "dualpath": dualpath_checkpoint,
    "aim": aim_checkpoint,
    "st-adapter": st_checkpoint,
    "vpt": trained_checkpoint,
    "adaptformer": trained_checkpoint,
    "probe": trained_checkpoint,
}


def save(path, config, state):
    """Of ST-Adapter, which is released without the frozen weights, also `path`.backbone.pt."""
    LAYOUTS[config.method].save(path, config, state)


def load(path, **known):
    """(config, state_dict for its network). What is known goes before what the file says. Executes
    what is in the file: for trusted files only."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    return layout_of(checkpoint).load(path, checkpoint, known)


def layout_of(checkpoint):
    if "state_dict" in checkpoint:
        return aim_checkpoint
    if hasattr(checkpoint.get("args"), "method"):
        return trained_checkpoint
    released_alone = "visual.conv1.weight" not in checkpoint["model"]
    return st_checkpoint if released_alone else dualpath_checkpoint
