"""
The network of a configuration, whichever method it is.
"""

from .methods import SinglePath
from .model import DualPath

OUTPUTS = {"dualpath": ("logits", "temporal", "spatial")}


def network(config):
    return DualPath(config) if config.method == "dualpath" else SinglePath(config)


def output_names(config):
    """What the network returns, in this order."""
    return OUTPUTS.get(config.method, ("logits", "spatial"))
