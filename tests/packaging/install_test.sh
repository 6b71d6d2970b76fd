#!/bin/sh
# Tests of `make install`: what it installs is what was built, wherever it goes and whoever installs.
# CC is the compiler.
set -u
. tests/packaging/checks.sh

tree=$work/tree
root=$work/root

# make_asks ARGUMENT...: make in the small tree; what it asks the compiler to make is in $work/made.
make_asks() {
    : >"$work/asked"
    (cd "$tree" && fresh_make "$@") || return 1
    sed -n '/ -o /p' "$work/asked" | tee "$work/made"
}

# installs ARGUMENT...: nothing is built.
installs() {
    rm -rf "$root"
    cp "$tree/build/libdualpath.a" "$work/built.a" && make_asks install DESTDIR="$root" "$@" &&
        [ ! -s "$work/made" ] && cmp "$work/built.a" "$tree/build/libdualpath.a"
}

# builds ARGUMENT...: it is built again, and installed.
builds() {
    rm -rf "$root"
    make_asks install DESTDIR="$root" "$@" && [ -s "$work/made" ]
}

has_zlib() {
    nm -u "$root/usr/local/lib/libdualpath.a" | grep -qw zlibVersion &&
        grep -q 'private:.* -lz' "$root/usr/local/lib/pkgconfig/dualpath.pc"
}

has_no_zlib() {
    ! nm -u "$root/usr/local/lib/libdualpath.a" | grep -qw zlibVersion &&
        ! grep -e -lz "$root/usr/local/lib/pkgconfig/dualpath.pc"
}

# refuses WORDS ARGUMENT...: make fails at once, with these words and few others.
refuses() {
    words=$1
    shift
    ! (cd "$tree" && fresh_make "$@") >"$work/out" 2>&1 && cat "$work/out" && grep -qF -e "$words" "$work/out" &&
        [ "$(wc -l <"$work/out")" -le 2 ]
}

# system USER_ID LIBRARY: a machine whose user has this number, and whose loader knows this library.
# What ldconfig is called for is in $work/told.
system() {
    mkdir -p "$work/bin" && rm -f "$work/told"
    printf '#!/bin/sh\necho %s\n' "$1" >"$work/bin/id"
    printf '#!/bin/sh\necho "${1:-update}" >>"%s/told"\n[ "${1:-}" != -p ] || echo "    libdualpath.so.%s (libc6) => %s"\n' \
        "$work" "$(sed -n 's/^#define DP_ABI_VERSION //p' include/dualpath.h)" "$2" >"$work/bin/ldconfig"
    chmod +x "$work/bin/id" "$work/bin/ldconfig"
}

PATH=$work/bin:$PATH
system 1000 nothing
check "a small tree" small_tree "$tree"
check "without anything built, make install builds" builds CC="$work/cc"
check "make with options" make_asks CC="$work/cc" CFLAGS=-O1 ZLIB=0
mv "$work/cc" "$work/gone"
check "make install installs just that, without a compiler" installs
check "without zlib" has_no_zlib
check "nor does it build where sudo has another environment" installs TERM=dumb
mv "$work/gone" "$work/cc"
check "make install with options builds" builds CC="$work/cc" ZLIB=1
check "with zlib" has_zlib
check "and with others" builds CC="$work/cc" ZLIB=0
check "without zlib" has_no_zlib
check "a value that ZLIB has not is refused" refuses 'ZLIB=/usr/lib:' ZLIB=/usr/lib

# All may read what root installs, whatever its umask.
installs_for_all() {
    (umask 077 && installs "$@") && [ -z "$(find "$root" ! -type l ! -perm -444)" ] &&
        [ -z "$(find "$root/usr" -type d ! -perm -111)" ]
}
check "with umask 077 all may read it" installs_for_all

# Names that the shell or pkg-config could misread.
goes_to() {
    rm -rf "$work/root"
    folder=$1
    installs PREFIX="$folder" && [ -x "$root$folder/bin/dualpath" ] &&
        [ -f "$root$folder/include/dualpath.h" ] && [ -f "$root$folder/include/dualpath.hpp" ]
}

