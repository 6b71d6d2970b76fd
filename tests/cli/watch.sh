# dualpath watch: the windows of films and of pipes.

# watch ARGUMENT...: the windows of standard input or a path as JSON.
watch() {
    run watch "$MODEL" --json "$@"
}

# answers NAME FILE: the top classes and logits of each line of JSON.
answers() {
    sed 's/.*\("top": .*\], "\)labels.*"logits": \(\[[^]]*\]\).*/\1logits": \2/; s/.*\("top": .*"logits": \[[^]]*\]\).*/\1/' \
        "$1"
}

# same_windows NAME REFERENCE ARGUMENT...: the same lines as in a file.
same_windows() {
    name=$1
    reference=$2
    shift 2
    watch "$@"
    if [ "$status" -ne 0 ] || [ ! -s "$out" ]; then
        not_ok "$name" "status $status"
    elif ! cmp -s "$reference" "$out"; then
        not_ok "$name" "other windows"
    else
        ok "$name"
    fi
}

# chosen_frames FILM NUMBER...: a Y4M film of these frames of 320x240.
chosen_frames() {
    film=$1
    shift
    frame=$((320 * 240 * 3 / 2 + 6))
    head -n 1 "$film"
    for number in "$@"; do
        tail -c +$(($(head -n 1 "$film" | wc -c) + 1 + number * frame)) "$film" | head -c $frame
    done
}

# A film of two motions.
make_mixed_film() {
    "$SCENE" zoom-in >"$work/zoom.y4m"
    { repeated 2 "$work/scene.y4m" && tail -n +2 "$work/zoom.y4m"; } >"$work/mixed.y4m"
}

test_watch() {
    make_mixed_film
    test_watch_answers
    test_watch_inputs
    test_watch_times
    test_classify_by_time
    test_watch_output
    test_watch_usage
    test_watch_ends
    test_watch_stopped
    test_watch_memory
    test_watch_terminal
    test_watch_events
    test_watch_timeline
    test_same_outputs
    test_watch_labels
}

# motions ARGUMENT...: watches a film of three motions with the model that is shipped.
motions() {
    [ -s "$work/motions.y4m" ] || {
        "$SCENE" pan-right && "$SCENE" zoom-in | tail -n +2 && "$SCENE" static | tail -n +2
    } >"$work/motions.y4m"
    run watch --backbone examples/models/backbone.gguf examples/models/camera-motion.gguf \
        "$work/motions.y4m" "$@" </dev/null
}

# Windows of 2.56 s stand for themselves; the film says when one motion becomes another.
test_watch_events() {
    motions --events --json --srt "$work/events.srt" --vtt "$work/events.vtt"
    holds "events of three motions" [ "$status" -eq 0 -a "$(wc -l <"$out")" -eq 3 ]
    sed 's/.*"label": "\([^"]*\)", "start": \([0-9.]*\), "end": \([0-9.]*\),.*/\1 \2 \3/' "$out" >"$work/events"
    printf '%s\n' 'pan right 0 2.48' 'zoom in 2.48 5.04' 'static 5.04 7.52' >"$work/expected"
    holds "events lie where the motions do" cmp -s "$work/expected" "$work/events"
    printf '1\n00:00:00,000 --> 00:00:02,480\npan right\n\n' >"$work/expected"
    holds "the first event as a subtitle" eval 'head -n 4 "$work/events.srt" | cmp -s - "$work/expected"'
    printf 'WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.480\n' >"$work/expected"
    holds "the first event as WebVTT" eval 'head -n 4 "$work/events.vtt" | cmp -s - "$work/expected"'
    holds "subtitles of all events" [ "$(grep -c -e '-->' "$work/events.srt")" -eq 3 ]
    motions --events --background static
    holds "a background is no event" \
        eval '[ "$(wc -l <"$out")" -eq 2 ] && ! grep -q static "$out" && grep -q "2.48 .. 5.04 s  zoom in" "$out"'
    motions --events --threshold 0.999
    holds "no event below the threshold" [ "$status" -eq 0 -a ! -s "$out" ]
    motions --events --shortest 2.5
    holds "short events are left out" eval '[ "$(wc -l <"$out")" -eq 1 ] && grep -q "zoom in" "$out"'
    motions --srt "$work/windows.srt"
    holds "windows with subtitles beside them" \
        eval '[ "$(wc -l <"$out")" -eq 3 ] && cmp -s "$work/windows.srt" "$work/events.srt"'
    motions --events --csv "$work/events.csv"
    holds "a table of windows beside events" [ "$(wc -l <"$work/events.csv")" -eq 4 ]
    fails 2 "--events: is missing" watch "$MODEL" "$work/scene.y4m" --smooth 3
    fails 2 "--several: has events at the same time" watch "$MODEL" "$work/scene.y4m" --srt "$work/x" --several
    fails 2 "no class 'nothing'" watch "$MODEL" "$work/scene.y4m" --events --background nothing
    fails 2 'smooth is 2, expected an odd number' watch "$MODEL" "$work/scene.y4m" --events --smooth 2
    fails 1 'has no classes' watch "$FEATURES" "$work/scene.y4m" --events --json
    fails 1 'which events needs' watch "$MODEL" "$in/rgb.npy" --events
    fails 1 '--srt: cannot create' watch "$MODEL" "$work/scene.y4m" --srt "$work/no/events.srt"
}

