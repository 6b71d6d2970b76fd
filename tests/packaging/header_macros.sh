#!/bin/sh
# What dualpath.h says to compilers: deprecated calls warn with their message, experimental ones are
# not there unless they are asked for. With CC, CXX, WARNINGS, and clang as well where there is one.
set -eu

source=tests/packaging/header_macros.c
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT

compile() { # compile COMPILER... -- what the compiler says is in $messages
    "$@" $WARNINGS -pedantic-errors -Iinclude -DDP_BUILD_SHARED -fsyntax-only "$source" >"$messages" 2>&1
}

fail() {
    echo "header_macros: $*" >&2
    cat "$messages" >&2
    exit 1
}

check() { # check COMPILER LANGUAGE STANDARD
    compile "$1" -x "$2" "-std=$3" -Werror || fail "$1 -std=$3 warns of nothing that is used"
    compile "$1" -x "$2" "-std=$3" -Werror -DUSE_EXPERIMENTAL -DDP_EXPERIMENTAL ||
        fail "$1 -std=$3: DP_EXPERIMENTAL declares nothing"
    ! compile "$1" -x "$2" "-std=$3" -Werror -DUSE_EXPERIMENTAL ||
        fail "$1 -std=$3: what is experimental is there unasked"
    compile "$1" -x "$2" "-std=$3" -DUSE_DEPRECATED || fail "$1 -std=$3: deprecated calls are an error"
    grep -q 'old_call.*use new_call()' "$messages" || fail "$1 -std=$3 does not warn"
}

for standard in c99 c11 c17; do
    check "$CC" c "$standard"
    ! command -v clang >/dev/null || check clang c "$standard"
done
for standard in c++11 c++14 c++17 c++20; do
    check "$CXX" c++ "$standard"
    ! command -v clang++ >/dev/null || check clang++ c++ "$standard"
done
