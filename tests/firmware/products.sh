#!/bin/sh
# products.sh BOARD MACHINE LIMIT: runs products.c in the emulator. Answers must be those of plain C,
# and at 384 inputs the int8 products take at most LIMIT instructions for 1000 multiply-adds.
set -eu
image=$BUILD/$1-products.elf

echo "== $1-products"
said=$(timeout 120 qemu-system-arm -M "$2" -nographic -monitor none -serial none -icount shift=0 \
    -semihosting-config enable=on,target=native -kernel "$image" 2>&1) || {
    echo "$said"
    exit 1
}
echo "$said"
took=$(echo "$said" | sed -n 's/^products 384 //p')
if [ "$took" -gt "$3" ]; then
    echo "$1: $took instructions for 1000 multiply-adds, more than $3" >&2
    exit 1
fi
