"""
Command line options for what a checkpoint's tensors do not say. The same names as in
dualpath-convert, so that a line of options serves both.
"""

from argparse import BooleanOptionalAction

from .protocol import Protocol
from .st_checkpoint import backbone_path
from .weight_keys import stated_keys


def triple(text):
    values = tuple(float(value) for value in text.split(","))
    if len(values) != 3:
        raise ValueError(text)
    return values


# option, field of Config, type of its value (None: a flag)
OPTIONS = (
    ("--num-frames", "frames", int),
    ("--sampling-rate", "sampling_rate", int),
    ("--grid", "grid", int),
    ("--spatial-frames", "spatial_frames", int),
    ("--mean", "mean", triple),
    ("--std", "std", triple),
    ("--heads", "heads", int),
    ("--position", "position", str),
    ("--activation", "activation", str),
    ("--adapter-activation", "adapter_activation", str),
    ("--adapter-scale", "adapter_scale", float),
    ("--serial-skip", "serial_skip", None),
    ("--ln-eps", "layer_norm_eps", float),
)

# option, field of Protocol
PROTOCOL_OPTIONS = (
    ("--resize-filter", "filter"),
    ("--resize-long-side", "long_side"),
    ("--crop-offset", "crop_offset"),
    ("--sampling", "sampling"),
    ("--past-end", "past_end"),
    ("--average", "average"),
    ("--views", "views"),
    ("--crops", "crops"),
)
ANTIALIAS = (
    ("resize", "antialias"),
    ("grid", "grid_antialias"),
    ("position", "position_antialias"),
)


def add_options(parser):
    for option, _, kind in OPTIONS:
        if kind is None:
            parser.add_argument(option, action=BooleanOptionalAction)
        else:
            parser.add_argument(option, type=kind)


def overrides(arguments):
    """The fields of the configuration that were given on the command line."""
    given = vars(arguments)
    values = {name: given[option[2:].replace("-", "_")] for option, name, _ in OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def command_line(config, path):
    """The options that make the converter understand the checkpoint of `config` at `path`, all
    spelled out: its defaults depend on where a checkpoint comes from."""
    words, stated = [], {name for _, name in stated_keys(config)}
    for option, name, kind in OPTIONS:
        if name not in stated:
            continue
        value = getattr(config, name)
        if kind is None:
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, ",".join(map(repr, value)) if kind is triple else str(value)]
    if config.method == "st-adapter":
        words += ["--backbone", str(backbone_path(path))]
    return words + protocol_options(config)


def protocol_options(config):
    """DualPath's own protocol goes without saying."""
    protocol = config.protocol
    if config.method == "dualpath" and protocol == Protocol():
        return []
    words = []
    for option, name in PROTOCOL_OPTIONS:
        words += [option, str(getattr(protocol, name))]
    for place, name in ANTIALIAS:
        words += ["--antialias", place] if getattr(protocol, name) else []
    return words
