#!/usr/bin/env python3
"""dualpath.hpp has each call of dualpath.h: `complete.py include/dualpath.h include/dualpath.hpp`.

What it has no name of its own for is listed here, with the reason.
"""

import re
import sys
from pathlib import Path

DECLARED = re.compile(r"^(?:DP_API|static inline) [^;{}#/]*?\b(dp_\w+)\(", re.M)
AS_IT_IS = {
    r"dp_(version|version_string|abi_version)": "asks for a number or a name only",
    r"dp_\w+_(name|from_name)": "asks for a number or a name only",
    r"dp_\w+_default": "is inline: *_init() does the same",
    r"dp_frame_(packed|rgb24|bgr24|rgba|bgra|gray8|nv12|i420)": "is inline: packed_frame() does the same",
    r"dp_events_push_window": "is inline: Events::push_window() does the same",
}


def main():
    header, wrapper = (Path(name).read_text() for name in sys.argv[1:])
    called = set(re.findall(r"\bdp_\w+", re.sub(r"//.*", "", wrapper)))
    faults = []
    for call in DECLARED.findall(header):
        left = any(re.fullmatch(pattern, call) for pattern in AS_IT_IS)
        if left == (call in called):
            faults.append(f"{call}: " + ("is used, and listed as left out" if left else "is missing in dualpath.hpp"))
    for fault in faults:
        print(f"complete: {fault}", file=sys.stderr)
    return 1 if faults or not called else 0


if __name__ == "__main__":
    sys.exit(main())
