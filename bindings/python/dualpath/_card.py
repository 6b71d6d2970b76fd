"""A model card: what a weight file is, for people and for hubs, from the file and what was measured."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ._front_matter import Entry, front_matter, licence_entries
from ._gguf_reader import read_weight_file
from ._measured import Measured, Measurement, read_measured, sha256_of
from ._refused import Refused, show
from .errors import BackboneError, DualPathError, LibraryError
from .model import Model, ModelInfo

_TAGS = ("video", "action-recognition", "cpu", "gguf", "libdualpath")
_MAX_TEXT = 4000
_MAX_LABEL = 120

_METHODS = {  # name, authors, paper
    "dualpath": ("DualPath", "Park et al., CVPR 2023", "2303.09857"),
    "aim": ("AIM", "Yang et al., ICLR 2023", "2302.03024"),
    "st-adapter": ("ST-Adapter", "Pan et al., NeurIPS 2022", "2206.13559"),
    "vpt": ("VPT", "Jia et al., ECCV 2022", "2203.12119"),
    "adaptformer": ("AdaptFormer", "Chen et al., NeurIPS 2022", "2205.13535"),
}


class _Subject(NamedTuple):
    """What a card is about. Texts are those of the file, by anybody."""

    file: str
    size: int
    info: ModelInfo
    labels: tuple[str, ...]
    texts: dict[str, str]
    is_task: bool
    measured: Measured | None

    def text(self, key: str) -> str:
        return self.texts.get(f"general.{key}", "")

    @property
    def name(self) -> str:
        return self.info.name or os.path.splitext(self.file)[0]


def write_card(path: str, model: str, backbone: str | None, measured: str | None) -> None:
    """The card of a weight file, which may be a task of a backbone. ``path`` is a whole file or none."""
    text = "\n".join(_sections(_read(model, backbone, measured)))
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(prefix=".dualpath-convert-", dir=folder) as scratch:
        unfinished = os.path.join(scratch, "card.md")
        with open(unfinished, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(unfinished, path)


def _read(path: str, backbone: str | None, measured_path: str | None) -> _Subject:
    measured = None
    if measured_path is not None:
        measured = read_measured(measured_path)
        _check_bytes(measured_path, measured.sha256, path)
        if backbone is not None:
            _check_bytes(measured_path, measured.backbone_sha256, backbone)
    metadata = read_weight_file(path).metadata
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    with _opened(path, backbone) as model:
        return _Subject(os.path.basename(path), os.path.getsize(path), model.info, model.labels, texts,
                        backbone is not None, measured)


def _check_bytes(measured_path: str, sha256: str | None, path: str) -> None:
    if sha256 != sha256_of(path):
        raise Refused(f"{show(measured_path)} was measured with a file of other bytes than {show(path)}: "
                      "measure this one")


@contextlib.contextmanager
def _opened(path: str, backbone: str | None) -> Iterator[Model]:
    with contextlib.ExitStack() as stack:
        try:
            if backbone is None:
                model = Model(path)
            else:
                frozen = stack.enter_context(Model(backbone, as_backbone=True))
                model = frozen.open_task(path)
        except BackboneError as error:
            raise Refused(f"{error} (--task-of MODEL.gguf names it)") from error
        except (DualPathError, LibraryError) as error:
            raise Refused(f"a card needs the library, which says: {error}") from error
        yield stack.enter_context(model)


# ---- what it says ----


def _sections(subject: _Subject) -> Iterator[str]:
    yield front_matter(_entries(subject))
    yield f"# {_plain(subject.name)}\n"
    if subject.text("description"):
        yield f"{_paragraph(subject.text('description'))}\n"
    yield _introduction(subject)
    yield f"## Model\n\n{_table(('fact', 'value'), _facts(subject))}"
    yield f"## How it looks at a clip\n\n{_protocol(subject.info)}"
    yield f"## Classes\n\n{_classes(subject.labels)}"
    yield f"## How to run it\n\n{_usage(subject)}"
    yield f"## What was measured\n\n{_results(subject.measured)}"


def _entries(subject: _Subject) -> dict[str, Entry]:
    base = subject.text("base_model.0.name")
    return {
        **licence_entries(subject.text("license")),
        **({"base_model": [base]} if base else {}),
        "pipeline_tag": "video-classification",
        "library_name": "libdualpath",
        "tags": [*_TAGS, subject.info.method],
    }


def _introduction(subject: _Subject) -> str:
    what = f"says which of {subject.info.classes} actions happens in a video" if subject.info.classes \
        else "answers feature vectors for a video, and has no classes"
    kind = "A task file, which goes with its backbone: it" if subject.is_task else "A model that"
    return f"{kind} {what}. It runs on a CPU, by libdualpath.\n"


def _facts(subject: _Subject) -> Iterator[tuple[str, str]]:
    info = subject.info
    yield "method", _method(info)
    base = subject.text("base_model.0.name")
    patch = f"patches of {info.patch_size} x {info.patch_size} pixels"
    shape = f"a transformer of {info.blocks} blocks of width {info.width} with {info.heads} heads, {patch}"
    yield "backbone", f"{_plain(base)}, {shape}" if base else shape
    yield "input", _input(info)
    if info.prompts:
        yield "prompts", f"{info.prompts} an image"
    if info.adapter_width:
        yield "adapters", f"up to {info.adapter_width} wide"
    yield "output", f"{info.classes} classes" if info.classes else f"{info.feature_size} numbers a path"
    yield "parameters", (f"{info.parameters:,}, of which {info.adapter_parameters:,} are adapters, position "
                         "tables, class token and head")
    yield "multiply-adds", f"{info.macs:,} for one view of one crop"
    yield "file", f"{subject.size:,} bytes, matrices in {info.file_type}"
    for title, key in (("made by", "author"), ("licence", "license")):
        if subject.text(key):
            yield title, _plain(subject.text(key))
    if subject.text("source.url"):
        yield "checkpoint", _link(subject.text("source.url"))


def _method(info: ModelInfo) -> str:
    if info.method not in _METHODS:
        return "a linear probe: only the head was trained"
    name, authors, paper = _METHODS[info.method]
    return f"[{name}](https://arxiv.org/abs/{paper}) ({authors})"


def _input(info: ModelInfo) -> str:
    side = f"{info.input_size} x {info.input_size} pixels"
    if not info.framesets:
        return f"{info.frames} frames of {side}"
    sets = "one frameset" if info.framesets == 1 else f"{info.framesets} framesets"
    return (f"{info.frames} frames of {side}: {info.spatial_frames} of them in the spatial path, all in "
            f"{sets} of {info.grid} x {info.grid} in the temporal one")


def _protocol(info: ModelInfo) -> str:
    mean, std = (", ".join(f"{part:g}" for part in three) for three in (info.mean, info.std))
    return f"{info.protocol}\n\nPixels of 0 to 1 become (pixel - mean) / deviation, with a mean of {mean} " \
           f"and a deviation of {std} for R, G and B.\n"


def _classes(labels: Sequence[str]) -> str:
    if not labels:
        return "None: the model has no head.\n"
    if not any(labels):
        return f"{len(labels)}, which the file does not name.\n"
    names = (f"{index} {_plain(label, _MAX_LABEL)}" if label else str(index)
             for index, label in enumerate(labels))
    return f"{', '.join(names)}\n"


def _usage(subject: _Subject) -> str:
    file = subject.file if re.fullmatch(r"\w[\w.-]*", subject.file, re.ASCII) else "model.gguf"
    backbone = " --backbone backbone.gguf" if subject.is_task else ""
    python = f'dualpath.Model("{file}")'
    c = f'dp_model_open("{file}", NULL, &model)'
    if subject.is_task:
        python = f'dualpath.Model("backbone.gguf", as_backbone=True).open_task("{file}")'
        c = f'dp_model_open_task(backbone, "{file}", NULL, &model)'
    top = "result.top(5)" if subject.info.classes else "result.feature_spatial"
    return f"""On the command line, with the program in C or with the Python package:

