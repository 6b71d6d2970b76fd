#!/bin/sh
# Kernels that are compiled for tests contain no instruction beyond those of every x86-64 processor,
# and the same files of the library do: plain_objects.sh "PLAIN OBJECTS" "OBJECTS OF THE LIBRARY".
set -eu

# Vectors of AVX and later, and tiles.
count_special() {
    objdump -d --no-show-raw-insn "$1" | awk '$2 ~ /^(v|k[a-z]+[bwdq]$|tile|tdp|ldtile|sttile)/ { n++ } END { print n + 0 }'
}

for object in $1; do
    count=$(count_special "$object")
    [ "$count" = 0 ] || { echo "instructions: $object has $count that not every x86-64 processor has" >&2; exit 1; }
done
for object in $2; do
    [ "$(count_special "$object")" != 0 ] || { echo "instructions: $object has none that are looked for" >&2; exit 1; }
done
