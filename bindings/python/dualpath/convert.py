"""dualpath-convert: turns a PyTorch or safetensors checkpoint into a weight file.

    dualpath-convert checkpoint.pth -o model.gguf --labels labels.txt
    dualpath-convert checkpoint.pth --task-of backbone.gguf -o task.gguf --labels labels.txt
    dualpath-convert --inspect model.gguf

Needs numpy, gguf and safetensors, no PyTorch; nothing in a checkpoint is executed. Exit status:
0 done, 1 refused (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Sequence

from ._backbone import Backbone, check_hyper, read_backbone, take_options, without_frozen
from ._checkpoint import Checkpoint, open_checkpoint
from ._frozen import add_frozen
from ._gguf_reader import read_weight_file
from ._gguf_writer import TYPES, write_weight_file
from ._hyper import Hyper
from ._lists import read_labels
from ._methods import DATA_SETS
from ._names import Array, Mapped, map_tensors
from ._protocol import add_protocol_options
from ._refused import Refused, show
from ._resolve import notes_of, resolve
from ._shapes import drop_unused_positions, ordered_tensors
from ._stated import ACTIVATIONS, POSITIONS, is_epsilon, is_number, is_positive

_MAX_LABEL_BYTES = 1 << 20  # of one string in the weight file


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dualpath-convert",
        description="Turn a DualPath checkpoint, or a CLIP or timm image transformer, into a "
                    "weight file of libdualpath. Nothing in the checkpoint is executed.")
    add = parser.add_argument
    add("checkpoint", help="a .pt, .pth, .bin, .tar, .ckpt or .safetensors file, an index of "
        "several, or a folder with one of them")
    add("-o", "--output", metavar="MODEL.gguf", help="the weight file to write")
    add("--inspect", action="store_true",
        help="print what a checkpoint or a weight file contains, and check its checksums")
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
    add("--force", action="store_true", help="replace the output if it exists")
    add("--type", choices=TYPES, default="f32", help="of the matrices (f32)")
    add("--name", metavar="TEXT", help="name of the model (that of the checkpoint file)")
    add("--labels", metavar="FILE", help="names of the classes, one a line")
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
    add_protocol_options(parser)
    parser.epilog = ("What is not given is what the checkpoint or a configuration beside it says, "
                     "or what is certain of such tensors; what is neither is asked for.")
    return parser


def _read_labels(path: str, mapped: Mapped) -> list[str]:
    """One label a line, as many as the head has classes."""
    try:
        labels = read_labels(path)
    except ValueError as error:
        raise Refused(str(error)) from error
    if "head.output.weight" not in mapped.tensors:
        raise Refused(f"{path}: labels for a model without a head, which has no classes")
    classes = len(mapped.tensors["head.output.weight"])
    if len(labels) != classes:
        raise Refused(f"{path}: {len(labels)} labels; the model has {classes} classes")
    for line, label in enumerate(labels, 1):
        if len(label.encode()) > _MAX_LABEL_BYTES:
            raise Refused(f"{path}, line {line}: a label is longer than {_MAX_LABEL_BYTES} bytes")
    return labels


def _group(name: str) -> str:
    return "blocks" if name.startswith("block.") else name.split(".")[0]


def _report(checkpoint: Checkpoint, mapped: Mapped, hyper: Hyper, tensors: dict[str, Array],
            notes: list[str]) -> None:
    print(f"read     {checkpoint.kind}, names of {mapped.family.label}, "
          f"{len(checkpoint.tensors)} tensors")
    groups = Counter(_group(name) for name in tensors)
    print("kept     " + ", ".join(f"{group} {count}" for group, count in groups.items()))
    for reason, count in mapped.dropped.items():
        print(f"dropped  {reason} {count}")
    for note in notes:
        print(f"note     {note}")
    for key, (value, origin) in hyper.values.items():
        text = ", ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else value
        print(f"  {key:30} {text!s:32} {origin}")


def _check_output(options: argparse.Namespace) -> None:
    if os.path.exists(options.output):
        if os.path.samefile(options.output, options.checkpoint):
            raise Refused(f"{options.output} is the checkpoint itself")
        if options.task_of and os.path.samefile(options.output, options.task_of):
            raise Refused(f"{options.output} is the backbone itself")
        if not options.force:
            raise Refused(f"{options.output} exists; --force replaces it")


def _read_backbone(options: argparse.Namespace, checkpoint: Checkpoint) -> Backbone | None:
    if options.task_of is None:
        return None
    backbone = read_backbone(options.task_of)
    take_options(backbone, options, checkpoint.stated)
    return backbone


def _name_of(path: str) -> str:
    """The name of a file without its ending, or that of a folder."""
    name = os.path.basename(os.path.abspath(path))
    return name if os.path.isdir(path) else os.path.splitext(name)[0]


def _convert(options: argparse.Namespace) -> None:
    _check_output(options)
    config = None if options.backbone else options.config  # which is of the image transformer
    checkpoint = open_checkpoint(options.checkpoint, options.weights, config)
    backbone = _read_backbone(options, checkpoint)
    mapped = map_tensors(checkpoint.tensors)
    if options.no_projection and mapped.tensors.pop("projection.weight", None) is not None:
        mapped.dropped["projection, by --no-projection"] += 1
    frozen = add_frozen(mapped, checkpoint, options.backbone, options.config, backbone)
    hyper = resolve(mapped, checkpoint, frozen, options)
    notes = [*checkpoint.notes, *notes_of(hyper, mapped, checkpoint),
             *drop_unused_positions(hyper, mapped)]
    if options.backbone:
        notes.append(f"the image transformer that stayed frozen is that of {options.backbone}")
    tensors = ordered_tensors(hyper, mapped)
    if backbone is not None:
        check_hyper(backbone, hyper)
        tensors = without_frozen(backbone, tensors, mapped.sources)
        notes.append(f"{len(backbone.frozen)} frozen tensors are those of {backbone.path}")
    labels = _read_labels(options.labels, mapped) if options.labels else []
    name = options.name
    if name is None:
        name = _name_of(options.checkpoint)
    name = name.encode("utf-8", "replace").decode()  # an argument may be any bytes
    _report(checkpoint, mapped, hyper, tensors, notes)
    write_weight_file(options.output, hyper, tensors, labels, name, options.type)
    print(f"wrote    {options.output}: {len(tensors)} tensors, {options.type}, "
          f"{os.path.getsize(options.output)} bytes")


def _inspect_checkpoint(options: argparse.Namespace) -> None:
    checkpoint = open_checkpoint(options.checkpoint, options.weights, options.config)
    print(f"{checkpoint.kind}, {len(checkpoint.tensors)} tensors")
    for note in checkpoint.notes:
        print(f"note: {note}")
    for value, origin in checkpoint.arguments.values():
        if isinstance(value, (str, int, float, bool, type(None))):
            print(f"  {show(origin)} = {show(str(value))}")
    for key, (value, origin) in checkpoint.stated.items():
        print(f"  {key} = {value} ({origin})")
    for name, tensor in checkpoint.tensors.items():
        print(f"  {show(name):60} {tensor.dtype:9} {list(tensor.shape)}")


def _inspect_weight_file(path: str) -> None:
    file = read_weight_file(path)
    for key, value in file.metadata.items():
        print(f"  {show(key)} = {show(str(value))}")
    for tensor in file.tensors:
        print(f"  {show(tensor.name):44} {tensor.type:6} {tensor.shape}")
    if file.damaged is None:
        print("no checksums")
    elif file.damaged:
        raise Refused("the bytes of these tensors are not those that were written: "
                      + ", ".join(show(name) for name in file.damaged))
    else:
        print(f"checksums of {len(file.tensors)} tensors agree")


def _inspect(options: argparse.Namespace) -> None:
    head = b""
    if not os.path.isdir(options.checkpoint):
        with open(options.checkpoint, "rb") as file:
            head = file.read(4)
    if head[:2] == b"\x1f\x8b":
        raise Refused("this file is compressed: gunzip it to inspect it")
    if head == b"GGUF":
        _inspect_weight_file(options.checkpoint)
    else:
        _inspect_checkpoint(options)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.inspect == (options.output is not None):
        parser.error("give either -o MODEL.gguf or --inspect")
    try:
        if options.inspect:
            _inspect(options)
        else:
            _convert(options)
    except Refused as error:
        print(f"dualpath-convert: {show(f'{options.checkpoint}: {error}', 1000)}", file=sys.stderr)
        return 1
    except (OSError, MemoryError) as error:
        print(f"dualpath-convert: {error or 'out of memory'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