# one_file SECOND FIRST ARGUMENT...: two options name one file, and neither is written.
one_file() {
    second=$1 first=$2
    shift 2
    fails 2 "$second: '.*' is the file of $first, too" "$@"
}

test_same_outputs() {
    mkdir "$work/same" "$work/same/deep"
    ln -s . "$work/same/link"
    new=$work/same/new
    for again in "$new" "$work/same/./new" "$work/same/deep/../new" "$work/same/link/new"; do
        one_file --srt --csv watch "$MODEL" "$work/scene.y4m" --csv "$new" --srt "$again"
    done
    one_file --timeline --vtt watch "$MODEL" "$work/scene.y4m" --timeline "$new" --vtt "$new"
    one_file --vtt --srt watch "$MODEL" "$work/scene.y4m" --csv "$new.csv" --vtt "$new" --srt "$new"
    one_file --attention --sheet classify "$MODEL" "$work/scene.y4m" --sheet "$new" --attention "$new"
    holds "none of them is there" [ ! -e "$new" -a ! -e "$new.csv" ]
    echo precious >"$work/same/old"
    ln -s old "$work/same/old-link"
    ln "$work/same/old" "$work/same/old-twin"
    one_file --srt --csv watch "$MODEL" "$work/scene.y4m" --csv "$work/same/old" --srt "$work/same/old-link"
    program=$(absolute "$DUALPATH") model=$(absolute "$MODEL")
    (cd "$work/same/deep" && exec "$program" watch "$model" "$work/scene.y4m" --csv ../old \
        --srt "$work/same/old") >"$out" 2>"$err"
    [ $? -eq 2 ] && grep -q 'is the file of --csv, too' "$err" && ok "a relative name" ||
        not_ok "a relative name" "another status or message"
    holds "the old file stays" grep -q precious "$work/same/old"
    run watch "$MODEL" "$work/scene.y4m" --csv "$work/same/old" --srt "$work/same/old-twin"
    holds "hard links are two files" eval '[ "$status" -eq 0 ] && ! cmp -s "$work/same/old" "$work/same/old-twin"'
    run watch "$MODEL" "$work/scene.y4m" --csv /dev/null --srt /dev/null
    holds "a device takes both" [ "$status" -eq 0 ]
    run watch "$MODEL" "$work/scene.y4m" --csv "$work/same/deep/new" --srt "$new"
    holds "one name in two folders" [ "$status" -eq 0 -a -s "$new" -a -s "$work/same/deep/new" ]
}

