#!/bin/sh
# symbols.sh CROSS ARCHIVE: that a freestanding archive asks for nothing but what symbols.txt lists.
set -eu
list=$(dirname "$0")/symbols.txt
all=$(dirname "$2")/whole.o
"$1ld" -r -o "$all" --whole-archive "$2"
asked=$("$1nm" -u "$all" | sed 's/^ *[UwV] *//' | LC_ALL=C sort)
rm -f "$all"
patterns=$(grep -v '^#' "$list")
beyond=$(printf '%s\n' "$asked" | grep -vxE "$patterns" || true)
if [ -n "$beyond" ]; then
    echo "$2 asks for what $list does not list:" >&2
    printf '%s\n' "$beyond" >&2
    exit 1
fi
echo "$2: asks for nothing beyond $list"
