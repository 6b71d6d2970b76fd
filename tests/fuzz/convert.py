"""Fuzzes dualpath-convert with atheris: archives of PyTorch, files of before PyTorch 1.6,
safetensors, weight files, folders with configurations, and the texts of configurations in checkpoints.

    make fuzz-python FUZZ_SECONDS=600

An input is a file. If it is JSON, it has the configurations of a folder by their names, beside weights
that are sound. The mutator knows that an archive is entries with checksums, a pickle is instructions,
and a safetensors file is a length, JSON and numbers. What must hold: a file is converted, or refused in
one sentence, and no other exception gets out; what was converted, the library opens.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickletools
import random
import shutil
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutate = Callable[[bytes], bytes]

# Small models, so that a try is quick; more frames and heads than these are never asked for.
OPTIONS = ["--heads", "2", "--num-frames", "16", "--grid", "2", "--force"]
# What a checkpoint need not say.
STATED = ["--activation", "gelu", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"]
# What a method with one path need not say; --grid is not of it.
ONE_PATH = ["--heads", "2", "--num-frames", "2", "--sampling-rate", "1", "--adapter-scale", "0.5"]
WEIGHTS = Path(__file__).parent / "corpus/convert/hugging.safetensors"
CONFIGURATIONS = ("config.json", "preprocessor_config.json", "open_clip_config.json",
                  "model.safetensors.index.json")
NUMBERS = (0, 1, 2, 3, 16, 255, 256, 65535, 65536, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 32,
           (1 << 63) - 1, -1, -(1 << 31), -(1 << 63))
SOURCE = ("", "(", ")", "[", "]", "{", "}", ",", "=", "'", '"', "#", "\\", "\n", " ", "\t", "-", "*",
          "**", "dict(", "lambda: ", "1e999", "-1", "None", "True", "x", "not ", "0", "\ud800", "\0")
TEXTS = ("", "storage", "cpu", "torch", "_utils", "FloatStorage", "model", "args", "dualpath",
         "data/0", "../x", "meta", "config", "cfg", "state_dict", "\x1b[2J", "\ud800", "F32", "BF16", "F64", "I64", "__metadata__")

# ---- one try -------------------------------------------------------------------------------


class Fault(Exception):
    """Something that must not happen, and is no exception by itself."""


def run(arguments: list[str]) -> int:
    """The status of the converter; a failure has said one sentence."""
    from dualpath import convert
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        status = convert.main(arguments)
    lines = said.getvalue().splitlines()
    if status not in (0, 1) or (status == 1) != (len(lines) == 1):
        raise Fault(f"status {status} with {lines}")
    if status == 1 and not all(c.isprintable() for c in lines[0]):
        raise Fault(f"a sentence that steers a terminal: {lines[0]!r}")
    return status


def try_file(path: str, output: str) -> None:
    """Inspects and converts a file, also with all that it need not say; opens what came out."""
    from dualpath import Model
    run(["--inspect", path])
    for options in (OPTIONS, OPTIONS + STATED):
        if run([path, "-o", output, *options]) == 0:
            Model(output).close()
            os.unlink(output)
    for options in ([], ["--backbone", str(WEIGHTS)]):
        run([path, "--dry-run", *ONE_PATH, *STATED, *options])


class Target:
    """Has a folder of its own for the file of an input, and one for configurations."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="dualpath-fuzz-")
        self._folder = Path(self._temporary.name)
        self._beside = self._folder / "beside"
        self._beside.mkdir()
        shutil.copy(WEIGHTS, self._beside / "model.safetensors")

    def __call__(self, data: bytes) -> None:
        output = str(self._folder / "model.gguf")
        if data[:1] == b"{":
            self._write_configurations(data)
            try_file(str(self._beside), output)
        else:
            source = self._folder / "checkpoint"
            source.write_bytes(data)
            try_file(str(source), output)

    def _write_configurations(self, data: bytes) -> None:
        """A file that the input does not have is not there; what is no JSON is all of them."""
        try:
            values = {name: json.dumps(value).encode() for name, value in json.loads(data).items()}
        except (ValueError, RecursionError):
            values = dict.fromkeys(CONFIGURATIONS, data)
        for name in CONFIGURATIONS:
            (self._beside / name).unlink(missing_ok=True)
            if name in values:
                (self._beside / name).write_bytes(values[name])


# ---- mutations -----------------------------------------------------------------------------


def mutate(data: bytes, generator: random.Random, mutate_bytes: Mutate) -> bytes:
    """Another file of the same kind, or now and then any bytes."""
    kinds: list[tuple[bool, Callable[..., bytes]]] = [
        (data[:2] == b"PK", _mutate_archive), (data[8:9] == b"{", _mutate_safetensors),
        (data[:1] == b"\x80", _mutate_legacy), (data[:1] == b"{", _mutate_json)]
    if generator.random() < 0.9:
        for fits, change in kinds:
            with contextlib.suppress(Exception):
                if fits:
                    return change(data, generator, mutate_bytes)
    return mutate_bytes(data)