links_with() {
    folder=$1
    make_asks install PREFIX="$folder" && (
        export PKG_CONFIG_PATH="$folder/lib/pkgconfig" LD_LIBRARY_PATH="$folder/lib"
        [ "$(pkg-config --variable=prefix dualpath)" = "$folder" ] &&
            eval "${CC:-cc} -o '$work/app' '$tree/examples/minimal.c' $(pkg-config --cflags --libs dualpath)" &&
            "$work/app"
    )
}

leaves_nothing() {
    make_asks uninstall PREFIX="$1" && [ -z "$(find "$1" ! -type d)" ]
}

for folder_name in 'a folder' "a 'quoted' & folder with *"; do
    check "PREFIX may be /$folder_name" goes_to "/$folder_name"
    check "so may DESTDIR" make_asks install DESTDIR="$work/$folder_name \"or\" \`two\` \$\$HOME"
    check "which has it" test -f "$work/$folder_name \"or\" \`two\` \$HOME/usr/local/include/dualpath.h"
    if command -v pkg-config >/dev/null; then
        check "pkg-config finds it there" links_with "$work/$folder_name"
    else
        check "it is installed there" make_asks install PREFIX="$work/$folder_name"
    fi
    check "and uninstall removes it" leaves_nothing "$work/$folder_name"
done
# A program that is linked without any shared library needs what the library needs.
links_statically() { # links_statically OPTION...: of pkg-config
    (
        export PKG_CONFIG_PATH="$work/static/lib/pkgconfig"
        eval "${CC:-cc} -static -o '$work/static_app' '$tree/examples/minimal.c' $(pkg-config "$@" --cflags --libs dualpath)"
    )
}

misses_zlib() {
    ! links_statically >"$work/out" 2>&1 && grep zlibVersion "$work/out"
}

if command -v pkg-config >/dev/null; then
    check "a library with zlib" make_asks install CC="$work/cc" ZLIB=1 PREFIX="$work/static"
    check "links statically by pkg-config --static" links_statically --static
    check "and runs" "$work/static_app"
    check "but not without --static" misses_zlib
else
    echo "static linking: skipped: there is no pkg-config"
fi

check "a PREFIX that pkg-config cannot say is refused" refuses 'cannot have any of' install PREFIX='/a"b'
check "so is one that depends on the folder" refuses 'must begin with /' install PREFIX='~/local' DESTDIR=x

# Whether the loader finds the library.
says_how_to_run() {
    make_asks install PREFIX="$work/there" | grep -F -e "LD_LIBRARY_PATH=\"$work/there/lib\""
}

says_nothing() {
    ! says_how_to_run
}

calls_ldconfig() {
    [ "$(grep -c update "$work/told" 2>/dev/null)" = "$1" ]
}

check "where the loader does not look, make install says how to run programs" says_how_to_run
check "and leaves alone what only root can change" calls_ldconfig 0
system 0 "$work/there/lib/libdualpath.so.$(sed -n 's/^#define DP_ABI_VERSION //p' include/dualpath.h)"
check "where it looks, nothing is to be said" says_nothing
check "root tells the loader" calls_ldconfig 1
system 0 nothing
check "which does not look everywhere" says_how_to_run
system 0 nothing
check "what goes below DESTDIR" make_asks install DESTDIR="$root"
check "is not for this loader" test ! -e "$work/told"

# Folders that make cannot build in.
for folder in 'a folder' '' "it's" 'a:b' 'a#b' 'a$$b' '*' 'a,b' '~' 'a=b'; do
    check "BUILD=$folder is refused" refuses 'BUILD=' "BUILD=$folder"
done
check "so is another folder to start in" refuses 'make must run in the source tree' -C "$work" -f "$tree/Makefile"
mkdir "$work/precious"
check "make clean leaves alone what make has not built" refuses 'nothing was built in' clean BUILD="$work/precious"
check "the folder is there" test -d "$work/precious"
check "what it has built it removes" make_asks static clean BUILD="$work/build"
check "the folder is gone" test ! -e "$work/build"
check "clean comes before the goals behind it" make_asks -j2 clean static
check "which are there" test -f "$tree/build/libdualpath.a"

# The source tree.
mv "$tree" "$work/a 'source' tree"
tree="$work/a 'source' tree"
check "the source tree may have a name with spaces" make_asks clean install DESTDIR="$root"
check "others are built" make_asks CC="$work/cc"

exit $failed
