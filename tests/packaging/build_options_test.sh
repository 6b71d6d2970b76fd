#!/bin/sh
# Tests that what is built knows its options: with others, what they concern is built again, and
# nothing else. CC is the compiler.
set -u
. tests/packaging/checks.sh

tree=$work/tree
build=$work/build

# make_asks ARGUMENT...: what make asks the compiler to make is in $work/made, a line each.
make_asks() {
    : >"$work/asked"
    (cd "$tree" && fresh_make -j2 BUILD="$build" CC="$work/cc" "$@") || return 1
    sed -n '/ -o /p' "$work/asked" | tee "$work/made"
}

# The names of sources that are compiled to objects.
compiled() {
    sed -n 's/.* -c \([^ ]*\) .*/\1/p' "$work/made" | sort | tr '\n' ' '
}

compiles_all() {
    make_asks "$@" && [ "$(compiled)" = 'examples/dualpath.c lib/api/version.c lib/gguf/inflate.c ' ]
}

links_only() {
    make_asks "$@" && [ -z "$(compiled)" ] && grep -q -e '-shared ' "$work/made" &&
        grep -q -e '-o [^ ]*/dualpath ' "$work/made"
}

does_nothing() {
    make_asks "$@" && [ ! -s "$work/made" ]
}

has_zlib() {
    nm -u "$build/libdualpath.a" | grep -w zlibVersion && readelf -d "$build/libdualpath.so" | grep libz
}

has_no_zlib() {
    ! has_zlib
}

does_with_environment() {
    (export BUILD="$work/elsewhere" TARGET=all DEFINES=-DX LIBS=-lX LIB_CFLAGS=-DX FILE_CFLAGS=-DX HAS_PNG=no \
        FIRMWARE_PRODUCTS=-DX VERSION=5 ABI=6 SHARED=x WARNINGS=-DX ISA_x86_avx2=-DX hash=x V=1
    make_asks AR="env ar" && [ ! -s "$work/made" ] && cd "$tree" && fresh_make -n | grep 'mkdir -p build/')
}

check "a small tree" small_tree "$tree"
check "it is built" compiles_all
check "with zlib" has_zlib
check "then there is nothing to do" does_nothing
check "ZLIB=0 compiles all of it" compiles_all ZLIB=0
check "without zlib" has_no_zlib
check "and once" does_nothing ZLIB=0
check "without ZLIB=0 it is compiled again" compiles_all
check "with zlib" has_zlib
for option in 'CFLAGS=-O1 -DA="a b"' "CPPFLAGS=-DB='#'" 'CPPFLAGS=-DC=\$$HOME' 'CFLAGS=-O3 -g'; do
    check "$option compiles all of it" compiles_all "$option"
    check "and once" does_nothing "$option"
done
check "the defaults are these options" does_nothing
check "another compiler compiles all of it" compiles_all CC="$work/cc -fno-common"
check "and so does the first one" compiles_all
check "LDFLAGS link again" links_only LDFLAGS=-Wl,-z,now
check "and once" does_nothing LDFLAGS=-Wl,-z,now
check "another archiver links again" links_only AR="env ar"

# Private names are local in the static library, whatever form its objects have.
has_no_private_names() {
    make_asks static CFLAGS="$1" && ! nm -g --defined-only "$build/libdualpath.a" | grep dpi_
}

check "no private name is seen" has_no_private_names -O2
check "nor with -flto" has_no_private_names '-O2 -flto'
check "and then all is compiled again" compiles_all AR="env ar"

# What was removed leaves the library.
rm "$tree/lib/gguf/inflate.c"
check "a source that was removed links again" links_only AR="env ar"
check "without it" has_no_zlib

# A dry run changes nothing, and says what would be done.
would_compile() {
    (cd "$tree" && fresh_make -n BUILD="$build" CC="$work/cc" AR="env ar" "$@") | grep -e '-c lib/api/version.c'
}

would_not_compile() {
    ! would_compile
}

check "a dry run with nothing to do says nothing" would_not_compile
check "with other options it says what would be done" would_compile CPPFLAGS=-DD
check "and does not do it" does_nothing AR="env ar"

# Who has variables with names of ours in the environment gets what all others get.
check "variables of the environment with names of ours change nothing" does_with_environment
exit $failed
