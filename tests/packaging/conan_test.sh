#!/bin/sh
# Tests of the Conan recipe: `conan create` builds the package and a program with it, shared and static.
# Without zlib, whose package would have to be downloaded. Conan finds the compiler; VENV is for Conan.
set -u
. tests/packaging/checks.sh
unset MAKEFLAGS MFLAGS MAKELEVEL CC
export CONAN_HOME="$work/conan"

has_conan() {
    [ -x "$VENV/bin/conan" ] || "${PYTHON:-python3}" -m venv "$VENV" || return 1
    "$VENV/bin/pip" install -q --disable-pip-version-check -r tests/packaging/requirements-conan.txt
}

# creates OPTION...: nothing is asked of a remote, and nothing is written beside the sources.
creates() {
    "$VENV/bin/conan" create bindings/conan --no-remote -o "dualpath/*:with_zlib=False" \
        -c tools.cmake.cmake_layout:test_folder="$work/program" "$@"
}

written_beside() {
    find bindings/conan -name build -o -name '*.json'
}

# packaged FILE: packages of the cache that have it, and the header in C++ with it.
packaged() {
    find "$CONAN_HOME/p" -path "*/p/lib/$1" | sed 's|/lib/[^/]*$|/include/dualpath.hpp|' | xargs -r ls
}

check "Conan" has_conan
check "a profile" "$VENV/bin/conan" profile detect
check "conan create, static" creates
check "there is a static library" test -n "$(packaged libdualpath.a)"
check "and no shared one" test -z "$(packaged libdualpath.so)"
check "conan create, shared" creates -o 'dualpath/*:shared=True'
check "there is a shared library" test -n "$(packaged libdualpath.so)"
check "nothing is written beside the sources" test -z "$(written_beside)"
exit $failed
