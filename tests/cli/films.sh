# Long films: what of them is in memory.

# repeated NUMBER FILE: a Y4M film so many times in a row.
repeated() {
    cat "$2"
    for time in $(seq 2 "$1"); do
        tail -n +2 "$2"
    done
}

# tiny NUMBER [PARAMETERS]: a Y4M film of frames of 2x2 pixels, each another one.
tiny() {
    printf 'YUV4MPEG2 W2 H2\n'
    for frame in $(seq 100 $((99 + $1))); do
        printf 'FRAME%s\n%s%sab' "$2" "$frame" a
    done
}

# Frames that no view takes are not kept: 640 frames of 115 kB are 74 MB, every fourth of them 18 MB,
# and the 16 of a view 2 MB.
test_kept_frames() {
    "$SCENE" pan-right >"$work/scene.y4m"
    repeated 10 "$work/scene.y4m" >"$work/long.y4m"
    logits "$work/long" "$work/long.y4m" || not_ok "a long film" "status $status"
    same "a film with the memory of a view" "$work/long" "$work/long.y4m" --max-memory 8M
    same "a film in a pipe is the same" "$work/long" - <"$work/long.y4m"
    cat "$work/long.y4m" | "$DUALPATH" classify "$MODEL" - --max-memory 40M >"$out" 2>"$err"
    [ $? -eq 0 ] && ok "a pipe with the memory of every fourth frame" ||
        not_ok "a pipe with the memory of every fourth frame" "another status"
    fails 1 'frame [0-9]* of 320 x 240 .* that --max-memory allows' \
        classify "$MODEL" "$work/long.y4m" --rate 1 --views 30 --max-memory 20M
    logits "$work/views" "$work/long.y4m" --views 3 --rate 5 || not_ok "views" "status $status"
    same "three views in a pipe are the same" "$work/views" - --views 3 --rate 5 <"$work/long.y4m"
    logits "$work/uniform" "$work/long.y4m" --sampling uniform || not_ok "uniform" "status $status"
    same "uniform in a pipe is the same" "$work/uniform" - --sampling uniform <"$work/long.y4m"
    for rule in interval spread segments; do
        logits "$work/$rule" "$work/long.y4m" --sampling $rule || not_ok "$rule" "status $status"
        same "$rule in a pipe is the same" "$work/$rule" - --sampling $rule <"$work/long.y4m"
    done
    tiny 100 >"$work/tiny.y4m"
    tiny 100 ' Ip' >"$work/marked.y4m"
    logits "$work/tiny" "$work/tiny.y4m" || not_ok "a tiny film" "status $status"
    same "a file of fewer frames than its size says" "$work/tiny" "$work/marked.y4m"
}
