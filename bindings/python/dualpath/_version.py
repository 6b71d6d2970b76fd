"""The version of the package, and of the ABI that it calls: those that dualpath.h states.

This file reads the header, which is in the source tree. An installed package has a file in its place
that setup.py wrote, with two constants.
"""

import re
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1]
_TREES = (_FOLDER / "libdualpath", _FOLDER.parent.parent)  # in a source distribution, or in all


def _header() -> str:
    for tree in _TREES:
        path = tree / "include" / "dualpath.h"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ImportError(f"dualpath: include/dualpath.h is not in {_TREES[1]}")


_HEADER = _header()


def _stated(name: str) -> str:
    found = re.search(rf'^#define {name} "?([0-9.]+)"?$', _HEADER, re.M)
    if found is None:
        raise ImportError(f"dualpath: include/dualpath.h does not state {name}")
    return found[1]


VERSION = _stated("DP_VERSION_STRING")
ABI_VERSION = int(_stated("DP_ABI_VERSION"))
