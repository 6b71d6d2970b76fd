#!/bin/sh
# Tests of dualpath.hpp, with each compiler, as C++17 and C++20, with and without exceptions. CXX and
# CC are the compilers, to which clang++ is added; LIBRARY is the static library and what it needs,
# PYTHON an interpreter.
set -u
. tests/packaging/checks.sh

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

# Of this compiler, if their runtime is here: Debian has that of clang in a package of its own.
choose_sanitizers() {
    sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
    # shellcheck disable=SC2086
    if ! echo 'int main() {}' | $compiler $sanitizers -xc++ -o "$work/sanitized" - 2>/dev/null; then
        echo "$compiler: sanitizers are skipped: their runtime is not here (.ci/setup cpp)"
        sanitizers=""
    fi
}

# with OPTION...: the compiler of this round.
with() {
    # shellcheck disable=SC2086
    $compiler "-std=$standard" $exceptions $warnings -Iinclude "$@"
}

builds() {
    # shellcheck disable=SC2086
    with -DDP_EXPERIMENTAL -O1 -g $sanitizers -o "$work/test_cpp" tests/cpp/test_cpp.cpp $LIBRARY
}

runs() {
    "$work/test_cpp" "$work"
}

counts() {
    with -O2 -o "$work/cost" tests/cpp/cost.cpp tests/cpp/ways.cpp "$work/cost_stubs.o"
}

# cost: what it prints is shown, and where nothing can be counted, that is said.
cost() {
    "$work/cost" >"$work/costs"
    result=$?
    sed 's/^/    /' "$work/costs"
    [ $result = 0 ] || [ $result = 77 ]
}

compilers=${CXX:-c++}
if ! command -v clang++ >/dev/null; then
    echo "clang++: skipped: it is not here (.ci/setup cpp)"
elif ! $compilers --version | grep -q clang; then
    compilers="$compilers clang++"
fi
check "all calls are there" "${PYTHON:-python3}" tests/cpp/complete.py include/dualpath.h include/dualpath.hpp
check "stubs" "${CC:-cc}" -std=c11 -Iinclude -O1 -c -o "$work/cost_stubs.o" tests/cpp/cost_stubs.c
for compiler in $compilers; do
    choose_sanitizers
    for standard in c++17 c++20; do
        for exceptions in -fexceptions -fno-exceptions; do
            round="$compiler $standard $exceptions"
            check "$round: compiles without a warning" builds
            check "$round: all tests pass" runs
        done
    done
    standard=c++17
    for exceptions in -fexceptions -fno-exceptions; do
        check "$compiler $exceptions: what counts instructions" counts
        check "$compiler $exceptions: the same calls, and hardly an instruction more" cost
        cat "$work/checked"
    done
done
exit $failed
