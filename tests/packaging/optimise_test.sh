#!/bin/sh
# optimise_test.sh DUALPATH_C: the one file says how slow it is without optimisation, as no error, and
# nothing else. With CC, and clang as well where there is one.
set -u
. tests/packaging/checks.sh
source=$1

compile() { # compile OPTION...
    $compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$@" "$source" 2>&1
}

says() {
    compile "$@" >"$work/out" && grep -e 'without optimisation is many times slower' "$work/out"
}

says_nothing() {
    compile "$@" >"$work/out" && ! grep . "$work/out"
}

for compiler in "${CC:-cc}" clang; do
    command -v "${compiler%% *}" >/dev/null || continue
    check "$compiler without options says that the library is slow" says
    check "and with -O0" says -O0
    check "$compiler -O1 says nothing" says_nothing -O1
    check "nor does -Os" says_nothing -Os
    check "nor who means it" says_nothing -O0 -DDP_NO_OPTIMIZE_WARNING
done
exit $failed
