#!/bin/sh
# Tests of the port for vcpkg, without vcpkg: calls of its portfile are those of vcpkg_stand_ins.cmake, which
# install static and shared packages, with and without features; a project finds and links them.
set -u
. tests/packaging/consumers.sh

root=$(pwd)
export CC="${CC:-cc}"

# The tree of a commit, if this is one's, and so what others have.
makes_tree() {
    tree="$root"
    is_committed bindings/vcpkg/portfile.cmake || return 0
    fresh_make dist BUILD="$work/dist" && mkdir "$work/tree" &&
        tar -xzf "$work"/dist/*.tar.gz -C "$work/tree" --strip-components=1 && tree="$work/tree"
}

# installs NAME LINKAGE FEATURES: into "$work/a place/NAME".
installs() {
    package="$work/a place/$1"
    cmake "-DCURRENT_PORT_DIR=$tree/bindings/vcpkg" "-DCURRENT_PACKAGES_DIR=$package" "-DFEATURES=core;$3" \
        "-DCURRENT_BUILDTREES_DIR=$work/build-$1" "-DVCPKG_LIBRARY_LINKAGE=$2" \
        -P tests/packaging/vcpkg_stand_ins.cmake
}

# has FILE...: the package has these files, and no others, in the order of their names.
has() {
    printf '%s\n' "$@" >"$work/expected"
    (cd "$package" && find . ! -type d | sed 's|^\./||' | grep -v '^share/dualpath/dualpath[CT].*cmake$' | LC_ALL=C sort) |
        diff "$work/expected" -
}

# What vcpkg looks at when a port has been built.
passes_post_build_checks() {
    [ -z "$(find "$package" -type d -empty)" ] && [ ! -e "$package/debug/share" ] &&
        cmp "$tree/LICENSE" "$package/share/dualpath/copyright" && ! grep -rF "$work" "$package/share"
}

moves() {
    mv "$work/a place" "$work/elsewhere" && mv "$work/elsewhere" "$work/b place"
}

# finds NAME BUILD_TYPE: the project "vcpkg", by what the port's usage says.
finds() {
    package="$work/b place/$1"
    sed -n 's/^    //p' "$package/share/dualpath/usage" >"$work/usage.cmake"
    rm -rf "$work/vcpkg"
    cmake -G Ninja -S tests/packaging/consumers/vcpkg -B "$work/vcpkg" -DCONSUMER="$root/tests/same-bits/answers.c" \
        -DUSAGE="$work/usage.cmake" -DCMAKE_PREFIX_PATH="$package" -DCMAKE_BUILD_TYPE="$2"
}

builds() {
    cmake --build "$work/vcpkg" -v | tee "$work/commands"
}

links() {
    grep -F "$package/$1" "$work/commands"
}

runs_tool() {
    "$work/b place/$1/tools/dualpath/dualpath" info tests/golden/released.gguf
}

reads_gzip() {
    gzip -c tests/golden/released.gguf >"$work/zipped.gguf"
    "$work/vcpkg/consumer" "$work/zipped.gguf"
}

refuses_gzip() {
    ! reads_gzip
}

headers="include/dualpath.h include/dualpath.hpp"
shares="share/dualpath/copyright share/dualpath/usage"
soname=libdualpath.so.$(sed -n 's/^#define DP_ABI_VERSION \([0-9]*\).*/\1/p' include/dualpath.h)
version=libdualpath.so.$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' include/dualpath.h)

check "vcpkg.json" "${PYTHON:-python3}" tests/packaging/vcpkg_manifest.py bindings/vcpkg/vcpkg.json
check "a tree" makes_tree
check "static, with zlib and the program" installs static static "zlib;tools"
check "has its files" has debug/lib/libdualpath.a $headers lib/libdualpath.a $shares tools/dualpath/dualpath
check "as vcpkg wants them" passes_post_build_checks
check "shared, without zlib" installs shared dynamic ""
check "has its files" has debug/lib/libdualpath.so debug/lib/$soname debug/lib/$version $headers \
    lib/libdualpath.so lib/$soname lib/$version $shares
check "as vcpkg wants them" passes_post_build_checks
check "packages may be moved" moves
check "the static one is found" finds static Release
check "a project builds with it" builds
check "with the library for release" links lib/libdualpath.a
check "loads no library" loads_nothing vcpkg
check "with the same bits" same_answers vcpkg
check "with zlib" reads_gzip
check "a debug build" finds static Debug
check "builds" builds
check "with the library for debugging" links debug/lib/libdualpath.a
check "the program runs" runs_tool static
check "the shared one is found" finds shared Release
check "a project builds with it" builds
check "loads the shared library" loads vcpkg
check "which exports what it should" exports "$work/b place/shared/lib/libdualpath.so"
check "with the same bits" same_answers vcpkg
check "without zlib" refuses_gzip
exit $failed
