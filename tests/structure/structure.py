#!/usr/bin/env python3
"""The structure of lib/ against docs/architecture.md: `make check-structure`.

- A folder includes only itself and the folders that the block `folders` of the page gives it.
- lib/vit has no test of a precision, an instruction set or a layout.
- No two files of lib/ give one name to two things at file scope, but for files of two systems.
- A name of lib/ begins with dp_ or DP_ only if it is public, and with dpi_ or DPI_ otherwise.
- No word of the left column of the page's glossary is part of a name in lib/ or include/.
- Files and names of the page's table Where to change what are there.
"""

import collections
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "lib"
PAGE = ROOT / "docs" / "architecture.md"

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^#\s*include "(.*)"', re.M)
NAME = re.compile(r"\b[A-Za-z_]\w*\b")

# What lib/vit must not look at: it writes formulas.
DECISIONS = re.compile(r"\bDP_CPU_\w+|\bDP_PRECISION_\w+|\bDPI_NUMBER_\w+|\w*precision\b|\bcpu_mask\b|(?:->|\.)(?:cpu|layout|lhs)\b|\bdpi_layout\w*")

# Names at file scope, in the layout of clang-format.
AT_FILE_SCOPE = [
    re.compile(r"^static\b(?:[^;={(]|__attribute__\(\(\w+\)\))*?(?:\(\*(?:const )?)?\b(\w+)(?:\((?!\*)|\[| =|;)", re.M),
    re.compile(r"^typedef\b[^{(;]*\b(\w+);", re.M),
    re.compile(r"^typedef\b[^{;]*\(\*(\w+)\)\(", re.M),
    re.compile(r"^\} (\w+);", re.M),
]


# Folders below lib/os of which a build has one.
SYSTEMS = ("posix", "windows")


def sources():
    return sorted(path for path in LIB.rglob("*.[ch]"))


def folder(path):
    return path.relative_to(LIB).parts[0]


def code(path):
    """The text without comments and literals; includes stay."""
    text = path.read_text()
    return COMMENT_OR_TEXT.sub(lambda match: match[0] if match[0].startswith('"') and
                               text.rfind("#include", 0, match.start()) >= text.rfind("\n", 0, match.start())
                               else "", text)


def allowed_folders(page):
    """From lines such as `video: nn isa base`."""
    block = re.search(r"```folders\n(.*?)```", page, re.S)
    if not block:
        raise SystemExit(f"{PAGE.name}: the block `folders` is missing")
    lines = (line.split(":") for line in block[1].splitlines() if line.strip())
    return {name.strip(): set(rest.split()) for name, rest in lines}


def retired_words(page):
    """The left column of the table below the heading Glossary, words in backquotes."""
    section = re.search(r"^## Glossary\n(.*?)(?=^## |\Z)", page, re.S | re.M)
    if not section:
        raise SystemExit(f"{PAGE.name}: the section Glossary is missing")
    rows = re.findall(r"^\|([^|\n]*)\|", section[1], re.M)
    return {word for row in rows for word in re.findall(r"`(\w+)`", row)}


def check_includes(page):
    allowed = allowed_folders(page)
    for path in sources():
        own = folder(path) if path.parent != LIB else None
        if own is not None and own not in allowed:
            yield f"{path.relative_to(ROOT)}: docs/architecture.md does not know the folder"
            continue
        for header in INCLUDE.findall(path.read_text()):
            place = header.split("/")
            if len(place) == 1 or own is None or place[0] in allowed[own] | {own}:
                continue
            yield f"{path.relative_to(ROOT)}: includes {header}, which stands above lib/{own}"


def check_vit():
    for path in sources():
        if folder(path) == "vit":
            for match in DECISIONS.finditer(code(path)):
                yield f"{path.relative_to(ROOT)}: {match[0]}: what a GEMM is made of is decided in lib/gemm"


def check_names():
    owners = collections.defaultdict(set)
    for path in sources():
        if path.suffix == ".c":
            text = code(path)
            for pattern in AT_FILE_SCOPE:
                for name in pattern.findall(text):
                    owners[name].add(path)
    for name, paths in sorted(owners.items()):
        if any(sum(path.parent.name != system for path in paths) > 1 for system in SYSTEMS):
            where = " and ".join(str(path.relative_to(ROOT)) for path in sorted(paths))
            yield f"{where}: both have a {name} of their own"


def check_prefixes():
    public = set(NAME.findall(code(ROOT / "include" / "dualpath.h")))
    build = set(NAME.findall((LIB / "dp_config.h").read_text()))  # options of a build
    build |= {"dp_config", "DP_BUILD_SHARED", "DP_EXPERIMENTAL", "DP_SMALL_TABLES"}
    for path in sources():
        for name in sorted(set(NAME.findall(code(path)))):
            if name.startswith(("dp_", "DP_")) and name not in public | build:
                yield f"{path.relative_to(ROOT)}: {name} is not in dualpath.h: private names begin with dpi_"


def check_glossary(page):
    words = retired_words(page)
    for path in [*sources(), *sorted((ROOT / "include").glob("*.h"))]:
        names = set(NAME.findall(code(path)))
        for name in sorted(names):
            for word in words & set(name.lower().split("_")):
                yield f"{path.relative_to(ROOT)}: {name}: the glossary has another word for `{word}`"


def check_places(page):
    """Files and names of the table "Where to change what": names are in the file before them."""
    section = re.search(r"^## Where to change what\n(.*?)(?=^## )", page, re.S | re.M)
    rows = re.findall(r"^\|[^|\n]*\|([^|\n]*)\|", section[1], re.M) if section else []
    if len(rows) < 3:
        raise SystemExit(f"{PAGE.name}: the table Where to change what is missing")
    for row in rows:
        text = None
        for token in re.findall(r"`([^`]+)`", row):
            if " " in token:  # a command
                continue
            if "/" in token:
                place = ROOT / token
                text = place.read_text() if place.is_file() else str(place.is_dir() or "")
            if not text or ("/" not in token and text is not None and token not in text):
                yield f"Where to change what: `{token}` is not there"


def main():
    page = PAGE.read_text()
    faults = [*check_includes(page), *check_vit(), *check_names(), *check_prefixes(),
              *check_glossary(page), *check_places(page)]
    for fault in faults:
        print(f"structure: {fault}", file=sys.stderr)
    print(f"structure: {len(sources())} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
