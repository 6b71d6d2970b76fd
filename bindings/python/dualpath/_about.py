"""What a weight file says of a model to people and to hubs: the ``general.*`` keys of GGUF."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from ._backbone import Backbone
from ._stated import Value

_OPTIONS = {  # option: (key, help)
    "author": ("general.author", "who made the model"),
    "license": ("general.license", "its licence, best by its SPDX name: CC-BY-NC-4.0"),
    "description": ("general.description", "what the model is for, in a sentence"),
    "source": ("general.source.url", "where the checkpoint comes from"),
}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--name", metavar="TEXT",
                        help="name of the model (that of the checkpoint file)")
    for option, (_key, words) in _OPTIONS.items():
        parser.add_argument(f"--{option}", metavar="TEXT", help=words)
    parser.add_argument("--base-model", metavar="TEXT",
                        help="the model that was adapted (that of --task-of or --backbone)")


def about(options: Namespace, backbone: Backbone | None) -> dict[str, Value]:
    """Keys and values, but for empty ones."""
    given = {"general.name": _or_default(options.name, "--name or the file",
                                         _name_of(options.checkpoint))}
    for option, (key, _words) in _OPTIONS.items():
        given[key] = Value(getattr(options, option) or "", f"--{option}")
    base = _base_model(options, backbone)
    if base.value:
        given["general.base_model.count"] = Value(1, base.origin)
        given["general.base_model.0.name"] = base
    return {key: _as_text(value) for key, value in given.items() if value.value}


def _base_model(options: Namespace, backbone: Backbone | None) -> Value:
    default = ""
    if backbone is not None:
        default = backbone.name
    elif options.backbone:
        default = _name_of(options.backbone)
    return _or_default(options.base_model, "--base-model or the backbone", default)


def _or_default(option: str | None, origin: str, default: str) -> Value:
    return Value(default if option is None else option, origin)


def _as_text(value: Value) -> Value:
    """An argument may be any bytes."""
    if isinstance(value.value, str):
        return Value(value.value.encode("utf-8", "replace").decode(), value.origin)
    return value


def _name_of(path: str) -> str:
    """The name of a file without its ending, or that of a folder."""
    name = os.path.basename(os.path.abspath(path))
    return name if os.path.isdir(path) else os.path.splitext(name)[0]