# All labels are one text that means something everywhere. The length of the file grows by whole
# alignments.
test_watch_labels() {
    if ! command -v python3 >/dev/null; then
        skip "labels in files" "no python3"
        return
    fi
    python3 - "$MODEL" "$work/labels.gguf" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
for old in (b"bow", b"jump", b"wave"):
    new = b'"a", <i>b</i> & c --> d;\xff\r\n\n\x1b\xe2\x80\xae{\\an8}e'
    new += b"." * (len(old) + 64 - len(new))
    old, new = (len(text).to_bytes(8, "little") + text for text in (old, new))
    assert data.count(old) == 1, old
    data = data.replace(old, new)
open(sys.argv[2], "wb").write(data)
END
    run watch "$work/labels.gguf" "$work/mixed.y4m" --top 3 --threshold 0.01 --csv "$work/labels.csv" \
        --srt "$work/labels.srt" --vtt "$work/labels.vtt"
    holds "labels that mean something" [ "$status" -eq 0 ]
    python3 - "$work/labels" <<'END' 2>"$err" && ok "files have them as text" || not_ok "files have them as text" ""
import csv, html, sys
text = '"a", <i>b</i> & c --> d;\ufffd     {\\an8}e'
rows = list(csv.reader(open(sys.argv[1] + ".csv", encoding="utf-8", newline="")))
assert rows[0] == ["start", "end", "label", "probability"] and len(rows) > 3, rows
assert all(len(row) == 4 and row[2].rstrip(".") == text for row in rows[1:]), rows
raw = open(sys.argv[1] + ".csv", encoding="utf-8", newline="").read()
assert raw.count("\n") == raw.count("\r\n") == len(rows), "rows end with CRLF, and labels have none"

def cues(name, header):
    blocks = open(sys.argv[1] + name, encoding="utf-8").read().split("\n\n")
    assert blocks[:len(header)] == header and blocks.pop() == "", blocks
    lines = [block.split("\n") for block in blocks[len(header):]]
    assert lines and all(len(cue) == 3 and cue[1].count("-->") == 1 for cue in lines), lines
    return [cue[2].rstrip(".") for cue in lines]

vtt = cues(".vtt", ["WEBVTT"])
assert all("<" not in cue and ">" not in cue and html.unescape(cue) == text for cue in vtt), vtt
shown = text.replace("<", "\u2039").replace(">", "\u203a").replace("{", "(").replace("}", ")")
assert set(cues(".srt", [])) == {shown}
END
}

test_watch_timeline() {
    motions --timeline "$work/timeline.png"
    holds "a timeline" [ "$status" -eq 0 -a "$(png_size "$work/timeline.png" | cut -c 1-4)" = 0000 ]
    cp "$out" "$work/windows"
    motions --timeline "$work/coarse.png" --hop 64
    holds "another timeline of other windows" eval '! cmp -s "$work/timeline.png" "$work/coarse.png"'
    motions --timeline "$work/again.png"
    holds "the same timeline again" cmp -s "$work/timeline.png" "$work/again.png"
    holds "a timeline changes no window" cmp -s "$work/windows" "$out"
    fails 1 '--timeline: cannot create' watch "$MODEL" "$work/scene.y4m" --timeline "$work/no/t.png"
    fails 1 'which --timeline needs' watch "$MODEL" "$in/rgb.npy" --timeline "$work/none.png"
    fails 1 'has no classes' watch "$FEATURES" "$work/scene.y4m" --json --timeline "$work/none.png"
    holds "no timeline of a failure" [ ! -e "$work/none.png" ]
}

# Each window is what classify says of its frames.
test_watch_answers() {
    watch "$work/scene.y4m"
    run_status=$status
    cp "$out" "$work/windows"
    run classify "$MODEL" "$work/scene.y4m" --json --sampling first
    if [ "$run_status" -eq 0 ] && [ "$(wc -l <"$work/windows")" -eq 1 ] &&
        [ "$(answers "$work/windows")" = "$(answers "$out")" ]; then
        ok "a film of one window"
    else
        not_ok "a film of one window" "status $run_status, or another answer than classify"
    fi
    watch "$work/mixed.y4m" --rate 3 --hop 12
    cp "$out" "$work/windows"
    [ "$(wc -l <"$work/windows")" -eq 5 ] && ok "windows at every 36th frame" ||
        not_ok "windows at every 36th frame" "$(wc -l <"$work/windows") lines"
    line=0
    while read -r window; do
        line=$((line + 1))
        echo "$window" >"$work/window"
        frames=$(sed 's/.*"frames": \[\([^]]*\)\].*/\1/' "$work/window" | tr -d ,)
        chosen_frames "$work/mixed.y4m" $frames >"$work/chosen.y4m"
        run classify "$MODEL" "$work/chosen.y4m" --json --sampling given
        [ "$status" -eq 0 ] && [ "$(answers "$work/window")" = "$(answers "$out")" ] &&
            ok "window $line is what classify says" || not_ok "window $line is what classify says" "$frames"
    done <"$work/windows"
    [ "$(sort -u "$work/windows" | sed 's/.*"logits"//' | sort -u | wc -l)" -gt 1 ] &&
        ok "windows differ" || not_ok "windows differ" "they are the same"
    for options in "--threads 1" "--threads 2" --image-by-image --verify; do
        same_windows "watch $options" "$work/windows" "$work/mixed.y4m" --rate 3 --hop 12 $options
    done
}

