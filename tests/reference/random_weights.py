"""
Weights and frames that make every part of a model count, from a seed: no tensor is zero (adapters
begin as zeros in training), and activations stay of order one however deep the model is.
"""

import numpy as np
import torch

from .network import network


def random_state(config, seed):
    """A state_dict of network(config)."""
    rng = np.random.default_rng(seed)
    state = network(config).state_dict()
    for name, tensor in state.items():
        values = rng.standard_normal(tuple(tensor.shape), dtype=np.float32)
        state[name] = torch.from_numpy(shaped(name, values))
    return state


def shaped(name, values):
    """Turns standard normal values into those of a plausible tensor of this name."""
    owner, _, kind = name.rpartition(".")
    if "ln_" in owner:
        return 1 + 0.2 * values if kind == "weight" else 0.1 * values
    if kind.endswith("bias"):
        return 0.1 * values
    if kind == "prompt":
        return values  # as large as the tokens that it stands among
    if kind.endswith("embedding") or kind.endswith("embeddings"):
        return 0.3 * values
    fan_in = values.shape[0] if kind == "proj" else values[0].size
    return values * np.float32(fan_in**-0.5)


def random_frames(count, height, width, seed):
    """Bytes [count][height][width][3]: coarse coloured patches that change from frame to frame, so
    that order counts and shrinking leaves something, under fine noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 6, 6, 3))
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 6 // width
    noise = rng.integers(-48, 49, (count, height, width, 3))
    return np.clip(coarse[:, rows][:, :, columns] + noise, 0, 255).astype(np.uint8)
