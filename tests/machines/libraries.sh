#!/bin/sh
# zlib, libpng and Check for a system that has no packages of them here, from Debian's sources in a
# folder: CC=... AR=... libraries.sh SOURCES ROOT zlib libpng check. They are static; zlib-shared is a
# shared zlib beside the static one. A library that is in ROOT already is left alone.
set -eu

sources=$(cd "$1" && pwd)
mkdir -p "$2/include" "$2/lib" "$2/work"
root=$(cd "$2" && pwd)
shift 2

# archive LIBRARY FILE...: compiled with $CC and the options of $flags. What compilers for macOS define
# is in these versions the mark of systems before it. Libraries that take them in do not export them.
archive() {
    library=$root/lib/$1
    work=$root/work/$1
    shift
    mkdir -p "$work"
    for file in "$@"; do
        # shellcheck disable=SC2086
        $CC -O2 -fPIC -fvisibility=hidden -w -UTARGET_OS_MAC -I"$root/include" $flags -c "$file" -o "$work/$(basename "$file" .c).o"
    done
    $AR rcs "$library" "$work"/*.o
}

make_zlib() {
    cp "$sources"/zlib-*/zlib.h "$sources"/zlib-*/zconf.h "$root/include"
    flags=-DHAVE_UNISTD_H
    archive libz.a "$sources"/zlib-*/*.c
}

# Test programs stand in front of some of its functions.
make_shared_zlib() {
    $CC -O2 -fPIC -w -DHAVE_UNISTD_H -shared -Wl,-soname,libz.so.1 -o "$root/lib/libz.so.1" "$sources"/zlib-*/*.c
    ln -sf libz.so.1 "$root/lib/libz.so"
}

make_libpng() {
    png=$(echo "$sources"/libpng1.6-*)
    cp "$png/png.h" "$png/pngconf.h" "$root/include"
    cp "$png/scripts/pnglibconf.h.prebuilt" "$root/include/pnglibconf.h"
    flags=-DPNG_ARM_NEON_OPT=0
    archive libpng.a $(ls "$png"/png*.c | grep -v 'pngtest\.c')
}

make_check() {
    mkdir -p "$root/work/check"
    (cd "$root/work/check" &&
        "$sources"/check-*/configure CC="$CC" CFLAGS=-O1 --disable-shared --disable-subunit --disable-build-docs &&
        make -C lib && make -C src) >"$root/work/check.log" 2>&1 || {
        tail -n 20 "$root/work/check.log" >&2
        exit 1
    }
    cp "$root/work/check/src/check.h" "$root/work/check/check_stdint.h" "$root/include"
    cp "$root/work/check/src/.libs/libcheck.a" "$root/lib"
}

for name in "$@"; do
    case $name in
    zlib) [ -f "$root/lib/libz.a" ] || make_zlib ;;
    zlib-shared) [ -f "$root/lib/libz.so" ] || make_shared_zlib ;;
    libpng) [ -f "$root/lib/libpng.a" ] || make_libpng ;;
    check) [ -f "$root/lib/libcheck.a" ] || make_check ;;
    esac
done