test_watch_inputs() {
    same_windows "watch a pipe" "$work/windows" - --rate 3 --hop 12 <"$work/mixed.y4m"
    watch "$in/rgb.npy" --rate 1
    cp "$out" "$work/rgb-windows"
    grep -q '"start": null, "end": null, "frames": \[0, 1, 2' "$out" && ok "frames without times" ||
        not_ok "frames without times" "status $status"
    same_windows "watch raw frames" "$work/rgb-windows" "$in/rgb.rgb" --size 27x19 --rate 1
    same_windows "watch PNG files" "$work/rgb-windows" "$in/png-rgb8" --rate 1
    same_windows "watch --mirror --rotate" "$work/rgb-windows" "$in/lying.rgb" --size 19x27 --mirror \
        --rotate 90 --rate 1
    if [ ! -f "$work/films/mpeg4.mp4" ]; then
        skip "watch video files" "no ffmpeg"
        return
    fi
    for film in mpeg4.mp4 yuv444p.mkv turned.mp4; do
        [ -f "$work/films/$film" ] || continue
        as_y4m "$work/films/$film" >"$work/decoded.y4m"
        watch "$work/decoded.y4m" --rate 2 --hop 5
        cp "$out" "$work/film-windows"
        same_windows "watch $film" "$work/film-windows" "$work/films/$film" --rate 2 --hop 5
    done
}

# sampled NAME FRAMES ARGUMENT...: the first frames of the first window.
sampled() {
    name=$1
    frames=$2
    shift 2
    watch "$@"
    head -n 1 "$out" | grep -q "\"frames\": \[$frames, " && ok "$name" ||
        not_ok "$name" "$(head -n 1 "$out" | cut -c 1-90)"
}

test_watch_times() {
    sampled "every second frame of 25 a second" '0, 2, 4, 6, 8, 10' "$work/mixed.y4m" --sample-fps 12.5
    sampled "10 of 25 frames a second" '0, 2, 5, 7, 10' "$work/mixed.y4m" --sample-fps 10
    sampled "--rate" '0, 7, 14, 21' "$work/mixed.y4m" --rate 7
    header "$work/mixed.y4m" 's/F25:1/F50:2 Xnone/' >"$work/rate.y4m"
    sampled "the rate as a fraction" '0, 2, 4, 6' "$work/rate.y4m" --sample-fps 12.5
    watch "$work/mixed.y4m" --rate 1 --hop 50
    grep -q '^{"window": 1, "start": 2, "end": 2.6, "frames": \[50, ' "$out" && ok "seconds of a window" ||
        not_ok "seconds of a window" "$(cut -c 1-90 "$out")"
    header "$work/scene.y4m" 's/F25:1//' >"$work/timeless.y4m"
    for untimed in "$in/rgb.npy" "$work/timeless.y4m"; do
        fails 1 'does not say when its frames are shown, which --sample-fps needs' \
            watch "$MODEL" "$untimed" --sample-fps 5
    done
    [ -f "$work/films/odd.mkv" ] || return
    watch "$work/films/odd.mkv" --rate 1
    last=$(sed -n 16p "$work/pts")
    grep -q "\"start\": 0, \"end\": ${last%??????*}" "$out" && ok "the time stamps of a file" ||
        not_ok "the time stamps of a file" "not $last"
}

