# Files that the program writes: complete or not at all, whoever else writes, and whatever is there.

# A sheet ends as PNG files do.
is_picture() {
    [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] && tail -c 8 "$1" | grep -q IEND
}

# left_over FOLDER NAME...: files of a folder beside these.
left_over() {
    folder=$1
    shift
    ls -A "$folder" >"$work/found"
    printf '%s\n' "$@" | sort >"$work/named"
    [ "$(sort "$work/found")" != "$(cat "$work/named")" ]
}

# Two at a time, of different sizes, to one name: one of them is there, and it is whole.
test_races() {
    mkdir "$work/race"
    damaged=0
    for round in 1 2 3 4 5 6 7 8 9 10; do
        "$DUALPATH" compile "$MODEL" -o "$work/race/m" --precision f32 --quiet 2>"$err" &
        "$DUALPATH" compile "$MODEL" -o "$work/race/m" --precision int8 --quiet 2>"$work/err2"
        second=$?
        wait $! && [ $second -eq 0 ] || damaged=$((damaged + 1))
        "$DUALPATH" verify "$work/race/m" --quiet || damaged=$((damaged + 1))
        "$DUALPATH" classify "$MODEL" "$in/rgb.npy" --sheet "$work/race/s" >"$out" 2>"$err" &
        "$DUALPATH" classify "$MODEL" "$in/rgb.npy" --sheet "$work/race/s" --top 1 >"$work/out2" 2>"$err"
        wait $!
        is_picture "$work/race/s" || damaged=$((damaged + 1))
    done 2>>"$err"
    [ $damaged -eq 0 ] && ok "two that write one file" || not_ok "two that write one file" $damaged
    left_over "$work/race" m s && not_ok "nothing beside it" "$(cat "$work/found")" ||
        ok "nothing beside it"
}

# What a full disk does, by a limit of the size of files: status 1, a sentence, the answer if there is
# one, the old file, and nothing else.
test_full_disk() {
    mkdir "$work/full-disk"
    for name in model.gguf sheet.png; do
        echo precious >"$work/full-disk/$name"
    done
    (ulimit -f 1 && "$DUALPATH" compile "$MODEL" -o "$work/full-disk/model.gguf") >"$out" 2>"$err"
    status=$?
    [ $status -eq 1 ] && grep -q "cannot write '.*model.gguf': File too large" "$err" &&
        ok "a model too large for the disk" || not_ok "a model too large for the disk" "status $status"
    (ulimit -f 1 && "$DUALPATH" classify "$MODEL" "$in/rgb.npy" --sheet "$work/full-disk/sheet.png") \
        >"$out" 2>"$err"
    status=$?
    [ $status -eq 1 ] && grep -q "cannot write '.*sheet.png': File too large" "$err" &&
        ok "a sheet too large for the disk" || not_ok "a sheet too large for the disk" "status $status"
    grep -q '^bow ' "$out" && ok "its answer is there" || not_ok "its answer is there" "not on stdout"
    [ "$(cat "$work/full-disk/model.gguf" "$work/full-disk/sheet.png" | grep -c '^precious$')" -eq 2 ] &&
        ok "the old files are whole" || not_ok "the old files are whole" "they are not"
    left_over "$work/full-disk" model.gguf sheet.png && not_ok "no new ones" "$(cat "$work/found")" ||
        ok "no new ones"
}

test_special_outputs() {
    mkdir "$work/special"
    echo old >"$work/special/target"
    for name in model sheet; do
        ln -s target "$work/special/$name"
        case $name in
        model) run compile "$MODEL" -o "$work/special/model" --quiet ;;
        sheet) run classify "$MODEL" "$in/rgb.npy" --sheet "$work/special/sheet" ;;
        esac </dev/null
        [ "$status" -eq 0 ] && [ -h "$work/special/$name" ] &&
            ok "a link stays one: $name" || not_ok "a link stays one: $name" "status $status"
    done
    is_picture "$work/special/target" && ok "what it names is replaced" ||
        not_ok "what it names is replaced" "it is no sheet"
    mkfifo "$work/special/pipe"
    for name in model sheet; do
        bounded cat "$work/special/pipe" >"$work/special/read.$name" &
        case $name in
        model) run compile "$MODEL" -o "$work/special/pipe" --quiet ;;
        sheet) run classify "$MODEL" "$in/rgb.npy" --sheet "$work/special/pipe" ;;
        esac </dev/null
        wait $!
    done
    [ -p "$work/special/pipe" ] && "$DUALPATH" verify "$work/special/read.model" --quiet 2>"$err" &&
        is_picture "$work/special/read.sheet" && ok "a pipe is written to" ||
        not_ok "a pipe is written to" "it is not"
    if mknod "$work/special/null" c 1 3 2>/dev/null && : 2>/dev/null >"$work/special/null"; then
        run compile "$MODEL" -o "$work/special/null" --quiet </dev/null
        [ "$status" -eq 0 ] && run classify "$MODEL" "$in/rgb.npy" --sheet "$work/special/null" </dev/null
        [ "$status" -eq 0 ] && [ -c "$work/special/null" ] && ok "a device stays one" ||
            not_ok "a device stays one" "status $status"
    else
        skip "a device stays one" "none can be made here"
    fi
}

# Started without standard streams, a file could get the number of one.
test_closed_streams() {
    "$DUALPATH" compile "$MODEL" -o "$work/closed.gguf" <&- >&- 2>&-
    status=$?
    "$DUALPATH" verify "$work/closed.gguf" --quiet 2>"$err" && [ $status -eq 1 ] &&
        ok "without standard streams a file is whole" ||
        not_ok "without standard streams a file is whole" "status $status"
    "$DUALPATH" info "$MODEL" >&- 2>"$err"
    status=$?
    [ $status -eq 1 ] && grep -q 'standard output: cannot write' "$err" &&
        ok "without standard output" || not_ok "without standard output" "status $status"
}
