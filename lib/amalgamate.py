#!/usr/bin/env python3
"""Writes the library as two files, dualpath.c and dualpath.h: `make amalgamation`.

    amalgamate.py FOLDER x86_avx2='-mavx2 -mfma' arm_neon_dot='-march=armv8.2-a+dotprod' ...

The arguments behind the folder name the files below lib/isa that are compiled for more than the
processor at hand, the family they belong to, and the compiler's options for them. They become
regions of the one file with these instruction sets.

Each source file follows the other. Headers come first and once, but templates (*_tmpl.h) and those
below lib/isa: each file that includes them has its own, with names of its own (base/template.h). At
the end of a file its macros are undefined. Nothing is renamed: no two files of the library give one
name to two things.
"""

import re
import sys
from pathlib import Path

LIB = Path(__file__).resolve().parent
PUBLIC = LIB.parent / "include" / "dualpath.h"
ISA = LIB / "isa"

FAMILIES = {
    "x86": "defined(__x86_64__) && defined(__GNUC__)",
    # older versions of clang have the intrinsics only where the whole file may use them
    "arm": "defined(__aarch64__) && defined(__GNUC__) && (!defined(__clang__) || __clang_major__ >= 16)",
}

# Folders of which a system has one.
SYSTEMS = {"posix": "!defined(_WIN32)", "windows": "defined(_WIN32)"}

# What a compiler defines where an instruction set may be used, if not its name in capitals.
FEATURE_MACROS = {
    "dotprod": ["__ARM_FEATURE_DOTPROD"],
    "i8mm": ["__ARM_FEATURE_MATMUL_INT8"],
    "bf16": ["__ARM_FEATURE_BF16_VECTOR_ARITHMETIC"],
    "amx-bf16": ["__AMX_BF16__", "__AMXBF16__"],
    "amx-int8": ["__AMX_INT8__", "__AMXINT8__"],
}

PROLOGUE = """\
/*
 * libdualpath {version} in one file, made from its sources by `make amalgamation`.
 *
 *     cc -O3 -c dualpath.c
 *
 * Link with -lm -lpthread. DP_WITH_ZLIB (and -lz) adds gzip-compressed models. For a shared library
 * add -fPIC -fvisibility=hidden -DDP_BUILD_SHARED. Without optimisation the compiler says how slow that is;
 * DP_NO_OPTIMIZE_WARNING silences it.
 */

/* A message and no warning, so that -Werror lets it pass. */
#if defined(__GNUC__) && !defined(__OPTIMIZE__) && !defined(DP_NO_OPTIMIZE_WARNING)
#pragma message("libdualpath without optimisation is many times slower: add -O3, or DP_NO_OPTIMIZE_WARNING")
#endif

#if !defined(DP_WITH_ZLIB) && !defined(DP_NO_ZLIB)
#define DP_NO_ZLIB
#endif
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE
#endif
#define DP_EXPERIMENTAL
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

/* Answers must not depend on where a compiler joins a multiplication and an addition. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang diagnostic ignored "-Wunused-function" /* of what kernels could have used */
#pragma clang diagnostic ignored "-Wpragma-clang-attribute" /* a system without AMX has nothing for it */
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
"""

BEGIN_REGION = """\
#if {condition}
#define DP_REGION
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("{target}"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("{target}")
#endif
#endif
"""

END_REGION = """\
#if defined(DP_REGION)
#undef DP_REGION
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
"""

INCLUDE = re.compile(r'^#include "(.*)"\n', re.M)
MACRO = re.compile(r"^\s*#\s*define\s+([A-Za-z]\w*)", re.M)


def is_shared(header):
    """Whether a header is there once, and not anew in each file that includes it."""
    return not header.stem.endswith("_tmpl") and (ISA not in header.parents or header.parent == ISA)


class Unit:
    """A source file with the headers of its own: its text, and what it needs around it."""

    def __init__(self, path):
        self.path = path
        self.seen = set()  # headers with a guard are there once
        self.text = self.expand(path)

    def expand(self, path):
        def included(match):
            header = find_header(match[1])
            if is_shared(header) or header in self.seen:
                return ""
            text = header.read_text()
            if text.count("#ifndef DP_") and "_H\n" in text:
                self.seen.add(header)
            return f"/* {header.relative_to(LIB)} */\n{self.expand(header)}"

        return INCLUDE.sub(included, path.read_text())

    def undefined_macros(self):
        macros = sorted(set(MACRO.findall(self.text)))
        return "".join(f"#undef {name}\n" for name in macros)

    def in_region(self, family, options):
        target = target_of(options)
        for feature in target.replace("+", ",").split(","):
            for macro in FEATURE_MACROS.get(feature, [f"__{feature.upper()}__"]):
                self.text = self.text.replace(f"defined({macro})", "defined(DP_REGION)")
        condition = FAMILIES[family]
        return BEGIN_REGION.format(condition=condition, target=target) + self.text + END_REGION


def target_of(options):
    """"-mavx2 -mfma" as "avx2,fma", and "-march=armv8.2-a+i8mm" as "arch=armv8.2-a+i8mm"."""
    return ",".join(option.removeprefix("-m") for option in options.split())


def find_header(name):
    return PUBLIC if name == PUBLIC.name else LIB / name


def shared_headers(sources):
    """All headers that are there once, each behind those that it includes."""
    order = []

    def visit(path):
        for name in INCLUDE.findall(path.read_text()):
            header = find_header(name)
            visit(header)
            if is_shared(header) and header not in order:
                order.append(header)

    for source in sources:
        visit(source)
    return [header for header in order if header != PUBLIC]


def of_system(path, text):
    """The text of a file, for the system that it is for."""
    condition = SYSTEMS.get(path.parent.name)
    return f"#if {condition}\n{text}#endif\n" if condition else text


def banner(path):
    return f"\n/* ======== {path.relative_to(LIB.parent)} ======== */\n\n"


def amalgamate(regions):
    # What other files get from the system comes first, so that no region has to declare it.
    sources = sorted(LIB.glob("**/*.c"), key=lambda path: (not path.is_relative_to(LIB / "base") and not path.is_relative_to(LIB / "os"), path))
    headers = shared_headers(sources)
    units = [Unit(source) for source in sources]

    version = re.search(r'DP_VERSION_STRING "(.*)"', PUBLIC.read_text())[1]
    yield PROLOGUE.format(version=version)
    yield f'\n#include "{PUBLIC.name}"\n'
    for header in headers:
        yield banner(header) + of_system(header, INCLUDE.sub("", header.read_text()))
    for unit in units:
        region = regions.pop(unit.path.stem, None)
        text = unit.in_region(*region) if region else unit.text
        yield banner(unit.path) + of_system(unit.path, text) + unit.undefined_macros()
    if regions:
        raise SystemExit(f"amalgamate: no such files below lib/isa: {', '.join(regions)}")


def main():
    folder = Path(sys.argv[1])
    regions = {}
    for argument in sys.argv[2:]:
        name, options = argument.split("=", 1)
        family, stem = name.split("_", 1)
        regions[stem] = family, options
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PUBLIC.name).write_text(PUBLIC.read_text())
    (folder / "dualpath.c").write_text("".join(amalgamate(regions)))


if __name__ == "__main__":
    main()
