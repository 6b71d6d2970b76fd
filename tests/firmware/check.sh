#!/bin/sh
# check.sh BOARD MACHINE PRECISION[-stream]: runs an image of examples/firmware in the emulator. It must answer
# what the same application answers on this machine, bit for bit, and take what recorded.txt says,
# within 3 %. With RECORD=FILE writes that down instead.
set -eu
name=$1-$3
precision=${3%-stream}
image=$BUILD/$name.elf
said=$BUILD/$name.out
here=$(dirname "$0")

echo "== $name"
timeout 120 qemu-system-arm -M "$2" -nographic -monitor none -serial none -icount shift=0 \
    -semihosting-config enable=on,target=native -kernel "$image" >"$said" 2>&1 || {
    cat "$said"
    exit 1
}
"$BUILD/host-$3" >"$BUILD/host-$3.out"
answer='^(label|logit|window logit|class|multiply-adds) '
grep -E "$answer" "$BUILD/host-$3.out" >"$BUILD/host-$3.answer"
grep -E "$answer" "$said" | diff -u "$BUILD/host-$3.answer" - || {
    echo "$name: the board does not answer what this machine does" >&2
    exit 1
}

if grep '^logit ' "$said" | sort | uniq -u | grep .; then
    echo "$name: frame by frame the answer is another one" >&2
    exit 1
fi

stack=$(sed -n 's/^stack used //p' "$said")
promised=$(sed -nE 's/^stack +([0-9]+) bytes at most$/\1/p' "$BUILD/model-$precision.report")
if [ "$stack" -gt "${promised:-0}" ]; then
    echo "$name: $stack bytes of stack, more than the $promised of \`dualpath compile --report\`" >&2
    exit 1
fi

# What `dualpath compile --report` said of the arenas, too: of a whole clip, and image by image.
sed -nE 's/^arena ([0-9]+)$/\1/p' "$said" >"$BUILD/$name.arenas"
sed -nE 's/^arena.* ([0-9]+) bytes.*/\1/p' "$BUILD/model-$precision.report" |
    paste "$BUILD/$name.arenas" - | while read -r arena promised; do
    if [ "$arena" -gt "${promised:-0}" ]; then
        echo "$name: an arena of $arena bytes, more than ${promised:-0}" >&2
        exit 1
    fi
done

# Flash without the model, and what of it is the library's.
code=$("${CROSS}size" -A "$image" | awk '$1 == ".text" || $1 == ".data" { sum += $2 } END { print sum }')
library=0
for size in $(awk '
    /^Memory Configuration/ { linked = 1 }
    /^ \.[a-z]/ { section = $1 }
    linked && /libdualpath\.a\(/ && section !~ /^\.bss/ {
        at = $(NF - 2)
        if (at !~ /^0x0*$/) print $(NF - 1)
    }' "$BUILD/$name.map"); do
    library=$((library + size))
done
# The library's variables are in RAM: so are arenas and stack, which are the application's.
if "${CROSS}nm" "$image" | grep -wE '_?(malloc|free|_sbrk|_malloc_r)'; then
    echo "$name: there is a heap" >&2
    exit 1
fi
limit=98304
case $3 in
int8) limit=53248 ;;
int8-stream) limit=61440 ;;
esac
if [ "$library" -gt "$limit" ]; then
    echo "$name: the library takes $library bytes, more than $limit" >&2
    exit 1
fi

now() {
    echo "$name code $code"
    echo "$name library $library"
    awk -v name="$name" '
        /^-- / { pushed = /frame by frame/ ? "-pushed" : "" }
        /^(model memory|arena|stack used|instructions|stream) [0-9]+$/ { print name, $1 pushed, $NF }
        /^instructions at most [0-9]+$/ { print name, "instructions-window", $NF }' "$said"
}
compiler=$("${CROSS}gcc" -dumpfullversion)
if [ -n "${RECORD:-}" ]; then
    [ -e "$RECORD" ] || echo "compiler $compiler" >"$RECORD"
    now >>"$RECORD"
    now
    exit 0
fi
now
if [ "$(sed -n 's/^compiler //p' "$here/recorded.txt")" != "$compiler" ]; then
    echo "$name: not held against recorded.txt, which another compiler made"
    exit 0
fi
now | awk -v recorded="$here/recorded.txt" '
    BEGIN { while ((getline line <recorded) > 0) { split(line, f, " "); if (f[3]) was[f[1] " " f[2]] = f[3] } }
    {
        key = $1 " " $2
        if (!(key in was) || $3 > 1.03 * was[key] || $3 < 0.97 * was[key]) {
            print key ": " $3 ", recorded is " was[key] ": make record-firmware if it is meant" >"/dev/stderr"
            failed = 1
        }
    }
    END { exit failed }'
