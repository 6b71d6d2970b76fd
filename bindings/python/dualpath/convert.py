"""dualpath-convert: turns a PyTorch or safetensors checkpoint into a weight file.

    dualpath-convert checkpoint.pth -o model.gguf --labels labels.txt
    dualpath-convert checkpoint.pth --task-of backbone.gguf -o task.gguf --labels labels.txt
    dualpath-convert checkpoint.pth --dry-run
    dualpath-convert --inspect model.gguf
    dualpath-convert model.gguf --card card.md --measured measured.json

Needs numpy, gguf and safetensors, no PyTorch; nothing in a checkpoint is executed. Exit status:
0 done, 1 refused (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence

from ._about import about
from ._backbone import Backbone, check_hyper, read_backbone, take_options, without_frozen
from ._card import write_card
from ._checkpoint import Checkpoint, open_checkpoint
from ._convert_options import convert_parser
from ._frozen import add_frozen
from ._gguf_writer import write_weight_file
from ._hyper import Hyper
from ._inspect import inspect
from ._label_sets import label_file
from ._lists import read_labels
from ._mapping_table import print_mapping
from ._measured import read_measured
from ._names import Array, Mapped, map_tensors
from ._refused import Refused, show
from ._resolve import notes_of, resolve
from ._shapes import drop_unused_positions, ordered_tensors

_MAX_LABEL_BYTES = 1 << 20  # of one string in the weight file


def _read_labels(path: str, mapped: Mapped) -> list[str]:
    """One label a line of a file, or those of a data set; as many as the head has classes."""
    try:
        labels = read_labels(label_file(path))
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


def _check_card(options: argparse.Namespace) -> None:
    if options.output and os.path.realpath(options.card) == os.path.realpath(options.output):
        raise Refused(f"{options.card} is the output, too: the card needs a file of its own")
    if options.measured:
        read_measured(options.measured)
    if os.path.exists(options.card):
        for path in filter(None, (options.checkpoint, options.task_of, options.backbone, options.measured)):
            if os.path.exists(path) and os.path.samefile(options.card, path):
                raise Refused(f"{options.card} is what the card is made of")
        if not options.force:
            raise Refused(f"{options.card} exists; --force replaces it")


def _write_card(options: argparse.Namespace, model: str) -> None:
    write_card(options.card, model, options.task_of, options.measured)
    print(f"wrote    {options.card}: the card of {model}")


def _check_output(options: argparse.Namespace) -> None:
    if os.path.exists(options.output):
        if os.path.samefile(options.output, options.checkpoint):
            raise Refused(f"{options.output} is the checkpoint itself")
        for path in filter(None, (options.task_of, options.backbone)):
            if os.path.samefile(options.output, path):
                raise Refused(f"{options.output} is the backbone itself")
        if not options.force:
            raise Refused(f"{options.output} exists; --force replaces it")


def _read_backbone(options: argparse.Namespace, checkpoint: Checkpoint) -> Backbone | None:
    if options.task_of is None:
        return None
    backbone = read_backbone(options.task_of)
    take_options(backbone, options, checkpoint.stated)
    return backbone


def _convert(options: argparse.Namespace) -> None:
    if not options.dry_run:
        _check_output(options)
    if options.card:
        _check_card(options)
    config = None if options.backbone else options.config  # which is of the image transformer
    checkpoint = open_checkpoint(options.checkpoint, options.weights, config)
    backbone = _read_backbone(options, checkpoint)
    mapped = map_tensors(checkpoint.tensors)
    if options.no_projection and mapped.leave_out("projection.weight", "--no-projection"):
        mapped.dropped["projection, by --no-projection"] += 1
    frozen = add_frozen(mapped, checkpoint, options.backbone, options.config, backbone)
    hyper = resolve(mapped, checkpoint, frozen, options)
    notes = [*checkpoint.notes, *notes_of(hyper, mapped, checkpoint),
             *drop_unused_positions(hyper, mapped)]
    if options.backbone:
        notes.append(f"the image transformer that stayed frozen is that of {show(options.backbone)}")
    tensors = ordered_tensors(hyper, mapped)
    if backbone is not None:
        check_hyper(backbone, hyper)
        tensors = without_frozen(backbone, tensors, mapped.sources)
        notes.append(f"{len(backbone.frozen)} frozen tensors are those of {backbone.path}")
    labels = _read_labels(options.labels, mapped) if options.labels else []
    general = about(options, backbone)
    if options.dry_run:
        print_mapping(mapped, hyper, tensors, notes, labels, general, options.type)
        return
    _report(checkpoint, mapped, hyper, tensors, notes)
    write_weight_file(options.output, hyper, tensors, labels, general, options.type)
    print(f"wrote    {options.output}: {len(tensors)} tensors, {options.type}, "
          f"{os.path.getsize(options.output)} bytes")
    if options.card:
        _write_card(options, options.output)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = convert_parser()
    options = parser.parse_args(arguments)
    has_task = options.output is not None or options.dry_run
    is_card_only = options.card is not None and not has_task and not options.inspect
    if options.inspect == has_task and not is_card_only:
        parser.error("give either -o MODEL.gguf, --dry-run, --inspect or --card FILE.md")
    if options.card and (options.dry_run or options.inspect):
        parser.error("--card is about a file that is written, or without -o one that is there")
    if options.measured and not options.card:
        parser.error("--measured is for --card")
    try:
        if options.inspect:
            inspect(options)
        elif is_card_only:
            _check_card(options)
            _write_card(options, options.checkpoint)
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