# frames_of: the frames of the first view or window.
frames_of() {
    sed -n '1s/.*"frame[_a-z]*s": \[*\([0-9, ]*\)\].*"frame_times".*/\1/p; 1s/.*"frames": \[\([0-9, ]*\)\].*/\1/p' \
        "$out" | head -n 1
}

# as_watched NAME ARGUMENT...: classify samples by time as watch does.
as_watched() {
    name=$1
    shift
    watch "$@"
    cp "$out" "$work/windows"
    watched=$(frames_of)
    run classify "$MODEL" --json --sampling first "$@"
    if [ "$status" -eq 0 ] && [ -n "$watched" ] && [ "$(frames_of)" = "$watched" ] &&
        [ "$(answers "$work/windows" | head -n 1)" = "$(answers "$out")" ]; then
        ok "$name"
    else
        not_ok "$name" "status $status; $(frames_of), not $watched"
    fi
}

test_classify_by_time() {
    for fps in 3 10 12.5 25 60; do
        as_watched "classify $fps frames a second" "$work/mixed.y4m" --sample-fps $fps
    done
    logits "$work/by-time" "$work/mixed.y4m" --sample-fps 5 --views 3 || not_ok "by time" "status $status"
    same "a pipe by time is the same" "$work/by-time" - --sample-fps 5 --views 3 <"$work/mixed.y4m"
    logits "$work/long-by-time" "$work/long.y4m" --sample-fps 25 || not_ok "a long film" "status $status"
    same "a film by time with the memory of a view" "$work/long-by-time" "$work/long.y4m" --sample-fps 25 \
        --max-memory 8M
    logits "$work/long-by-number" "$work/long.y4m" --rate 1 || not_ok "a long film" "status $status"
    holds "the rate of a film is every frame" cmp -s "$work/long-by-time" "$work/long-by-number"
    fails 1 'at that rate; --sampling given takes exactly' classify "$MODEL" "$work/mixed.y4m" --sample-fps 5 \
        --sampling given
    fails 2 'one of them' classify "$MODEL" "$work/mixed.y4m" --sample-fps 5 --rate 2
    fails 1 'does not say when its frames are shown, which --sample-fps needs' \
        classify "$MODEL" "$in/rgb.npy" --sample-fps 5
    header "$work/mixed.y4m" 's/F25:1/F1:999/' >"$work/slow.y4m"
    fails 1 'too many samples for --sample-fps 1000$' classify "$MODEL" "$work/slow.y4m" --sample-fps 1000
    fails 1 'too many samples for --sample-fps 1000 and --max-memory' classify "$MODEL" "$work/slow.y4m" \
        --sample-fps 1000 --max-memory 20M
    [ -f "$work/films/odd.mkv" ] || return
    for fps in 3 12.5 40; do
        as_watched "a film of odd times, $fps frames a second" "$work/films/odd.mkv" --sample-fps $fps
    done
}

test_watch_output() {
    prints "a window as text" '^    2.00 .. 2.60 s  [^ ]* [0-9.]* %$' watch "$MODEL" "$work/mixed.y4m" \
        --rate 1 --hop 50
    prints "several classes" '^ .* %, .* %, .* %$' watch "$MODEL" "$work/mixed.y4m" --top 9
    prints "frames as text" '^       0 .. 15  [^ ]* [0-9.]* %$' watch "$MODEL" "$in/rgb.npy" --rate 1
    run watch "$MODEL" "$work/mixed.y4m" --rate 1 --hop 50 --top 2 --csv "$work/rows.csv"
    if [ "$status" -eq 0 ] && [ "$(wc -l <"$work/rows.csv")" -eq 9 ] &&
        head -n 1 "$work/rows.csv" | grep -q '^start,end,label,probability' &&
        sed -n 4p "$work/rows.csv" | grep -q '^2,2.6,"[a-z]*",0.[0-9]*.$'; then
        ok "rows of a table"
    else
        not_ok "rows of a table" "$(head -n 4 "$work/rows.csv")"
    fi
    fails 1 'has no classes; --json alone prints its features' watch "$FEATURES" "$in/rgb.npy"
    prints "features of a window" '"logits": null, "feature_temporal": \[' watch "$FEATURES" "$in/rgb.npy" --json
    if command -v python3 >/dev/null; then
        watch "$work/mixed.y4m" --rate 1 --hop 50
        python3 -c 'import json, sys
for line in open(sys.argv[1]):
    window = json.loads(line)
    best = window["top"][0]
    assert best["logit"] == max(window["logits"]) == window["logits"][best["index"]]
    assert len(window["frames"]) == 16' "$out" 2>"$err" && ok "each line is JSON" || not_ok "each line is JSON" ""
    fi
    if [ -w /dev/full ]; then
        "$DUALPATH" watch "$MODEL" "$work/mixed.y4m" >/dev/full 2>"$err"
        [ $? -eq 1 ] && grep -q 'standard output: cannot write: No space' "$err" && ok "watch on a full disk" ||
            not_ok "watch on a full disk" "another status or message"
    fi
}

