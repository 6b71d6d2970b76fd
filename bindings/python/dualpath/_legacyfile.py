"""Reads the files of torch.save() before PyTorch 1.6, which are no zip archives.

Such a file is five pickles one after the other (a magic number, the version of the format, facts
about the machine, the value, the keys of the storages), then each storage in the order of the keys:
its count of numbers as 8 bytes, and the numbers, all little-endian.
"""

from __future__ import annotations

import os
from typing import Any

from ._pickle import MAX_BYTES, load_next
from ._refused import Refused, show
from ._torch_tensors import Storage, find_global, read_identifier

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def _no_storage(_identifier: Any) -> Any:
    raise Refused("the pickle refers to a storage before its value begins")


class LegacyFile:
    """A file of PyTorch before 1.6; load() checks all of it but the numbers."""

    byte_order = "<"

    def __init__(self, path: str) -> None:
        self._path = path
        self._storages: dict[str, Storage] = {}
        self._offsets: dict[str, int] = {}
        with open(path, "rb") as file:
            self._pickles = file.read(MAX_BYTES)  # all five
        self._position = 0

    def load(self) -> Any:
        """The value that the file describes."""
        if self._next() != _MAGIC_NUMBER:
            raise Refused("a pickle, and not one of torch.save(): it does not begin with the magic "
                          "number of PyTorch")
        version = self._next()
        if version != _VERSION or not isinstance(self._next(), dict):
            raise Refused("the file begins as one of torch.save(), and its version of the format "
                          f"is not {_VERSION}")
        value = self._next(self._find_storage)
        self._place_storages(self._next())
        return value

    def read(self, entry: str) -> bytes:
        """The bytes of a storage."""
        storage = self._storages[entry]
        with open(self._path, "rb") as file:
            file.seek(self._offsets[entry])
            return file.read(storage.count * storage.item_size)

    def _next(self, find_persistent: Any = _no_storage) -> Any:
        value, self._position = load_next(self._pickles, self._position, find_global,
                                          find_persistent)
        return value

    def _find_storage(self, identifier: Any) -> Storage:
        if type(identifier) is not tuple or len(identifier) != 6:
            raise Refused("the pickle refers to something else than a storage")
        dtype, key, count = read_identifier(identifier)
        if identifier[5] is not None:
            raise Refused(f"storage {show(key)} is a part of another one, which only PyTorch "
                          "before 0.4 wrote")
        storage = self._storages.setdefault(key, Storage(self, key, dtype, count))
        if (storage.dtype, storage.count) != (dtype, count):
            raise Refused(f"storage {show(key)} is described in two ways")
        return storage

    def _place_storages(self, keys: Any) -> None:
        """Finds where each storage lies, and that all of it is there."""
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise Refused("the file has no list of its storages")
        if len(set(keys)) != len(keys) or set(keys) != set(self._storages):
            raise Refused(f"the file lists {len(keys)} storages, and its value refers to "
                          f"{len(self._storages)} others or fewer")
        size, place = os.path.getsize(self._path), self._position
        with open(self._path, "rb") as file:
            for key in keys:
                storage = self._storages[key]
                file.seek(place)
                count = int.from_bytes(file.read(8), "little", signed=True)
                place += 8 + storage.count * storage.item_size
                if place > size:
                    raise Refused(f"the file ends before the end of storage {show(key)}")
                if count != storage.count:
                    raise Refused(f"storage {show(key)} has {count} numbers; the value says "
                                  f"{storage.count}")
                self._offsets[key] = file.tell()
