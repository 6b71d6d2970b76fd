#!/usr/bin/env python3
"""The diffs of docs/contributing.md against the files: `make check-structure`.

A block marked `diff` begins with `@@ FILE`. Its lines with a space or `-` must stand in the file, in
this order and once; `New file` names one that must not be there. What is done already, line for line, is
no fault. With the name of a section or of a part of one, what it says is done to the files:
recipes.py "a pixel format" (in a scratch copy, to try the steps).
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "contributing.md"
BLOCK = re.compile(
    r"^( *)New file `(?P<new>[^`]+)`:\n\n\1```\w*\n(?P<text>.*?)^\1```$"
    r"|^( *)```diff\n\4@@ (?P<file>\S+)\n(?P<diff>.*?)^\4```$",
    re.M | re.S,
)


def unindented(text, indent):
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def before_and_after(diff):
    lines = [line if line.strip() else " \n" for line in diff.splitlines(keepends=True)]
    return ("".join(line[1:] for line in lines if line[0] != "+"),
            "".join(line[1:] for line in lines if line[0] != "-"))


def sections(page):
    """Title and text of each section, and of each part of one."""
    titles = list(re.finditer(r"^###? (.*)$", page, re.M))
    for title, following in zip(titles, [*titles[1:], None]):
        yield title[1], page[title.end() : following.start() if following else None]


def occurs_once(part, text):
    return ("\n" + text).count("\n" + part) == 1


def main():
    wanted = sys.argv[1].lower() if len(sys.argv) > 1 else None
    faults, blocks = [], 0
    for title, text in sections(PAGE.read_text()):
        if wanted not in (None, title.lower()):
            continue
        for block in BLOCK.finditer(text):
            blocks += 1
            name = block["new"] or block["file"]
            path = ROOT / name
            old = path.read_text() if path.exists() else ""
            before, after = "", ""
            if block["new"]:
                after = unindented(block["text"], block[1])
                fits, is_done = not path.exists(), old == after
            else:
                before, after = before_and_after(unindented(block["diff"], block[4]))
                fits, is_done = occurs_once(before, old), occurs_once(after, old)
            if is_done:
                continue
            if not fits:
                faults.append(f"{PAGE.name}, {title}: does not fit {name} any more:\n{before or name}")
            elif wanted:
                path.write_text(("\n" + old).replace("\n" + before, "\n" + after, 1)[1:] if before else after)
    if blocks == 0:
        faults.append(f"{PAGE.name} has no section `{wanted}` with files to change")
    for fault in faults:
        print(f"recipes: {fault}", file=sys.stderr)
    print(f"recipes: {blocks} blocks of {PAGE.name}, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
