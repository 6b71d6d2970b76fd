#!/bin/sh
# A Python that no package has here, from its sources and those of zlib and libffi: CC=... AR=...
# build-python.sh PYTHON SOURCES ROOT OPTION... makes ROOT/bin/python3 with these options of its configure,
# without what needs other libraries. One that is there already is left alone.
set -eu

python=$(cd "$1" && pwd)
sources=$(cd "$2" && pwd)
mkdir -p "$3"
root=$(cd "$3" && pwd)
shift 3
[ ! -x "$root/bin/python3" ] || exit 0

in_folder() { # in_folder NAME COMMAND...: what it prints is shown if it fails
    mkdir -p "$root/work/$1"
    log=$root/work/$1.log
    (cd "$root/work/$1" && shift && "$@") >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        exit 1
    }
}

make_libffi() {
    "$sources"/libffi-*/configure CC="$CC" AR="$AR" CFLAGS="-O1 -fPIC" --prefix="$root" --disable-shared \
        --disable-docs --disable-multi-os-directory --disable-exec-static-tramp
    make -j"$(nproc)" install
}

# Nothing of the machine at hand is found by pkg-config, nor by the name that gcc has for its C library.
make_python() {
    printf '%s\n' '#!/bin/sh' '[ "$1" = --print-multiarch ] ||' "exec $CC \"\$@\"" >cc
    chmod +x cc
    "$python/configure" CC="$PWD/cc" AR="$AR" CFLAGS=-O1 CPPFLAGS="-I$root/include" LDFLAGS="-L$root/lib" \
        PKG_CONFIG=false LIBFFI_CFLAGS="-I$root/include" LIBFFI_LIBS="-L$root/lib -lffi" \
        ZLIB_CFLAGS="-I$root/include" ZLIB_LIBS="-L$root/lib -lz" \
        py_cv_module__ssl=n/a py_cv_module__tkinter=n/a py_cv_module_readline=n/a \
        --prefix="$root" --without-ensurepip --disable-test-modules "$@"
    make -j"$(nproc)"
    make install
}

echo "build-python: making $root/bin/python3 (once, minutes)"
sh tests/machines/libraries.sh "$sources" "$root" zlib
in_folder libffi make_libffi
in_folder python make_python "$@"
"$root/bin/python3" -c 'import ctypes, zlib'
rm -r "$root/work"
