#!/bin/sh
# Tests of `make` on a machine that has a C compiler and little else: headers are hidden from the
# compiler, and there is no C++ compiler. CC is the compiler.
set -u

. tests/packaging/checks.sh

# build HIDDEN ARGUMENT...: make in a folder of its own, with these headers hidden from the compiler.
build() {
    hidden=$1
    shift
    rm -rf "$work/hidden"
    mkdir "$work/hidden"
    for header in $hidden; do
        echo '#error hidden' >"$work/hidden/$header"
    done
    if ! fresh_make -j2 BUILD="$work/build" CFLAGS=-O1 CC="$work/cc" "$@" >"$work/out" 2>&1; then
        cat "$work/out"
        return 1
    fi
}

missing() {
    [ ! -e "$work/build/$1" ]
}

has_gzip() {
    nm "$work/build/libdualpath.a" | grep -q ' U inflateInit2_'
}

lacks_gzip() {
    ! has_gzip
}

# says COUNT: how many things make leaves out, a line each, and nothing else.
says() {
    [ "$(wc -l <"$work/out")" -eq "$1" ] && [ "$(grep -c '^left out: ' "$work/out")" -eq "$1" ]
}

printf '#!/bin/sh\nexec %s -I"%s/hidden" "$@"\n' "${CC:-cc}" "$work" >"$work/cc"
chmod +x "$work/cc"

check "a C compiler is enough" build 'png.h zlib.h' CXX=false
check "three things are left out, and said" says 3
check "the library is there" test -f "$work/build/libdualpath.a" -a -f "$work/build/libdualpath.so"
check "it has no gzip" lacks_gzip
check "the program in C that is an example is there" test -x "$work/build/examples/minimal"
check "the command line program is not" missing dualpath
check "nor is the example in C++" missing examples/raii
check "nothing is said of what the user left out" build 'png.h zlib.h' ZLIB=0 CXX=false static left-out
check "but of the rest" says 2
build 'png.h' CXX=false "$work/build/dualpath" >/dev/null
check "who asks for the program is told what is missing" grep -q 'needs libpng' "$work/out"
check "with zlib the same folder is built again" build 'png.h' CXX=false static
check "with gzip" has_gzip
build '' left-out
check "where all is there, nothing is left out" says 0
exit $failed
