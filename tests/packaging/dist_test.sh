#!/bin/sh
# Tests of `make dist`: whoever makes a distribution of a commit gets the same bytes, and what is in
# it builds without git and classifies. CC is the compiler.
set -u
. tests/packaging/checks.sh

same_of_all() {
    fresh_make dist BUILD="$work/one" && (umask 077 && TZ=Asia/Tokyo fresh_make dist BUILD="$work/two") &&
        cmp "$work"/one/*.tar.gz "$work"/two/*.tar.gz
}

# Its sources are read only, as those of a packager may be: nothing is written but below BUILD.
unpacks() {
    (cd "$work" && tar -xzf one/*.tar.gz) && tree=$(echo "$work"/libdualpath-*) && [ -d "$tree" ] &&
        chmod -R a-w "$tree"
}

listing() {
    (cd "$tree" && find . | LC_ALL=C sort)
}

builds() {
    listing >"$work/before" &&
        (cd "$tree" && fresh_make -j2 CC="${CC:-cc}" CFLAGS=-O1 BUILD="$work/build") &&
        listing | cmp "$work/before" -
}

classifies() {
    "$work/build/dualpath" classify "$tree/tests/golden/grid1.gguf" "$tree/tests/golden/grid1.frames.npy"
}

refuses_dist() {
    ! (cd "$tree" && fresh_make dist BUILD="$work/three") && [ ! -d "$work/three" ]
}

if ! git rev-parse -q --verify HEAD:./include/dualpath.h >/dev/null 2>&1; then
    echo "dist: skipped: this is not a git checkout"
    exit 0
fi
check "two distributions of a commit have the same bytes" same_of_all
check "one unpacks" unpacks
check "it builds, and writes nothing beside its sources" builds
if [ -x "$work/build/dualpath" ]; then
    check "what it builds classifies" classifies
fi
check "a distribution of a distribution is refused" refuses_dist
chmod -R u+w "$tree"
exit $failed
