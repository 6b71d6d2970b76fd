#!/bin/sh
# Tests of the library as a subproject of a Meson project, by bindings/meson/dualpath.wrap, shared and
# static.
set -u
. tests/packaging/consumers.sh

export CC="${CC:-cc}"

if ! is_committed bindings/meson/dualpath.wrap; then
    echo "Meson: skipped: this is not a git checkout, which the wrap takes"
    exit 0
fi

project() {
    mkdir -p "$work/project/subprojects" &&
        cp tests/packaging/consumers/meson/meson.build tests/same-bits/answers.c "$work/project" &&
        cp -R bindings/meson/packagefiles "$work/project/subprojects" &&
        sed "s|^url = .*|url = file://$(pwd)|" bindings/meson/dualpath.wrap >"$work/project/subprojects/dualpath.wrap"
}

configures() { # configures shared|static OPTION...
    kind=$1
    shift
    meson setup "$work/$kind" "$work/project" -Ddefault_library="$kind" "$@"
}

builds() {
    ninja -C "$work/$1" -j "$(nproc)"
}

check "a project with the wrap" project
check "shared" configures shared
check "builds" builds shared
check "loads the shared library" loads shared
check "which exports what it should" exports "$work/shared/subprojects/dualpath/libdualpath.so"
check "with the same bits" same_answers shared
check "static, without zlib" configures static -Dbuildtype=release -Ddualpath:zlib=disabled
check "builds" builds static
check "loads no library" loads_nothing static
check "with the same bits" same_answers static
exit $failed
