#!/bin/sh
# Tests of the library in CMake projects: found where `make install` put it, shared and static, and
# built by the project itself, from the tree and from an archive. BUILD has the library.
set -u
. tests/packaging/consumers.sh

root=$(pwd)
place="$work/a place"
export CC="${CC:-cc}"

# configures PROJECT ARGUMENT...: in $work/PROJECT, anew.
configures() {
    project=$1
    shift
    rm -rf "${work:?}/$project"
    cmake -G Ninja -S "tests/packaging/consumers/$project" -B "$work/$project" \
        -DCONSUMER="$root/tests/same-bits/answers.c" "$@"
}

builds() {
    cmake --build "$work/$1" -j "$(nproc)"
}

installs() {
    fresh_make install-lib CC="$CC" BUILD="$BUILD" PREFIX="$1" INCLUDEDIR="$1/headers"
}

moves() {
    mv "$place" "$work/elsewhere" && place="$work/elsewhere"
}

finds() { # finds PROJECT [VERSION]
    configures "$1" -DCMAKE_PREFIX_PATH="$place" -DVERSION_ASKED="${2:-}"
}

refuses() {
    ! finds shared "$1" >"$work/out" 2>&1 && grep -F "requested version \"$1\"" "$work/out"
}

version=$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' include/dualpath.h)
check "make install" installs "$place"
check "find_package, shared" finds shared "$version"
check "builds" builds shared
check "loads the shared library" loads shared
check "with the same bits" same_answers shared
check "what is installed may be moved" moves
check "find_package, static" finds static
check "builds" builds static
check "loads no library" loads_nothing static
check "with the same bits" same_answers static
check "an older version may be asked for" finds shared "${version%%.*}"
check "a later one is refused" refuses "${version%%.*}.999"
check "another major one is refused" refuses 999
check "add_subdirectory, shared" configures subdirectory -DDUALPATH="$root" -DTARGET=dualpath
check "builds" builds subdirectory
check "loads the shared library" loads subdirectory
check "which exports what it should" exports "$work/subdirectory/dualpath/libdualpath.so"
check "with the same bits" same_answers subdirectory
if is_committed bindings/cmake/CMakeLists.txt; then
    check "make dist" fresh_make dist BUILD="$work/dist"
    check "FetchContent of it, static, without zlib" configures fetched -DARCHIVE="$(echo "$work"/dist/*.tar.gz)" \
        -DDUALPATH_ZLIB=OFF -DCMAKE_BUILD_TYPE=Release
    check "builds" builds fetched
    check "loads no library" loads_nothing fetched
    check "with the same bits" same_answers fetched
else
    echo "FetchContent: skipped: this is not a git checkout, of which an archive is made"
fi
exit $failed
