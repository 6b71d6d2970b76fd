"""Reads the files of torch.save() and torch.jit.save() without PyTorch.

Such a file is a zip archive: data.pkl describes objects, in which tensors refer to byte ranges of
the entries data/0, data/1, ... Every reference is checked against the entry when it is read.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from typing import Any

from ._pickle import MAX_BYTES, load
from ._refused import Refused, show
from ._torch_tensors import Storage, find_global, read_identifier

_ZIP_ERRORS = (zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OverflowError, struct.error)


class Archive:
    """A zip archive of PyTorch, checked before anything in it is used."""

    def __init__(self, path: str) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self._entries = self._check_entries(os.path.getsize(path))
            self._folder = self._find_folder()
            self.byte_order = self._read_byte_order()
        except _ZIP_ERRORS as error:
            raise Refused(f"not a sound zip archive: {show(str(error))}") from error

    def _check_entries(self, archive_size: int) -> dict[str, zipfile.ZipInfo]:
        """Entries may not sum to more than the file: then none overlaps to seem more than it is."""
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            if info.filename in entries:
                raise Refused(f"entry {show(info.filename)} occurs twice")
            if not 0 <= info.header_offset < archive_size:
                raise Refused(f"entry {show(info.filename)} lies outside of the file")
            entries[info.filename] = info
        if sum(info.compress_size for info in entries.values()) > archive_size:
            raise Refused("the entries overlap: together they are larger than the file")
        return entries

    def _find_folder(self) -> str:
        """The folder that all entries of one archive lie in, with its slash, or nothing."""
        found = [name for name in self._entries if re.fullmatch(r"([^/]+/)?data\.pkl", name)]
        if len(found) != 1:
            raise Refused("not a file of torch.save(): expected one data.pkl in the archive, "
                          f"there are {len(found)}")
        return found[0][:-len("data.pkl")]

    def _read_byte_order(self) -> str:
        name = self._folder + "byteorder"
        order = self.read(name) if name in self._entries else b"little"
        if order not in (b"little", b"big"):
            raise Refused(f"byteorder is {show(repr(order))}; expected little or big")
        return "<" if order == b"little" else ">"

    def read(self, name: str) -> bytes:
        """An entry's bytes. PyTorch compresses code only; what holds numbers is stored as it is,
        so that nothing inflates."""
        info = self._entries[name]
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise Refused(f"entry {show(name)} is compressed; PyTorch stores it as it is")
        try:
            return self._zip.read(info)
        except _ZIP_ERRORS as error:
            raise Refused(f"entry {show(name)} cannot be read: {show(str(error))}") from error

    def _find_storage(self, identifier: Any) -> Storage:
        if type(identifier) is not tuple or len(identifier) != 5:
            raise Refused("the pickle refers to something else than a storage")
        dtype, key, count = read_identifier(identifier)
        entry = f"{self._folder}data/{key}"
        if entry not in self._entries:
            raise Refused(f"storage {show(entry)} is missing from the archive")
        storage = Storage(self, entry, dtype, count)
        size, expected = self._entries[entry].file_size, count * storage.item_size
        if size != expected:
            raise Refused(f"storage {show(entry)} has {size} bytes; {count} numbers of {dtype} "
                          f"need {expected}")
        return storage

    def load(self) -> Any:
        """The value that data.pkl describes."""
        name = self._folder + "data.pkl"
        if self._entries[name].file_size > MAX_BYTES:
            raise Refused(f"data.pkl has {self._entries[name].file_size} bytes; "
                          f"at most {MAX_BYTES} are read")
        return load(self.read(name), find_global, self._find_storage)
