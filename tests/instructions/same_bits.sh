#!/bin/sh
# Instructions in plain C give the bits of this machine's: same_bits.sh REAL PLAIN, two builds of
# table_bits.c. REAL prints the tables that this machine can run, PLAIN prints all.
set -eu

"$1" >"$2.real.txt"
"$2" >"$2.txt"
tables() { sed 's/: .*//' "$1" | sort -u; }
tables "$2.real.txt" >"$2.real.names"
missing=$(tables "$2.txt" | grep -vxFf "$2.real.names" | tr '\n' ';') || true
different=$(grep -vxFf "$2.txt" "$2.real.txt") || true
if [ -n "$different" ]; then
    echo "instructions: this machine gives other bits:" >&2
    printf '%s\n' "$different" | head -n 20 >&2
    exit 1
fi
echo "the bits of this machine in $(grep -c . <"$2.real.txt") answers of $(grep -c . <"$2.real.names") tables"
[ -z "$missing" ] || echo "skipped: this machine has no instructions to compare with for: $missing"
