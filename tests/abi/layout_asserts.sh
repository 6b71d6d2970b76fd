#!/bin/sh
# A recorded layout as static assertions in C, for systems whose programs cannot run here:
# layout_asserts.sh <layout.txt | cc -Iinclude -fsyntax-only -xc -
set -eu

echo '#include "dualpath.h"'
echo '#include <stddef.h>'
awk '
function holds(condition) { printf "_Static_assert(%s, \"%s\");\n", condition, $0 }
$3 == "align" {
    type = $1
    holds("sizeof(" type ") == " $2)
    holds("_Alignof(" type ") == " $4)
}
$3 == "at" {
    holds("sizeof(((" type " *)0)->" $1 ") == " $2)
    holds("offsetof(" type ", " $1 ") == " $4)
}
NF == 2 { holds("(long long)" $1 " == " $2 "LL") }
'
