#!/bin/sh
# Tests that include/dualpath.h alone states the version and the ABI: no other file repeats them, and
# what is built of a tree whose header states others has those. CC and PYTHON are the programs.
set -u
. tests/packaging/checks.sh

header=include/dualpath.h

# stated FOLDER: every line that names the version, or an ABI in the name of a library or symbol
# version. Not looked at are the header itself, this file, history ("since", "before", "in" or "with" a
# version, and the release of a symbol, which stay true), what was recorded of a library, lists of
# other projects' versions, and the manifest of the port for vcpkg, which has to state it.
stated() {
    version=$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' "$1/$header")
    pattern="(^|[^0-9.])$(echo "$version" | sed 's/\./\\./g')(\.?[^0-9.]|\.?\$)"
    (cd "$1" && grep -rnIE -e "$pattern" -e 'libdualpath\.so\.[0-9]' -e 'DUALPATH_[0-9]' \
        Makefile README.md .ci lib examples bindings docs tests include |
        grep -viE "(since|before|in|with) ${version}" |
        grep -vE "^($header|bindings/vcpkg/vcpkg.json|lib/dualpath.map|tests/abi/|tests/packaging/version_test|tests/bench/requirements|[^:]*/requirements-test)" |
        grep -vE '^[^:]*(\.egg-info|__pycache__|/build|/dist)/')
}

states_nothing() {
    ! stated "$1"
}

states() {
    stated "$1" | grep -q "^$2:"
}

# since_of FILE...: the versions that notes of the kind "Since 1.2.3" name, once each.
since_of() {
    cat "$@" | tr '\n' ' ' | sed 's/ \* / /g; s/  */ /g' | grep -oiE 'since (version )?[0-9]+\.[0-9.]*[0-9]' |
        grep -oE '[0-9.]+$' | sort -u
}

# all_are_known FILE...: each of them is the header's, or one of the changelog's that has a date.
all_are_known() {
    known=$(sed -n -e 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' $header
        sed -nE 's/^## \[(.*)\] - [0-9-]+$/\1/p' CHANGELOG.md)
    unknown=$(since_of "$@" | grep -vxF -e "$known")
    echo "unknown: $unknown"
    [ -z "$unknown" ]
}

finds_unknown() {
    printf 'A call.\n * since\n * 9.8.7. And\n' >"$work/note.h"
    ! all_are_known $header "$work/note.h"
}

changelog_begins_with_it() {
    version=$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' $header)
    sed -n 's/^## \[\(.*\)\].*/\1/p' CHANGELOG.md | head -1 | grep -xF -e "$version"
}

manifest_has_it() {
    version=$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' $header)
    sed -n 's/^  "version": "\(.*\)",$/\1/p' bindings/vcpkg/vcpkg.json | grep -xF -e "$version"
}

# The tree of a source distribution of the Python package, and the manual page.
copy_tree() {
    mkdir -p "$work/tree/docs" "$work/tree/bindings/python/dualpath" &&
        cp -R Makefile LICENSE include lib "$work/tree" &&
        cp docs/dualpath.1 "$work/tree/docs" && cp -R bindings/cmake "$work/tree/bindings" &&
        cp bindings/python/dualpath/_version.py "$work/tree/bindings/python/dualpath" &&
        sed -e 's/^\(#define DP_VERSION_STRING\) .*/\1 "97.98.99"/' \
            -e 's/^\(#define DP_ABI_VERSION\) .*/\1 96/' $header >"$work/tree/$header"
}

build_tree() {
    (cd "$work/tree" && fresh_make -j2 CC="${CC:-cc}" CFLAGS=-O1 BUILD=build \
        PREFIX=/usr DESTDIR="$work/root" install-lib build/dualpath.1)
}

python_reads() {
    "${PYTHON:-python3}" -c "import runpy
read = runpy.run_path('$work/tree/bindings/python/dualpath/_version.py')
assert (read['VERSION'], read['ABI_VERSION']) == ('97.98.99', 96), read"
}

# prints PATTERN COMMAND...
prints() {
    wanted=$1
    shift
    "$@" | grep -e "$wanted"
}

check "no file repeats the version or the ABI" states_nothing .
check "the changelog begins with the version" changelog_begins_with_it
check "so does the manifest for vcpkg" manifest_has_it
check "what is said to be since a version is since a known one" all_are_known $header README.md docs/*.md \
    docs/dualpath.1 bindings/python/README.md bindings/python/dualpath/*.py bindings/python/dualpath/*/*.py
check "an unknown one would be found" finds_unknown
check "another version can be made of the header alone" copy_tree
check "and built" build_tree
check "the library has it in its name" test -f "$work/root/usr/lib/libdualpath.so.97.98.99"
check "and the ABI in its SONAME" prints 'SONAME.*\[libdualpath\.so\.96\]' \
    readelf -d "$work/root/usr/lib/libdualpath.so"
check "pkg-config says the version" grep -x 'Version: 97\.98\.99' \
    "$work/root/usr/lib/pkgconfig/dualpath.pc"
check "so does the manual page" grep -e '"dualpath 97\.98\.99"' "$work/tree/build/dualpath.1"
check "so does the Python package" python_reads

# Whether a second place would be found.
mkdir -p "$work/second" && cp -R Makefile README.md .ci include lib docs "$work/second" &&
    mkdir -p "$work/second/examples" "$work/second/bindings" "$work/second/tests"
version=$(sed -n 's/^#define DP_VERSION_STRING "\(.*\)"/\1/p' $header)
echo "Version: $version." >>"$work/second/README.md"
echo 'LIBRARY = "libdualpath.so.5"' >"$work/second/examples/a.py"
check "a second place that states the version is found" states "$work/second" README.md
check "one that states an ABI is found" states "$work/second" examples/a.py
exit $failed
