"""Which videos a job is about: those of a list, or of a folder and the folders in it.

Paths are text as Python has it, also where they are not UTF-8. They are written down one after the
other, each with a null character behind it, so that a job does not hold them in memory and does not
change with what it reads.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .failure import Failure, usage

ENDINGS = frozenset(
    "3gp asf avi flv h264 hevc m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv y4m".split()
)
"""Of the names that count as videos in a folder."""

_MAX_PART = 1 << 20


class Videos(NamedTuple):
    root: str
    """The folder that the paths are relative to."""
    sha256: str
    """Of the file that they are written to."""
    files: int


def write_down(source: str, root: str | None, to: str) -> Videos:
    """The videos of a list or a folder, in a file."""
    is_folder = os.path.isdir(source)
    if is_folder and root is not None:
        raise usage("--root", "is for lists; the paths of a folder begin there")
    root = source if is_folder else os.path.dirname(source) if root is None else root
    digest, count = hashlib.sha256(), 0
    with open(to, "wb") as file:
        for path in _of_folder(source) if is_folder else _of_list(source):
            line = os.fsencode(path) + b"\0"
            digest.update(line)
            file.write(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if count == 0:
        raise Failure(source, "holds no video" if is_folder else "names no video")
    return Videos(os.path.abspath(root), digest.hexdigest(), count)


def read_down(path: str) -> Iterator[str]:
    """The paths that were written to a file."""
    rest = b""
    with open(path, "rb") as file:
        while part := file.read(_MAX_PART):
            *whole, rest = (rest + part).split(b"\0")
            yield from map(os.fsdecode, whole)


# ---- lists ----


def _of_list(source: str) -> Iterator[str]:
    read = _of_table if source.lower().endswith(".csv") else _of_lines
    try:
        with open(source, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            for place, path in read(source, file):
                if "\0" in path:
                    raise Failure(source, f"{place}: a path cannot hold a null character")
                yield path
    except OSError as error:
        raise Failure(source, f"cannot read: {error.strerror}") from error


def _of_lines(source: str, file: Any) -> Iterator[tuple[str, str]]:
    """Of each line that is not empty."""
    for number, line in enumerate(file, 1):
        if path := line.rstrip("\r\n"):
            yield f"line {number}", path


def _of_table(source: str, file: Any) -> Iterator[tuple[str, str]]:
    try:
        table = csv.DictReader(file)
        if "path" not in (table.fieldnames or ()):
            raise Failure(source, "has no column 'path'")
        for row in table:
            place = f"line {table.line_num}"
            if not row["path"]:
                raise Failure(source, f"{place}: there is no path")
            yield place, row["path"]
    except csv.Error as error:
        raise Failure(source, f"is not a CSV file: {error}") from error


# ---- folders ----


def _of_folder(folder: str) -> Iterator[str]:
    """The videos below a folder, in the order of their bytes. Symbolic links are followed, and each
    folder is visited once."""
    visited: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        try:
            status = os.stat(os.path.join(folder, relative))
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(os.path.join(folder, relative)) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
            folders = [one.name for one in found if one.is_dir()]
        except OSError as error:
            raise Failure(os.path.join(folder, relative), f"cannot read: {error.strerror}") from error
        yield from (os.path.join(relative, one.name) for one in found
                    if _is_video(one.name) and one.name not in folders)
        waiting += [os.path.join(relative, name) for name in reversed(folders)]


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1][1:].lower() in ENDINGS
