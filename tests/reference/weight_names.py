"""
The names of tensors in a weight file, and those in a state_dict of the reference.
"""

from .config import METHOD_ADAPTERS
from .model import ADAPTER_MODULES

# name in a weight file, name in a state_dict after "visual."
NAMES = {
    "patch.weight": "conv1.weight",
    "patch.bias": "conv1.bias",
    "class_token": "class_embedding",
    "position.spatial": "positional_embedding",
    "position.grid": "spatial_positional_embedding",
    "position.table": "temporal_positional_embedding",
    "position.time": "temporal_embedding",
    "projection.weight": "proj",
}
WRITTEN = {theirs: ours for ours, theirs in NAMES.items()}

METHODS_ADAPTERS = sorted({name for names in METHOD_ADAPTERS.values() for name in names})

# The first part of a name that matches is replaced.
PARTS = (
    ("pre_norm.", "ln_pre."),
    ("post_norm.", "ln_post."),
    ("head.hidden.", "head.linear1."),
    ("head.output.", "head.linear2."),
    ("norm1.", "ln_1."),
    ("norm2.", "ln_2."),
    ("attention.qkv.", "attn.in_proj_"),
    ("attention.out.", "attn.out_proj."),
    ("mlp.up.", "mlp.c_fc."),
    ("mlp.down.", "mlp.c_proj."),
    (".prompt", ".prompt"),
    *((f"adapter.{a}.down.", f"{module}.down_proj.") for a, module in ADAPTER_MODULES.items()),
    *((f"adapter.{a}.up.", f"{module}.up_proj.") for a, module in ADAPTER_MODULES.items()),
)

# Adapters of methods with one path, before PARTS: one of them is called "mlp".
ADAPTER_PARTS = tuple(
    (f"adapter.{a}.{ours}.", f"adapters.{a}.{theirs}.")
    for a in METHODS_ADAPTERS
    for ours, theirs in (("down", "down_proj"), ("conv", "conv"), ("up", "up_proj"))
)


def replaced(name, parts):
    for old, new in parts:
        if old in name:
            return name.replace(old, new, 1)
    raise ValueError(f"unknown tensor '{name}'")


def reference_name(name, method):
    """The name in a state_dict of a tensor of the weight file."""
    if method != "dualpath" and name.startswith("head.output."):
        return name.replace("head.output.", "fc.", 1)
    if name in NAMES:
        return f"visual.{NAMES[name]}"
    name = replaced(name, ADAPTER_PARTS + PARTS)
    return "visual." + name.replace("block.", "transformer.resblocks.", 1)


def written_name(name):
    """The name in the weight file of a tensor of a state_dict."""
    if name.startswith("fc."):
        return name.replace("fc.", "head.output.", 1)
    name = name.removeprefix("visual.")
    if name in WRITTEN:
        return WRITTEN[name]
    reverse = tuple((theirs, ours) for ours, theirs in ADAPTER_PARTS + PARTS)
    return replaced(name.replace("transformer.resblocks.", "block.", 1), reverse)
