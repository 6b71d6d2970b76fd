"""
Writes a checkpoint of a given size with random weights, and random frames for it if wanted.

    python -m tests.reference.random_checkpoint b16 -o b16.pth --frames b16.npy

Prints the options that the converter needs for it.
"""

import argparse
from dataclasses import replace

import numpy as np

from . import checkpoint
from .options import add_options, command_line, overrides
from .presets import PRESETS, released
from .random_weights import random_frames, random_state


def sized(config, arguments):
    """The preset with the sizes of the command line."""
    sizes = {
        "image_size": arguments.image_size,
        "blocks": arguments.blocks,
        "classes": arguments.classes,
        "adapters": arguments.adapter_width and released(arguments.adapter_width),
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
    parser.add_argument("-o", "--output", required=True, metavar="FILE.pth")
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
    config = sized(replace(PRESETS[arguments.preset], **overrides(arguments)), arguments)
    checkpoint.save(arguments.output, config, random_state(config, arguments.seed))
    if arguments.frames:
        width, height = arguments.size or (config.image_size, config.image_size)
        count = arguments.frame_count or config.frames
        np.save(arguments.frames, random_frames(count, height, width, arguments.seed))
    print(*command_line(config))


if __name__ == "__main__":
    main()
