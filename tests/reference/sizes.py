"""
What the tensors of a state_dict say about their configuration.
"""

import re

from .config import Config, MethodConfig, require
from .model import ADAPTER_MODULES


def config_of(state, method="dualpath", **known):
    """The configuration that a state_dict and what else is `known` amount to."""
    require("frames" in known, "the number of frames is not in the file; give --num-frames")
    shapes = {name.removeprefix("visual."): tuple(t.shape) for name, t in state.items()}
    if method == "dualpath":
        return Config(**{**transformer_sizes(shapes), **dualpath_sizes(shapes), **known})
    sizes = {**transformer_sizes(shapes), **method_sizes(shapes)}
    return MethodConfig(method=method, **{**sizes, **known})


def transformer_sizes(shapes):
    get = shapes.get
    width, _, patch_size, _ = get("conv1.weight")
    patches = round((get("positional_embedding")[0] - 1) ** 0.5)
    projection = get("proj")
    return {
        "image_size": patches * patch_size,
        "patch_size": patch_size,
        "width": width,
        "heads": max(width // 64, 1),
        "blocks": count_blocks(shapes),
        "mlp_width": get("transformer.resblocks.0.mlp.c_fc.weight")[0],
        "projection": projection[1] if projection else None,
        "patch_bias": get("conv1.bias") is not None,
        "pre_norm": get("ln_pre.weight") is not None,
    }


def dualpath_sizes(shapes):
    get = shapes.get
    head = get("head.linear1.weight")
    adapters = {
        adapter: get(f"transformer.resblocks.0.{module}.down_proj.weight")[0]
        for adapter, module in ADAPTER_MODULES.items()
        if get(f"transformer.resblocks.0.{module}.down_proj.weight")
    }
    return {
        "head_width": head[0] if head else None,
        "classes": get("head.linear2.weight")[0] if head else 0,
        "adapters": adapters,
        "position_grid": get("spatial_positional_embedding") is not None,
    }


def method_sizes(shapes):
    """Of the methods with one path. The last block has all that any block has, but for prompts."""
    last = f"transformer.resblocks.{count_blocks(shapes) - 1}."
    adapters = {
        name.split(".")[4]: shape[0]
        for name, shape in shapes.items()
        if name.startswith(last) and name.endswith(".down_proj.weight")
    }
    adapted = [name.split(".")[2] for name in shapes if name.endswith(".down_proj.weight")]
    kernels = [shape[2:] for name, shape in shapes.items() if name.endswith(".conv.weight")]
    prompts = shapes.get("transformer.resblocks.0.prompt", (0,))[0]
    sizes = {
        "classes": shapes["fc.weight"][0] if "fc.weight" in shapes else 0,
        "adapters": adapters,
        "first_block": min(map(int, adapted), default=0),
        "prompts": prompts,
        "deep": not prompts or last + "prompt" in shapes,
    }
    return {**sizes, "kernel": kernels[0]} if kernels else sizes


def count_blocks(shapes):
    numbers = [re.match(r"transformer\.resblocks\.(\d+)\.", name) for name in shapes]
    return 1 + max(int(number[1]) for number in numbers if number)
