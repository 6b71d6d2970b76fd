"""What each system has in its own way: how the shared library is called and found, and paths in C."""

from __future__ import annotations

import os
import sys

ON_WINDOWS = sys.platform == "win32"


def library_name(system: str, abi: int) -> str:
    """The file of the library with this ABI, on a system as `sys.platform` names it."""
    names = {"darwin": f"libdualpath.{abi}.dylib", "win32": f"libdualpath-{abi}.dll"}
    return names.get(system, f"libdualpath.so.{abi}")


def find_in_system(name: str) -> str:
    """What loads the system's library: its name; on Windows its path, because Python has the loader
    not look into the folders of PATH there."""
    if not ON_WINDOWS:
        return name
    from ctypes.util import find_library  # which takes longer to import than all else here

    return find_library(name) or name


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path as the library reads it: on Windows UTF-8, whatever Python uses there for files."""
    if ON_WINDOWS:
        encoded = os.fsdecode(path).encode("utf-8", "surrogatepass")
    else:
        encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError(f"a path cannot hold a null character: {path!r}")
    return encoded
