#!/bin/sh
# The header by the rules of MSVC, as far as clang knows them without its headers: as C and as C++ it
# has no warnings, and every size, offset and number is the recorded one: msvc.sh CLANG.
set -eu

if [ -z "$1" ]; then
    echo "header of MSVC: skipped: there is no clang"
    exit 0
fi
msvc="$1 --target=x86_64-pc-windows-msvc -ffreestanding -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude"

assertions() {
    echo '#include "dualpath.h"'
    awk '
        function assert(what) { printf "_Static_assert(%s, \"%s\");\n", what, $0 }
        /^  / { assert("offsetof(" type ", " $1 ") == " $4); assert("sizeof(((" type " *)0)->" $1 ") == " $2); next }
        NF == 4 { type = $1; assert("sizeof(" type ") == " $2); assert("_Alignof(" type ") == " $4); next }
        NF == 2 { assert($1 " == " $2); next }
        { print "#error " $0 }' tests/abi/layout.txt
}

for language in "c -std=c99" "c -std=c11" "c++ -std=c++14" "c++ -std=c++17"; do
    echo '#include "dualpath.h"' | $msvc -x $language -
done
assertions | $msvc -x c -std=c11 -
echo "header of MSVC: $(assertions | grep -c _Static_assert) sizes, offsets and numbers are those of tests/abi/layout.txt"
