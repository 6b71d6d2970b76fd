"""What a library of macOS says of itself: ``macho.py LIBRARY SYSTEM PROCESSOR NAME``.

It is for this processor and for this version of macOS and later ones, is found under this install
name, and needs the C library of the system alone. Its signature holds, without which arm64 loads
nothing: the linker's own, of each page.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

PROCESSORS = {"x86_64": 0x01000007, "arm64": 0x0100000C}
MAGIC, DYLIB = 0xFEEDFACF, 6
ID_DYLIB, LOAD_DYLIB, CODE_SIGNATURE, BUILD_VERSION = 0xD, 0xC, 0x1D, 0x32
SIGNATURE, CODE_DIRECTORY, SHA256 = 0xFADE0CC0, 0xFADE0C02, 2


def commands(data: bytes) -> Iterator[tuple[int, bytes]]:
    count, place = struct.unpack_from("<I", data, 16)[0], 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, place)
        yield command, data[place : place + size]
        place += size


def name_in(command: bytes) -> str:
    (offset,) = struct.unpack_from("<I", command, 8)
    return command[offset:].split(b"\0")[0].decode()


def check_signature(data: bytes, command: bytes) -> int:
    """The number of pages whose hashes are those of the signature."""
    offset, size = struct.unpack_from("<II", command, 8)
    blob = data[offset : offset + size]
    magic, _, count = struct.unpack_from(">III", blob)
    assert magic == SIGNATURE, hex(magic)
    places = [struct.unpack_from(">II", blob, 12 + 8 * i)[1] for i in range(count)]
    (directory,) = (blob[p:] for p in places if blob[p : p + 4] == CODE_DIRECTORY.to_bytes(4, "big"))
    hashes, _, _, slots, limit = struct.unpack_from(">IIIII", directory, 16)
    length, kind, _, page = struct.unpack_from("BBBB", directory, 36)
    assert (kind, length) == (SHA256, 32), (kind, length)
    assert limit == offset, f"the signature is of {limit} bytes, {offset} are before it"
    step = 1 << page
    for slot, start in enumerate(range(0, limit, step)):
        place = hashes + slot * length
        digest = hashlib.sha256(data[start : min(start + step, limit)]).digest()
        assert directory[place : place + length] == digest, f"page {slot} has another hash"
    assert slots == -(-limit // step)
    return slots


def main(path: str, system: str, processor: str, name: str) -> None:
    data = Path(path).read_bytes()
    magic, kind_of_processor, _, kind = struct.unpack_from("<IIII", data)
    assert (magic, kind_of_processor, kind) == (MAGIC, PROCESSORS[processor], DYLIB)
    found = list(commands(data))
    (install_name,) = (name_in(command) for kind, command in found if kind == ID_DYLIB)
    assert install_name == name, install_name
    needed = [name_in(command) for kind, command in found if kind == LOAD_DYLIB]
    assert needed == ["/usr/lib/libSystem.B.dylib"], needed
    ((least,),) = (struct.unpack_from("<I", c, 12) for kind, c in found if kind == BUILD_VERSION)
    assert f"{least >> 16}.{least >> 8 & 255}" == system, hex(least)
    signatures = [command for kind, command in found if kind == CODE_SIGNATURE]
    assert signatures or processor != "arm64", "arm64 loads nothing that is not signed"
    pages = sum(check_signature(data, command) for command in signatures)
    print(f"{path}: {processor}, macOS {system}, {install_name}, {pages} signed pages")


main(*sys.argv[1:])