test_watch_usage() {
    clip=$work/scene.y4m
    prints "help of watch" '^Usage: dualpath watch MODEL' watch --help
    fails 2 'INPUT: is missing' watch "$MODEL"
    fails 2 'wach: no such command (did you mean watch?)' wach "$MODEL"
    fails 2 '--hopp: no such option (did you mean --hop?)' watch "$MODEL" "$clip" --hopp 3
    fails 2 "--hop: '0' is not a number from 1 to 65536" watch "$MODEL" "$clip" --hop 0
    for value in 0 0.0 -1 1001 1000.5 x 1e3 1.2.3 '' . inf nan 0x5; do
        fails 2 "--sample-fps: '$value' is not a number such as 12.5, above 0 and up to 1000" \
            watch "$MODEL" "$clip" --sample-fps "$value"
    done
    fails 2 'one of them' watch "$MODEL" "$clip" --sample-fps 5 --rate 2
    fails 1 'cannot open' watch "$MODEL" "$work/nothing.y4m"
    echo precious >"$work/old.csv"
    fails 1 'cannot open' watch "$MODEL" "$work/nothing.y4m" --csv "$work/old.csv"
    grep -q precious "$work/old.csv" && ok "a table stays where nothing is watched" ||
        not_ok "a table stays where nothing is watched" "it is another one"
    fails 1 "cannot create '$work/no/rows.csv'" watch "$MODEL" "$clip" --csv "$work/no/rows.csv"
}

# An input that is cut off, a reader that goes away, Ctrl-C: what was written is whole.
# wait_for_lines N FILE: until a file has as many, at most half a minute.
wait_for_lines() {
    for tenth in $(seq 300); do
        [ "$(wc -l <"$2")" -ge "$1" ] && return
        sleep 0.1
    done
}

test_watch_ends() {
    frame=$((320 * 240 * 3 / 2 + 6))
    head -c $(($(head -n 1 "$work/mixed.y4m" | wc -c) + 100 * frame)) "$work/mixed.y4m" >"$work/100.y4m"
    watch "$work/100.y4m" --rate 1 --hop 16
    cp "$out" "$work/hundred"
    grep -q '"frames": \[84, 85, .* 98, 99\]' "$out" && ok "the last window ends with the last frame" ||
        not_ok "the last window ends with the last frame" "$(tail -n 1 "$out" | cut -c 1-90)"
    { cat "$work/100.y4m" && printf 'FRAME\n' && head -c 777 /dev/zero; } >"$work/cut.y4m"
    same_windows "a film that ends within a frame" "$work/hundred" "$work/cut.y4m" --rate 1 --hop 16
    [ "$(wc -l <"$err")" -eq 1 ] && grep -q 'cut off within frame 101; the 100 before it are used' "$err" &&
        ok "it is said" || not_ok "it is said" "another message"
    { cat "$work/100.y4m" && printf 'NO\n'; } >"$work/bad.y4m"
    run watch "$MODEL" "$work/bad.y4m" --json --rate 1 --hop 16 --csv "$work/bad.csv"
    [ "$status" -eq 1 ] && grep -q 'frame 101 does not begin with FRAME' "$err" &&
        [ "$(wc -l <"$out")" -eq 6 ] && [ "$(wc -l <"$work/bad.csv")" -eq 19 ] &&
        ok "windows before a fault" || not_ok "windows before a fault" "status $status, $(wc -l <"$out") lines"
}