```sh
dualpath classify{backbone} {file} clip.mp4
python -m dualpath classify{backbone} {file} clip.mp4
```

In Python:

```python
import dualpath

with {python} as model, dualpath.Session(model) as session:
    result = session.classify_video("clip.mp4")
    print({top})
```

In C, where `clip` has the frames:

```c
{c};
dp_session_create(model, NULL, &session);
dp_classify_clip(session, &clip, &result);
```
"""


def _results(measured: Measured | None) -> str:
    if measured is None:
        return "Nothing was measured with this file.\n"
    split = f", split {_plain(measured.split)}," if measured.split else ""
    views = f"{measured.views} view{'s' if measured.views > 1 else ''}"
    crops = f"{measured.crops} crop{'s' if measured.crops > 1 else ''}"
    head = (f"On the {measured.clips:,} clips of {_plain(measured.list)}{split} with {views} and {crops} of a "
            f"clip, by `dualpath-evaluate` with libdualpath {_plain(measured.library)}.")
    titles = ["precision", "top-1", "top-5", "clips a second", "with decoding", "threads", "kernels"]
    rows = [_result(one, measured.clips) for one in measured.results]
    return f"{head} The speed is that of one machine.\n\n{_table(titles, rows)}"


def _result(one: Measurement, clips: int) -> tuple[str, ...]:
    speed = "-" if one.clips_per_second is None else f"{one.clips_per_second:.1f}"
    return (_plain(one.precision), _share(one.top_1, clips), _share(one.top_5, clips), speed,
            f"{one.clips_per_second_with_decoding:.1f}", str(one.threads), _plain(one.kernels))


def _share(right: int | None, clips: int) -> str:
    return "-" if right is None else f"{right / clips:.1%} ({right})"


# ---- Markdown ----


def _plain(text: str, limit: int = _MAX_TEXT) -> str:
    """One line of text that is nothing but text to Markdown, and to HTML in it."""
    line = " ".join(show(part, limit) for part in text.split())
    return re.sub(r"([\\`*_{}\[\]<>()#!|~$&])", r"\\\1", line)


def _paragraph(text: str) -> str:
    """The same at the beginning of a line, where marks and numbers make lists and rules."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", _plain(text))


def _link(text: str) -> str:
    """An address, if that is all that it is."""
    return f"<{text}>" if re.fullmatch(r"https?://[\w.~:/?#@!$&'*+,;=%-]+", text, re.ASCII) else _plain(text)


def _table(titles: Sequence[str], rows: Any) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
