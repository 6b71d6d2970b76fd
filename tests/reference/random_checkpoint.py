"""
Writes a model of a given size with random weights, and random frames for it if wanted.

    python -m tests.reference.random_checkpoint b16 -o b16.pth --frames b16.npy

FILE.pth is a checkpoint in the layout that its method was released in; the options that the
converter needs for it are printed. FILE.gguf is a weight file in f32, written without the converter
(needs PYTHONPATH=bindings/python).
"""

import argparse
from dataclasses import replace

import numpy as np

from . import checkpoint, gguf_writer
from .options import add_options, command_line, overrides
from .presets import PRESETS
from .random_weights import random_frames, random_state
from .weight_keys import keys


def sized(config, arguments):
    """The preset with the sizes of the command line."""
    sizes = {
        "image_size": arguments.image_size,
        "blocks": arguments.blocks,
        "classes": arguments.classes,
        "adapters": arguments.adapter_width
        and dict.fromkeys(config.adapters, arguments.adapter_width),
    }
    return replace(config, **{name: size for name, size in sizes.items() if size})


def frame_size(text):
    width, height = (int(side) for side in text.split("x"))
    return width, height


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("-o", "--output", required=True, metavar="FILE.pth|FILE.gguf")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--classes", type=int)
    parser.add_argument("--adapter-width", type=int)
    parser.add_argument("--frames", metavar="FILE.npy", help="also write frames here")
    parser.add_argument("--frame-count", type=int, help="default: those of one view")
    parser.add_argument("--size", type=frame_size, metavar="WxH", help="default: the model's")
    add_options(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    given, preset = overrides(arguments), PRESETS[arguments.preset]
    stated = {name for _, name in keys(preset.method)}
    foreign = [name for name in given if name not in stated]
    if foreign:
        raise SystemExit(f"{preset.method} has no {foreign[0]}")
    config = sized(replace(preset, **given), arguments)
    state = random_state(config, arguments.seed)
    directly = arguments.output.endswith(".gguf")
    (gguf_writer if directly else checkpoint).save(arguments.output, config, state)
    if arguments.frames:
        width, height = arguments.size or (config.image_size, config.image_size)
        count = arguments.frame_count or config.frames
        np.save(arguments.frames, random_frames(count, height, width, arguments.seed))
    if not directly:
        print(*command_line(config, arguments.output))


if __name__ == "__main__":
    main()