def _mutate_archive(data: bytes, generator: random.Random, mutate_bytes: Mutate) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = [(name, file.read(name)) for name in file.namelist()]
    at = generator.randrange(len(entries))
    pickles = [i for i, (name, _) in enumerate(entries) if name.endswith(".pkl")]
    if pickles and generator.random() < 0.8:
        at = pickles[0]
    name, content = entries[at]
    action = generator.random()
    if action < 0.05:
        del entries[at]
    elif action < 0.1:
        entries.insert(at, (name, content))
    elif action < 0.15:
        entries[at] = (generator.choice((*TEXTS[:-4], name.replace("data", "code"))), content)
    elif at in pickles and action < 0.8:
        entries[at] = (name, _mutate_pickle(content, generator))
    else:
        entries[at] = (name, mutate_bytes(content))
    kind = zipfile.ZIP_DEFLATED if generator.random() < 0.1 else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with contextlib.redirect_stderr(io.StringIO()), zipfile.ZipFile(buffer, "w", kind) as file:
        for name, content in entries:
            file.writestr(zipfile.ZipInfo(name), content, kind)
    return buffer.getvalue()


def _instruction(generator: random.Random) -> bytes:
    """One that puts a value on the stack, or any without an argument."""
    choice = generator.random()
    if choice < 0.4:
        number = generator.choice(NUMBERS)
        return b"\x8a\x09" + number.to_bytes(9, "little", signed=True)
    if choice < 0.7:
        text = generator.choice(TEXTS).encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    return generator.choice([b"N", b"\x88", b"]", b"}", b")", b"(", b"t", b"R", b"b", b"u", b"e",
                             b"s", b"a", b"Q", b"0", b"2", b"1", b"\x85", b"\x86", b"\x87",
                             b"h\x00", b"q\x00", b"\x81", b"\x93", b"l", b"d", b"o", b"."])


def _mutate_text(part: bytes, generator: random.Random) -> bytes:
    """An instruction with a text, such as that of a configuration: some of it is cut out, repeated or
    replaced by what Python source has."""
    if part[:1] != b"X":
        return _instruction(generator)
    text = part[5:].decode("utf-8", "surrogatepass")
    for _ in range(generator.randint(1, 4)):
        a, b = sorted((generator.randrange(len(text) + 1), generator.randrange(len(text) + 1)))
        b = min(b, a + generator.choice((0, 1, 8, 64)))
        text = text[:a] + generator.choice((*SOURCE, text[a:b] * 2)) + text[b:]
    data = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def _mutate_pickle(data: bytes, generator: random.Random) -> bytes:
    """Instructions are removed, repeated, exchanged and put in."""
    starts = [position for _, _, position in pickletools.genops(data) if position is not None]
    parts = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(generator.randint(1, 3)):
        a, b = generator.randrange(len(parts)), generator.randrange(len(parts))
        action = generator.randrange(6)
        if action == 0 and len(parts) > 2:
            del parts[a]
        elif action == 1:
            parts[a:a] = parts[b:b + generator.randint(1, 8)]
        elif action == 2:
            parts[a], parts[b] = parts[b], parts[a]
        elif action == 3:
            parts.insert(a, _instruction(generator))
        elif action == 4:
            parts[a] = _mutate_text(parts[a], generator)
        else:
            parts[a] = _instruction(generator)
    return b"".join(parts)


def _mutate_legacy(data: bytes, generator: random.Random, mutate_bytes: Mutate) -> bytes:
    """Of the pickles one after the other, or of the numbers behind them."""
    stream, parts = io.BytesIO(data), []
    for _ in range(5):
        begin = stream.tell()
        for _instruction_of_it in pickletools.genops(stream):
            pass
        parts.append(data[begin:stream.tell()])
    rest = data[stream.tell():]
    at = generator.choice((0, 1, 2, 3, 3, 3, 3, 4, 4, 5))
    if at == 5:
        return b"".join(parts) + mutate_bytes(rest)
    parts[at] = _mutate_pickle(parts[at], generator)
    return b"".join(parts) + rest


def _change_value(value: Any, generator: random.Random) -> Any:
    """JSON in which one thing is another."""
    if isinstance(value, dict) and value and generator.random() < 0.9:
        key = generator.choice(list(value))
        changed = {name: item for name, item in value.items() if name != key}
        if generator.random() < 0.9:
            name = key if generator.random() < 0.9 else generator.choice((*value, *TEXTS))
            changed[name] = _change_value(value[key], generator)
        return changed
    if isinstance(value, list) and value and generator.random() < 0.9:
        at = generator.randrange(len(value))
        return [*value[:at], _change_value(value[at], generator), *value[at + 1:]]
    return generator.choice((*NUMBERS, *TEXTS, None, [], {}, [1, 1], 1.5))


def _mutate_safetensors(data: bytes, generator: random.Random, mutate_bytes: Mutate) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    header, numbers = data[8:8 + length], data[8 + length:]
    if generator.random() < 0.2:
        numbers = mutate_bytes(numbers)
    else:
        header = json.dumps(_change_value(json.loads(header), generator)).encode()
    return struct.pack("<Q", len(header)) + header + numbers


def _mutate_json(data: bytes, generator: random.Random, _mutate_bytes: Mutate) -> bytes:
    return json.dumps(_change_value(json.loads(data), generator)).encode()


# ---- with atheris --------------------------------------------------------------------------


def main() -> None:
    import atheris
    with atheris.instrument_imports(include=["dualpath"]):
        import dualpath.convert  # noqa: F401

    def custom_mutator(data: bytes, max_size: int, seed: int) -> bytes:
        changed = mutate(data, random.Random(seed),
                         lambda part: bytes(atheris.Mutate(part, len(part) + 64)))
        return changed if len(changed) <= max_size else bytes(atheris.Mutate(data, max_size))

    atheris.Setup(sys.argv, Target(), custom_mutator=custom_mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bindings" / "python"))
    main()
