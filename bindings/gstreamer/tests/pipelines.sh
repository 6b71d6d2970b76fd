#!/bin/sh
# The plugin in pipelines of gst-launch-1.0, on films of a camera that moves: it says what `dualpath
# watch` says of the same file. BUILD is the folder of what was built; GStreamer finds the plugin.
set -u

models=examples/models
task="$models/camera-motion.gguf"
element="dualpath sync=true model=$task backbone=$models/backbone.gguf"
. tests/packaging/checks.sh
trap 'exit 1' HUP INT TERM

# Lines of `dualpath watch`, of messages with this name.
as_lines() {
    awk -v name="$1" '
        function field(key) {
            match($0, key "=\\([a-z0-9]+\\)(\"[^\"]*\"|[^,;]*)")
            value = substr($0, RSTART, RLENGTH)
            sub(/^[^)]*\)/, "", value)
            gsub(/["\\]/, "", value)
            return value
        }
        index($0, " " name ", ") == 0 { next }
        {
            start = field(" stream-time") / 1e9
            printf "%8.2f .. %.2f s  %s ", start, start + field(" duration") / 1e9, field(" label")
            printf name ~ /event/ ? " %.2f %% (mean %.2f %%)\n" : "%.2f %%\n", 100 * field(" score"), 100 * field(" mean")
        }'
}

# says NAME FILM PROPERTIES OPTIONS [PIPELINE]: the element says of a film what watch says of it.
says() {
    case $4 in *--events*) name=dualpath-event ;; *) name=dualpath-window ;; esac
    # shellcheck disable=SC2086
    gst-launch-1.0 -m filesrc location="$work/$2.y4m" ! y4mdec ! ${5:-} $element $3 ! fakesink >"$work/messages" 2>&1
    as_lines "$name" <"$work/messages" >"$work/said"
    # shellcheck disable=SC2086
    "$BUILD/dualpath" watch --quiet --backbone "$models/backbone.gguf" "$task" "$work/$2.y4m" $4 >"$work/wanted"
    check "$1" test -s "$work/wanted"
    check "$1: as watch" diff "$work/wanted" "$work/said"
}

# fails NAME WORDS PROPERTIES: the pipeline ends with an error that has these words.
fails() {
    # shellcheck disable=SC2086
    if gst-launch-1.0 videotestsrc num-buffers=1 ! dualpath $3 ! fakesink >"$work/messages" 2>&1; then
        check "$1" false
    else
        check "$1" grep -q "$2" "$work/messages"
    fi
}

# copies FILE ELEMENT...: the film of both motions that went through the elements.
copies() {
    to=$1
    shift
    gst-launch-1.0 -q filesrc location="$work/both.y4m" ! y4mdec ! "$@" y4menc ! filesink location="$to"
}

for motion in pan-right zoom-in; do
    "$BUILD/examples/scene" $motion >"$work/$motion.y4m" || exit 1
    says "$motion" $motion "" ""
    says "$motion, every frame" $motion "rate=1 hop=3" "--rate 1 --hop 3"
    says "$motion, by time" $motion "sample-fps=12.5 hop=2" "--sample-fps 12.5 --hop 2"
    says "$motion, events" $motion "rate=1 events=true" "--rate 1 --events"
    says "$motion, smoothed events" $motion "rate=1 events=true smooth=5 threshold=0.3 join=0.5 shortest=0.2" \
        "--rate 1 --events --smooth 5 --threshold 0.3 --join 0.5 --shortest 0.2"
done
{ cat "$work/pan-right.y4m" && tail -n +2 "$work/zoom-in.y4m"; } >"$work/both.y4m"
says "both, events" both "rate=1 events=true" "--rate 1 --events"
says "several threads" pan-right "threads=2 precision=int8" "--threads 2 --precision int8"
says "NV12" pan-right "" "" "videoconvert ! video/x-raw,format=NV12 !"

# shellcheck disable=SC2086
check "a film goes through" copies "$work/through.y4m" $element !
check "a film goes past" copies "$work/past.y4m"
check "they are the same bytes" cmp "$work/through.y4m" "$work/past.y4m"
check "a live source" timeout 60 gst-launch-1.0 videotestsrc is-live=true num-buffers=40 ! \
    dualpath model="$task" backbone="$models/backbone.gguf" ! fakesink

fails "no model" "The property model names no weight file" ""
fails "a model that is missing" "/missing.gguf.*No such file" "model=/missing.gguf"
fails "a task without its backbone" "camera-motion.gguf.*backbone" "model=$task"

overlay="$BUILD/gstreamer/overlay"
check "overlay" "$overlay" --backbone "$models/backbone.gguf" --output "$work/overlay.y4m" "$task" "$work/both.y4m"
check "overlay: as many frames" test "$(grep -ac '^FRAME$' "$work/overlay.y4m")" -eq "$(grep -ac '^FRAME$' "$work/through.y4m")"
check "overlay: text in the picture" test "$(cmp -l "$work/overlay.y4m" "$work/through.y4m" | wc -l)" -gt 1000
check "overlay: errors are said" sh -c "! '$overlay' --output '$work/none.y4m' /missing.gguf '$work/both.y4m' 2>&1"
check "overlay: usage" sh -c "'$overlay' 2>&1 | grep -q 'MODEL and VIDEO are expected'"

exit $failed
