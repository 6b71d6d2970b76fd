"""The options of dualpath-convert."""

from __future__ import annotations

import argparse
import math

from ._about import add_options as add_about_options
from ._gguf_writer import TYPES
from ._label_sets import LABEL_SETS
from ._methods import DATA_SETS
from ._protocol import add_options
from ._stated import ACTIVATIONS, POSITIONS, is_epsilon, is_number, is_positive


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not is_number(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def _triple(text: str) -> tuple[float, ...]:
    values = tuple(_number(part) for part in text.split(","))
    if len(values) != 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers R,G,B")
    return values


def _positive_triple(text: str) -> tuple[float, ...]:
    values = _triple(text)
    if not all(map(is_positive, values)):
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers above 0")
    return values


def _epsilon(text: str) -> float:
    value = _number(text)
    if not is_epsilon(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 1")
    return value


def convert_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dualpath-convert",
        description="Turn a checkpoint of DualPath, AIM, ST-Adapter, VPT, AdaptFormer or a linear "
                    "probe, or an image transformer of CLIP or timm, into a weight file of "
                    "libdualpath. Nothing in the checkpoint is executed.")
    add = parser.add_argument
    add("checkpoint", help="a .pt, .pth, .bin, .tar, .ckpt or .safetensors file, an index of "
        "several, or a folder with one of them")
    add("-o", "--output", metavar="MODEL.gguf", help="the weight file to write")
    add("--inspect", action="store_true",
        help="print what a checkpoint or a weight file contains, and check its checksums")
    add("--dry-run", action="store_true",
        help="print what would become of each tensor, and the keys and values; write nothing")
    add("--task-of", metavar="MODEL.gguf",
        help="write a task file: only what this backbone does not have, once its frozen weights "
             "are found to be the checkpoint's")
    add("--backbone", metavar="CHECKPOINT",
        help="the frozen image transformer of a checkpoint that has only what was trained")
    add("--no-projection", action="store_true",
        help="leave out the projection of a CLIP: for tasks of methods that do not use it")
    add("--data-set", choices=DATA_SETS,
        help="evaluate as the published model of this data set")
    add("--weights", metavar="NAME",
        help="of several sets of weights in the file, the one under this name; ema: the averages")
    add("--config", metavar="FILE.json",
        help="what the network is: of Hugging Face, open_clip or timm (that beside the weights)")
    add("--card", metavar="FILE.md",
        help="write a model card of the output, or without -o of a weight file (CHECKPOINT)")
    add("--measured", metavar="FILE.json",
        help="what dualpath-evaluate --json printed for the file, for the card")
    add("--force", action="store_true", help="replace the output and the card if they exist")
    add("--type", choices=TYPES, default="f32", help="of the matrices (f32)")
    add_about_options(parser)
    add("--labels", metavar="FILE|DATA SET",
        help=f"names of the classes: a file with one a line, or {', '.join(LABEL_SETS)}")
    add("--num-frames", type=int, metavar="N", help="frames a clip (those of the training run)")
    add("--sampling-rate", type=int, metavar="N", help="distance of frames (as trained, or 4)")
    add("--spatial-frames", type=int, metavar="N", help="frames of the spatial path (8)")
    add("--grid", type=int, metavar="N", help="side of a frameset in frames (4)")
    add("--heads", type=int, metavar="N", help="attention heads (width / 64 up to 1024)")
    add("--mean", type=_triple, metavar="R,G,B", help="subtracted from pixels in 0 to 1")
    add("--std", type=_positive_triple, metavar="R,G,B", help="divided by after that")
    add("--position", choices=POSITIONS, help="position encoding of the temporal path")
    add("--activation", choices=ACTIVATIONS, help="of the MLPs")
    add("--adapter-activation", choices=ACTIVATIONS, help="of the adapters (gelu)")
    add("--adapter-scale", type=_number, metavar="X", help="factor on their output (1)")
    add("--ln-eps", type=_epsilon, metavar="X", help="of the layer norms")
    add("--serial-skip", action=argparse.BooleanOptionalAction,
        help="serial adapters add their input: z + A(z), not A(z)")
    add_options(parser)
    parser.epilog = ("What is not given is what the checkpoint or a configuration beside it says, "
                     "or what is certain of such tensors; what is neither is asked for.")
    return parser
