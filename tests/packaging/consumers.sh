# What the tests of other build systems share; they include it with `.`. A consumer is the program
# $work/PROJECT/consumer, made of tests/same-bits/answers.c, which prints what models answer, to the last
# bit. REFERENCE is that program linked with the library of the Makefile, LEVELS are values of
# DUALPATH_CPU.

. tests/packaging/checks.sh
unset MAKEFLAGS MFLAGS MAKELEVEL

# answers PROGRAM
answers() {
    for level in $LEVELS; do
        DUALPATH_CPU=$level "$1" tests/golden/released.gguf tests/golden/grid2-3d.gguf || return 1
    done
}

# same_answers PROJECT: with each table of kernels.
same_answers() {
    answers "$REFERENCE" >"$work/expected" && answers "$work/$1/consumer" >"$work/answered" &&
        [ -s "$work/expected" ] && cmp "$work/expected" "$work/answered"
}

# loads PROJECT: the consumer loads the shared library.
loads() {
    readelf -d "$work/$1/consumer" | grep -F NEEDED | grep -F libdualpath.so
}

loads_nothing() {
    [ -x "$work/$1/consumer" ] && ! loads "$1"
}

# exports LIBRARY: what the Makefile's library does.
exports() {
    nm -D --defined-only "$1" | sed -e 's/^.* //' -e 's/@@/ /' | grep -v '^DUALPATH_' | LC_ALL=C sort |
        diff - tests/abi/exports.txt
}

is_committed() {
    git rev-parse -q --verify "HEAD:$1" >/dev/null 2>&1
}
