#!/bin/sh
# A wheel of Linux asks for what its name promises: elf.sh AUDITWHEEL WHEEL LIBRARY, where LIBRARY is the one
# in it. auditwheel finds the same platform, and no library that is not part of it. The library needs those
# of C alone, none by a path of its own, and has no stack that could be executed.
set -eu

fail() {
    echo "$2: $1" >&2
    exit 1
}

platform=${2##*-}
platform=${platform%.whl}
said=$("$1" show "$2" 2>/dev/null | tr '\n' ' ')
case $said in
*"platform tag: \"$platform\""*) ;;
*) fail "auditwheel says $said" "$2" ;;
esac
case $said in
*"requires no external shared libraries"* | *"constrains the platform tag to \"$platform\""*) ;;
*) fail "auditwheel says $said" "$2" ;;
esac

for needed in $(readelf -dW "$3" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'); do
    case $needed in
    libc.so.6 | libm.so.6 | libpthread.so.0 | ld-linux-x86-64.so.2) [ "${platform%%_*}" = manylinux ] ;;
    libc.musl-*.so.1) [ "${platform%%_*}" = musllinux ] ;;
    *) false ;;
    esac || fail "needs $needed" "$3"
done
! readelf -dW "$3" | grep -E 'RPATH|RUNPATH|TEXTREL' >&2 || fail "looks for libraries, or is changed while it is loaded" "$3"
readelf -lW "$3" | grep -q 'GNU_STACK.* RW ' || fail "has an executable stack" "$3"
sh tests/wheels/exports.sh "$3"
echo "$2: $platform"
