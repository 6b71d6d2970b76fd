#!/usr/bin/env python3
"""Writes dualpath.h as another version has it: `other_header.py first|later FOLDER`.

`first` is that of 0.2.0, where the structs that begin with struct_size have only the fields they had
then (lib/api/options.c names the last one of each); `later` is one that has more of them.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/dualpath.h").read_text()
LAST_FIELDS = dict(
    re.findall(r"STRUCT_TYPE\((dp_\w+), (\w+),", (ROOT / "lib/api/options.c").read_text())
)
LATER_FIELDS = "    uint32_t later[6];\n"


def change_struct(header, name, change):
    pattern = rf"(typedef struct {name} \{{\n)(.*?)(\}} {name};)"
    changed, count = re.subn(
        pattern, lambda match: match[1] + change(match[2]) + match[3], header, flags=re.S
    )
    if count != 1 or "struct_size" not in re.search(pattern, header, re.S)[2]:
        raise SystemExit(f"other_header: no struct_size in {name}")
    return changed


def cut_after(last):
    def cut(fields):
        kept = re.match(rf".*?\b{last}\b(?:\[\w+\])?;[^\n]*\n", fields, re.S)
        if kept is None:
            raise SystemExit(f"other_header: no field {last}")
        return kept[0]

    return cut


def main():
    version, folder = sys.argv[1], Path(sys.argv[2])
    header = HEADER
    for name, last in LAST_FIELDS.items():
        change = cut_after(last) if version == "first" else lambda fields: fields + LATER_FIELDS
        header = change_struct(header, name, change)
    if len(LAST_FIELDS) != HEADER.count("size_t struct_size;"):
        raise SystemExit("other_header: lib/api/options.c does not list all structs that grow")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dualpath.h").write_text(header)


if __name__ == "__main__":
    main()
