# The picture of what the model saw, and the film that examples/scene.c draws.

# answers_without_a_sheet SENTENCE PATH: what was computed is printed, and the status says that the
# sheet is not there.
answers_without_a_sheet() {
    run classify "$MODEL" "$in/rgb.npy" --sheet "$2" </dev/null
    if [ "$status" -eq 1 ] && grep -q '^bow ' "$out" && grep -q -e "^dualpath: --sheet: .*$1" "$err" &&
        [ "$(wc -l <"$err")" -eq 1 ]; then
        ok "an answer without its sheet: $1"
    else
        not_ok "an answer without its sheet: $1" "status $status"
    fi
}

# Frames of one grey each: every one must be where it belongs, in its own shade.
test_sheet() {
    sheet=$work/sheet.png
    prints "sheet" '^bow ' classify "$MODEL" "$in/rgb.npy" --sheet "$sheet" --views 2 --crops 3
    prints "sheet of a model without a head" '^feature' \
        classify "$FEATURES" "$in/rgb.npy" --sheet "$sheet"
    answers_without_a_sheet "cannot create '$work/no/sheet.png': No such" "$work/no/sheet.png"
    answers_without_a_sheet 'is a directory, not a file' "$work"
    if [ -w /dev/full ]; then
        answers_without_a_sheet 'No space left on device' /dev/full
    fi
    if ! command -v python3 >/dev/null; then
        skip "a sheet shows what is seen" "no python3"
        return
    fi
    python3 -c 'import sys
for i in range(16):
    sys.stdout.buffer.write(bytes([10 + 15 * i]) * (3 * 32 * 32))' >"$work/greys"
    run classify "$MODEL" "$work/greys" --size 32x32 --sampling given --sheet "$sheet"
    if [ "$status" -eq 0 ] && python3 - "$sheet" 2>"$err" <<'END'
import struct, sys, zlib

data = open(sys.argv[1], "rb").read()
width, height = struct.unpack(">II", data[16:24])
packed, at = b"", 8
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
    at += size + 12
raw, row, rows = zlib.decompress(packed), bytearray(3 * width), []
for y in range(height):
    kind, *line = raw[y * (3 * width + 1):(y + 1) * (3 * width + 1)]
    new = bytearray(3 * width)
    for i, value in enumerate(line):
        a, b = (new[i - 3] if i > 2 else 0), row[i]
        c = row[i - 3] if i > 2 else 0
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        new[i] = (value + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
    row = new
    rows.append(row)

def grey(x, y):
    r, g, b = rows[y][3 * x:3 * x + 3]
    assert r == g == b, (x, y, r, g, b)
    return r

for i in range(8):
    left, top = 16 + i % 4 * 132, 38 + i // 4 * 132
    for x, y in ((0, 0), (127, 127), (63, 5)):
        assert grey(left + x, top + y) == 10 + 30 * i, i
left = 16 + 4 * 132 + 16
for i in range(16):
    for x, y in ((8, 8), (55, 55), (32, 32)):
        assert grey(left + i % 4 * 64 + x, 38 + i // 4 * 64 + y) == 10 + 15 * i, i
END
    then
        ok "a sheet shows what is seen"
    else
        not_ok "a sheet shows what is seen" "status $status"
    fi
}

# png_size FILE: width and height, in hexadecimal.
png_size() {
    od -An -tx1 -j16 -N8 "$1" | tr -d ' \n'
}

test_attention() {
    prints "a sheet for comparison" '^bow ' classify "$MODEL" "$in/rgb.npy" --sheet "$work/plain.png"
    cp "$out" "$work/plain.answer"
    for kind in last rollout; do
        sheet=$work/attention-$kind.png
        prints "attention, $kind" '^bow ' \
            classify "$MODEL" "$in/rgb.npy" --attention "$sheet" --attention-of $kind
        holds "attention changes no answer, $kind" cmp -s "$out" "$work/plain.answer"
        holds "attention is a sheet of the same size, $kind" \
            [ "$(png_size "$sheet")" = "$(png_size "$work/plain.png")" ]
        holds "attention is laid over the frames, $kind" eval '! cmp -s "$sheet" "$work/plain.png"'
    done
    holds "the two kinds of attention differ" \
        eval '! cmp -s "$work/attention-last.png" "$work/attention-rollout.png"'
    prints "attention and a sheet" '^bow ' classify "$MODEL" "$in/rgb.npy" --views 2 --crops 2 \
        --attention "$work/both-a.png" --sheet "$work/both-s.png"
    run classify "$MODEL" "$in/rgb.npy" --attention "$work/none.png" --image-by-image </dev/null
    holds "an answer without its attention" \
        eval '[ "$status" -eq 1 ] && grep -q "^bow " "$out" && grep -q "goes image by image" "$err"'
    fails 2 "--attention-of" classify "$MODEL" "$in/rgb.npy" --attention-of first
}

test_scene() {
    "$SCENE" >"$work/default.y4m" 2>"$err"
    for motion in static pan-left pan-right tilt-up tilt-down zoom-in zoom-out roll-cw roll-ccw \
        shake; do
        "$SCENE" $motion >"$work/scene.y4m" 2>"$err" || not_ok "scene $motion" "status $?"
        prints "scene $motion" '"frames": 64' classify "$MODEL" "$work/scene.y4m" --json
        if cmp -s "$work/default.y4m" "$work/scene.y4m"; then
            echo $motion >>"$work/equal-scenes"
        fi
    done
    if [ "$(cat "$work/equal-scenes")" = pan-right ]; then
        ok "the scene is the same each time, and each motion another film"
    else
        not_ok "the scene is the same each time, and each motion another film" "$(cat "$work/equal-scenes")"
    fi
    "$SCENE" nowhere >"$out" 2>"$err"
    status=$?
    if [ "$status" -eq 2 ] && [ ! -s "$out" ] && grep -q 'Usage: scene .*zoom-in' "$err"; then
        ok "scene refuses other motions"
    else
        not_ok "scene refuses other motions" "status $status"
    fi
}
