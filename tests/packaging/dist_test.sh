#!/bin/sh
# Tests of `make dist`: whoever makes a distribution of a commit gets the same bytes, and what is in
# it builds without git and classifies. CC is the compiler.
set -u
. tests/packaging/checks.sh

# clones_and_makes CLONE NAME: an archive in $work/NAME, made in a clone of its own.
clones_and_makes() {
    git clone -q . "$work/$1" && (cd "$work/$1" && fresh_make dist BUILD="$work/$2")
}

# Somebody else, somewhere else, later, with another mask, zone and configuration.
somebody_else_makes() {
    sleep 2
    (
        umask 077
        export TZ=Asia/Tokyo LC_ALL=C HOME="$work/home"
        mkdir "$HOME" && git config --global core.autocrlf true && git config --global tar.umask 0002 &&
            git config --global --add safe.directory '*' &&
            clones_and_makes "another, with a longer name" two
    )
}

same_of_all() {
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
check "make dist in a clone" clones_and_makes clone one
check "and in another one" somebody_else_makes
check "two distributions of a commit have the same bytes" same_of_all
check "one unpacks" unpacks
check "it builds, and writes nothing beside its sources" builds
if [ -x "$work/build/dualpath" ]; then
    check "what it builds classifies" classifies
fi
check "a distribution of a distribution is refused" refuses_dist
chmod -R u+w "$tree"
exit $failed
