# Text that comes from files, and names of files: what of it reaches a terminal, and which names are
# none.

# Reads standard input: 0 if it is UTF-8 without anything that does something to a terminal.
is_harmless() {
    python3 -c '
import sys
text = sys.stdin.buffer.read().decode("utf-8")
bidi = [0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
bad = [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or ord(c) in bidi)]
sys.exit(bool(bad or not text))' 2>/dev/null
}

# harmless NAME ARGUMENT...: stdout and stderr are, whatever the status.
harmless() {
    name=$1
    shift
    run "$@" </dev/null
    if cat "$out" "$err" | is_harmless; then
        ok "$name"
    else
        not_ok "$name" "status $status; something reaches the terminal"
    fi
}

# The labels of the model are as long as what replaces them: ESC, and CSI as UTF-8; an override of the
# direction and a letter; bytes that are no UTF-8.
test_text() {
    if ! command -v python3 >/dev/null; then
        skip "text that is harmless" "no python3"
        return
    fi
    hostile=$work/hostile.gguf
    python3 - "$MODEL" "$hostile" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
for old, new in ((b"bow", b"\x1b\xc2\x9b"), (b"jump", b"\xe2\x80\xaea"), (b"wave", b"\x9b\x7f\xe2b")):
    old, new = (len(text).to_bytes(8, "little") + text for text in (old, new))
    assert data.count(old) == 1, old
    data = data.replace(old, new)
open(sys.argv[2], "wb").write(data)
END
    harmless "labels of info" info "$hostile"
    grep -q '^label 0 *??$' "$out" && grep -q '^label 1 *?a$' "$out" &&
        grep -q '^label 2 *???b$' "$out" && ok "a ? for each of them" ||
        not_ok "a ? for each of them" "other labels"
    harmless "labels of info --json" info "$hostile" --json
    grep -q '"labels": \["\\u001b\\u009b", "\\u202ea", "\\ufffd\\u007f\\ufffdb"\]' "$out" &&
        ok "escapes in JSON" || not_ok "escapes in JSON" "other labels"
    harmless "labels of classify" classify "$hostile" "$in/rgb.npy" --sheet "$work/hostile.png"
    harmless "labels of classify --json" classify "$hostile" "$in/rgb.npy" --json
    odd=$work/$(printf 'a\033[31m\302\233\342\200\256\377\n\177b')
    harmless "a name in a message" info "$odd"
    harmless "a name in a message of classify" classify "$MODEL" "$odd"
    harmless "a command that is none" "$(printf 'a\033\302\205\342\201\246')"
    harmless "an option that is none" info "$MODEL" "$(printf -- '--a\033\302\205\342\201\246')"
    harmless "a value that is none" info "$MODEL" --cpu "$(printf 'a\033\302\205\342\201\246')"
    harmless "a folder for a sheet that is not there" \
        classify "$MODEL" "$in/rgb.npy" --sheet "$odd/sheet.png"
    cp "$MODEL" "$odd"
    harmless "a name of a model" verify "$odd"
    harmless "a name of a compiled file" compile "$odd" -o "$odd"
    harmless "a name in JSON" classify "$odd" "$in/rgb.npy" --json
    printf 'L\303\244ufer \360\237\217\203' >"$work/words"
    cp "$MODEL" "$work/$(cat "$work/words")"
    run verify "$work/$(cat "$work/words")"
    grep -q "$(cat "$work/words")" "$out" && ok "letters beyond ASCII stay" ||
        not_ok "letters beyond ASCII stay" "$(cat "$out")"
}

# Names that are none are wrong use; directories and devices are what they are.
test_odd_names() {
    for empty in "info ''" "verify ''" "bench ''" "classify '' x" "compile '' -o x"; do
        eval "fails 2 'MODEL: is empty' $empty"
    done
    fails 2 'INPUT: is empty' classify "$MODEL" ''
    fails 2 '-o: is empty' compile "$MODEL" -o ''
    fails 2 '--sheet: is empty' classify "$MODEL" "$in/rgb.npy" --sheet=
    fails 2 '--backbone: is empty' info "$MODEL" --backbone ''
    fails 2 "MODEL: '-' is not the name of a file here" info -
    fails 2 "-o: '-' is not the name of a file here" compile "$MODEL" -o -
    fails 2 "--sheet: '-' is not" classify "$MODEL" "$in/rgb.npy" --sheet -
    fails 2 "--backbone: '-' is not" info "$MODEL" --backbone=-
    fails 1 "'$work' is a directory, not a file" info "$work"
    fails 1 "'$work' is a directory, not a file" compile "$MODEL" -o "$work"
    fails 1 "'/dev/null' is a device" info /dev/null
    fails 1 '/dev/null: is empty' classify "$MODEL" /dev/null
    fails 1 'holds no .png files' classify "$MODEL" "$GOLDEN/.."
    cp "$MODEL" "$work/-" && prints "a file that is named -" '^name' info "$work/-"
    run info /dev/stdin <"$MODEL"
    [ "$status" -eq 0 ] && ok "a model from /dev/stdin" || not_ok "a model from /dev/stdin" "status $status"
    cat "$MODEL" | "$DUALPATH" info /dev/stdin >"$out" 2>"$err"
    [ $? -eq 0 ] && ok "a model through a pipe" || not_ok "a model through a pipe" "another status"
    run classify "$MODEL" /dev/stdin <"$in/rgb.npy"
    [ "$status" -eq 0 ] && ok "frames from /dev/stdin" || not_ok "frames from /dev/stdin" "status $status"
    "$DUALPATH" compile "$MODEL" -o /dev/stdout --quiet 2>"$err" | cat >"$work/piped.gguf"
    prints "a model to /dev/stdout" 'match' verify "$work/piped.gguf"
}
