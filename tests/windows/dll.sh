#!/bin/sh
# What a DLL of the library gives and takes: dll.sh OBJDUMP DLL. It exports the recorded names,
# and needs no DLL that is not part of Windows.
set -eu

contents=$("$1" -p "$2")
exported=$(printf '%s\n' "$contents" | sed -n 's/^.*\[ *[0-9]*\] \(dp_[a-z0-9_]*\)$/\1/p' | LC_ALL=C sort)
recorded=$(sed 's/ .*//' tests/abi/exports.txt | LC_ALL=C sort)
if [ "$exported" != "$recorded" ]; then
    printf '%s\n' "$2 exports other names than tests/abi/exports.txt has:" "$exported" >&2
    exit 1
fi
needed=$(printf '%s\n' "$contents" | sed -n 's/^.*DLL Name: //p' | tr '\n' ' ')
for name in $needed; do
    case $name in
    KERNEL32.dll | msvcrt.dll) ;;
    *) echo "$2 needs $name" >&2 && exit 1 ;;
    esac
done
echo "$2: $(printf '%s\n' "$exported" | wc -l) names, needs $needed"