# By the one who reads what it prints, or by a signal; a window is there before the film has ended.
test_watch_stopped() {
    { bounded "$DUALPATH" watch "$MODEL" "$work/mixed.y4m" --rate 1 --hop 1 --csv "$work/piped.csv" 2>"$err"
        echo $? >"$work/rc"; } | head -n 1 >"$work/first"
    if [ "$(cat "$work/rc")" -eq 1 ] && grep -q 'standard output: cannot write: Broken pipe' "$err" &&
        [ "$(wc -l <"$work/first")" -eq 1 ] && tail -n 1 "$work/piped.csv" | grep -q '^[^,]*,[^,]*,"[a-z]*",0.*.$'; then
        ok "a reader that goes away after a line"
    else
        not_ok "a reader that goes away after a line" "status $(cat "$work/rc")"
    fi
    for signal in INT TERM HUP; do
        # The signal comes when all is computed that can be, and the input ends later.
        : >"$out"
        { cat "$work/100.y4m" && wait_for_lines 6 "$out" && kill -s $signal "$(cat "$work/pid")" && sleep 1; } |
            sh -c 'echo $$ >"$1" && shift && exec "$@"' sh "$work/pid" "$DUALPATH" watch "$MODEL" - \
                --json --rate 1 --hop 16 --csv "$work/live.csv" >"$out" 2>"$err"
        status=$?
        # All but the last window, which would come with the end.
        if [ $status -eq 130 ] && [ ! -s "$err" ] && [ "$(wc -l <"$work/live.csv")" -eq 19 ] &&
            head -n 6 "$work/hundred" | cmp -s - "$out"; then
            ok "SIG$signal ends it"
        else
            not_ok "SIG$signal ends it" "status $status"
        fi
        rm -f "$work/live.csv"
    done
    : >"$work/soon"
    { cat "$work/100.y4m" && wait_for_lines 1 "$work/soon" && [ -s "$work/soon" ] && : >"$work/seen"; } |
        "$DUALPATH" watch "$MODEL" - --rate 1 >"$work/soon" 2>"$err"
    [ -e "$work/seen" ] && ok "a window is written as soon as it is there" ||
        not_ok "a window is written as soon as it is there" "not before the end"
}

# most_memory FILM: the most that the program had in memory, in KiB.
most_memory() {
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' \
        "$DUALPATH" watch "$MODEL" "$1" --rate 1
}

test_watch_memory() {
    repeated 10 "$work/scene.y4m" >"$work/long.y4m"
    watch "$work/long.y4m" --max-memory 4M
    [ "$status" -eq 0 ] && ok "a long film in 4 MiB" || not_ok "a long film in 4 MiB" "status $status"
    { printf 'YUV4MPEG2 W2000 H2000\nFRAME\n' && head -c 6000000 /dev/zero; } >"$work/large.y4m"
    fails 1 'that --max-memory allows for frames' watch "$MODEL" "$work/large.y4m" --max-memory 4M
    if ! command -v python3 >/dev/null; then
        skip "memory does not grow with a film" "no python3"
        return
    fi
    short=$(most_memory "$work/scene.y4m")
    long=$(most_memory "$work/long.y4m")
    [ "$long" -lt $((short + 2048)) ] && ok "memory does not grow with a film" ||
        not_ok "memory does not grow with a film" "$short and $long KiB"
}

# A status line on a terminal only, and none with --quiet.
test_watch_terminal() {
    if ! python3 -c 'import pty; pty.openpty()' 2>/dev/null; then
        skip "the status line" "no python3, or no terminals to be had"
        return
    fi
    terminal_program
    sed -i.bak 's/b"\[#"/b"windows, "/' "$work/terminal.py"
    python3 "$work/terminal.py" "$DUALPATH" watch "$MODEL" "$work/long.y4m" --rate 1 2>"$err"
    [ $? -eq 0 ] && ok "a status line on a terminal" || not_ok "a status line on a terminal" none
    python3 "$work/terminal.py" "$DUALPATH" watch "$MODEL" "$work/long.y4m" --rate 1 --quiet 2>"$err"
    [ $? -eq 3 ] && ok "none with --quiet" || not_ok "none with --quiet" "something was drawn"
}
