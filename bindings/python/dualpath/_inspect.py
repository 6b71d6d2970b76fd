"""dualpath-convert --inspect: what a checkpoint or a weight file contains."""

from __future__ import annotations

import argparse
import os

from ._checkpoint import open_checkpoint
from ._gguf_reader import read_weight_file
from ._refused import Refused, show


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


def inspect(options: argparse.Namespace) -> None:
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
