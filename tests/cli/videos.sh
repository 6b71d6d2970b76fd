# Video files, which the ffmpeg in PATH decodes.

# as_y4m FILE: what ffmpeg itself makes of it; the answer has to be the same.
as_y4m() {
    ffmpeg -nostdin -v error -i "$1" -fps_mode passthrough -strict -1 -f yuv4mpegpipe - 2>/dev/null ||
        ffmpeg -nostdin -v error -i "$1" -vsync passthrough -strict -1 -f yuv4mpegpipe -
}

# same_as_y4m NAME FILE
same_as_y4m() {
    as_y4m "$2" >"$work/decoded.y4m" && logits "$work/decoded" "$work/decoded.y4m" ||
        not_ok "$1" "no Y4M: status $status"
    same "$1" "$work/decoded" "$2"
}

# encode FILE OPTION...: the film of a moving camera. False: this ffmpeg has no such encoder.
encode() {
    encoded=$1
    shift
    ffmpeg -nostdin -v error -y -i "$work/scene.y4m" "$@" "$encoded" 2>"$err"
}

test_videos() {
    if ! command -v ffmpeg >/dev/null || ! command -v ffprobe >/dev/null; then
        skip "video files" "no ffmpeg, or no ffprobe"
        return
    fi
    mkdir "$work/films"
    "$SCENE" pan-right >"$work/scene.y4m"
    encode "$work/films/mpeg4.mp4" -c:v mpeg4 && same_as_y4m "an MP4 film" "$work/films/mpeg4.mp4"
    encode "$work/films/x264.mp4" -c:v libx264 -bf 2 &&
        same_as_y4m "an H.264 film" "$work/films/x264.mp4" || skip "an H.264 film" "no libx264"
    for format in yuv420p yuv422p yuv444p gray yuv420p10le yuv444p12le; do
        encode "$work/films/$format.mkv" -pix_fmt $format -c:v ffv1 &&
            same_as_y4m "a film of $format" "$work/films/$format.mkv"
    done
    encode "$work/films/wide.mkv" -vf setsar=16/11 -c:v ffv1 &&
        same_as_y4m "pixels that are not square" "$work/films/wide.mkv"
    test_video_colors
    test_turned_video
    test_video_times
    test_video_names
    test_bad_videos
    test_jpeg_folder
}

# What a film says of its colours is what --color says; --color overrides it.
test_video_colors() {
    film=$work/films/709.mkv
    encode "$film" -pix_fmt yuv420p -c:v ffv1 -colorspace bt709 -color_range pc || return
    as_y4m "$film" >"$work/decoded.y4m"
    logits "$work/709" "$work/decoded.y4m" --color bt709-full || not_ok "BT.709" "status $status"
    same "BT.709 of full range" "$work/709" "$film"
    prints "it is no guess" '"color": "bt709-full", "color_guessed": false' classify "$MODEL" "$film" --json
    logits "$work/601" "$work/decoded.y4m" --color bt601-limited || not_ok "BT.601" "status $status"
    same "--color overrides the film" "$work/601" "$film" --color bt601-limited
    ffmpeg -nostdin -v error -y -i "$in/grey.y4m" -pix_fmt gray -color_range tv -c:v ffv1 "$work/films/dim.mkv"
    ffmpeg -nostdin -v error -y -i "$in/grey.y4m" -pix_fmt gray -c:v ffv1 "$work/films/grey.mkv"
    same "grey is what it was" "$work/grey" "$work/films/grey.mkv"
    logits "$work/dim" "$work/films/dim.mkv" || not_ok "grey of limited range" "status $status"
    differs "grey of limited range is another one" "$work/grey" "$work/dim"
    ffmpeg -nostdin -v error -y -f rawvideo -pix_fmt rgb24 -s 27x19 -i "$in/rgb.rgb" -pix_fmt gbrp \
        -c:v ffv1 "$work/films/rgb.mkv"
    same "RGB is what it was" "$work/rgb" "$work/films/rgb.mkv"
}

# As a phone writes it. ffmpeg turns the pixels for its own Y4M.
test_turned_video() {
    film=$work/films/turned.mp4
    ffmpeg -nostdin -v error -y -display_rotation 90 -i "$work/films/mpeg4.mp4" -c copy "$film" 2>"$err" ||
        ffmpeg -nostdin -v error -y -i "$work/films/mpeg4.mp4" -c copy -metadata:s:v:0 rotate=90 "$film"
    if ! ffprobe -v error -show_streams "$film" | grep -q displaymatrix; then
        skip "a film that is turned" "this ffmpeg writes none"
        return
    fi
    run classify "$MODEL" "$film" --json
    turn=$(sed 's/.*"rotation": \([0-9]*\).*/\1/' "$out")
    same_as_y4m "a film that is turned" "$film"
    logits "$work/turned" "$work/films/mpeg4.mp4" --rotate "$turn" || not_ok "turned" "status $status"
    same "it is what --rotate $turn makes" "$work/turned" "$film"
    logits "$work/lying" "$work/films/mpeg4.mp4" || not_ok "lying" "status $status"
    differs "the turn matters" "$work/lying" "$work/turned"
    same "--rotate overrides it" "$work/lying" "$film" --rotate 0
}

# Frames that come at odd times: none is repeated or left out, and each has its own time.
test_video_times() {
    film=$work/films/odd.mkv
    ffmpeg -nostdin -v error -y -i "$work/scene.y4m" -vf "select='not(mod(n,3))+not(mod(n,7))'" \
        -vsync vfr -c:v ffv1 "$film" 2>"$err" ||
        ffmpeg -nostdin -v error -y -i "$work/scene.y4m" -vf "select='not(mod(n,3))+not(mod(n,7))'" \
            -fps_mode vfr -c:v ffv1 "$film"
    ffprobe -v error -show_entries frame=pts_time -of csv=p=0 "$film" | head -n 16 >"$work/pts"
    run classify "$MODEL" "$film" --json --sampling first --rate 1
    sed 's/.*"frame_times": \[\[\([^]]*\)\].*/\1/' "$out" | tr -d ' ' | tr ',' '\n' >"$work/times"
    if grep -q '"frames": 28,' "$out" && paste "$work/pts" "$work/times" | awk '
        { d = $1 - $2; if (d * d > 1e-8 || NF < 2) bad = 1 } END { exit bad || NR != 16 }'; then
        ok "frames at odd times"
    else
        not_ok "frames at odd times" "$(tr '\n' ' ' <"$work/times")"
    fi
}

# Names that ffmpeg would take for an option, a protocol or a pattern.
test_video_names() {
    film=$work/films/mpeg4.mp4
    logits "$work/film" "$film" || not_ok "a film" "status $status"
    mkdir "$work/names"
    for name in -y.mp4 concat:a.mp4 http:b.mp4 'f%03d.mp4' "it's a [film]*.mp4"; do
        cp "$film" "$work/names/$name"
        same "a film that is named $name" "$work/film" "$work/names/$name"
    done
    program=$(absolute "$DUALPATH") model=$(absolute "$MODEL")
    for name in -y.mp4 concat:a.mp4 http:b.mp4; do
        (cd "$work/names" && exec "$program" classify "$model" --json -- "$name") >"$out" 2>"$err"
        [ $? -eq 0 ] && ok "$name without a folder" || not_ok "$name without a folder" "it fails"
    done
}

test_bad_videos() {
    cut=$work/films/cut.mkv
    head -c 100000 "$work/films/yuv420p.mkv" >"$cut"
    warns "a film that is cut off" 'damaged; the [0-9]* frames that can be decoded are used (' "$cut"
    head -c 300 "$work/films/mpeg4.mp4" >"$work/films/index.mp4"
    fails 1 'an MP4 or QuickTime video: ffmpeg cannot read it: ' classify "$MODEL" "$work/films/index.mp4"
    ffmpeg -nostdin -v error -y -f lavfi -i sine -t 1 -c:a aac "$work/films/sound.mp4" 2>"$err" &&
        fails 1 'it holds no video that can be decoded' classify "$MODEL" "$work/films/sound.mp4"
    head -c 5000 /dev/urandom >"$work/films/noise"
    printf 'x' | dd of="$work/films/noise" conv=notrunc 2>"$err"
    fails 1 'neither Y4M nor NumPy (raw frames need --size WxH): ffmpeg cannot read it: Invalid' \
        classify "$MODEL" "$work/films/noise"
    fails 1 'frame [0-9]* of 320 x 240 .* that --max-memory allows' \
        classify "$MODEL" "$work/films/mpeg4.mp4" --rate 1 --views 3 --max-memory 5M
}

test_jpeg_folder() {
    folder="$work/it's JPEG"
    mkdir "$folder"
    encode "$folder/frame%d.jpg" -q:v 2 || return
    ffmpeg -nostdin -v error -i "$folder/frame%d.jpg" -pix_fmt yuvj420p -f yuv4mpegpipe - \
        >"$work/decoded.y4m" 2>"$err"
    logits "$work/jpeg" "$work/decoded.y4m" --color bt601-full || not_ok "JPEG" "status $status"
    same "a folder of JPEG files" "$work/jpeg" "$folder"
    prints "pictures have no times" '"frame_times": null' classify "$MODEL" "$folder" --json
    echo text >"$folder/frame7.jpg"
    fails 1 'ffmpeg ended after [0-9]* frames: .*Invalid data' classify "$MODEL" "$folder"
    echo text >"$folder/frame1.jpg"
    fails 1 'frame1.jpg: \(ffmpeg cannot read it\|it holds no video\)' classify "$MODEL" "$folder"
}

# false_ffmpeg STEP...: what tests/cli/false_ffmpeg.c does in the place of ffmpeg.
false_ffmpeg() {
    printf '%s\n' "$@" >"$work/steps"
}

# with_path FOLDER COMMAND...: programs of this folder come first.
with_path() {
    folder=$1
    shift
    env PATH="$folder:$PATH" "$@"
}

# classify_false FILM COMMAND...: by the command, such as timeout and its options.
classify_false() {
    film=$1
    shift
    FALSE_STEPS="$work/steps" with_path "$work/false" "$@" "$DUALPATH" classify "$MODEL" "$film" \
        >"$out" 2>"$err" </dev/null
    status=$?
}

# with_false NAME STATUS SENTENCE LINES: so many lines are on standard error, which have the sentence.
with_false() {
    classify_false "$work/false/film.avi" timeout 60
    if [ $status -ne "$2" ]; then
        not_ok "$1" "status $status"
    elif [ "$(grep -c "$3" "$err")" -ne "$4" ] || [ "$(wc -l <"$err")" -ne "$4" ]; then
        not_ok "$1" "another message"
    else
        ok "$1"
    fi
}

prepare_false_ffmpeg() {
    mkdir "$work/false"
    printf 'RIFF1234AVI LIST' >"$work/false/film.avi"
    for name in ffmpeg ffprobe; do
        cp "$FALSE_FFMPEG" "$work/false/$name${FALSE_FFMPEG##*false_ffmpeg}"
    done
}

test_false_ffmpeg() {
    if ! command -v timeout >/dev/null; then
        skip "what ffmpeg may do" "no timeout"
        return
    fi
    prepare_false_ffmpeg
    frames=$(for i in $(seq 0 19); do echo "frame $i"; done)
    false_ffmpeg 'line #tb 0: 1/25' "$frames"
    with_false "an ffmpeg that does what it should" 0 . 0
    false_ffmpeg 'complain 20000 one error after the other' 'bytes 480' 'complain 20000 one error after the other'
    with_false "an ffmpeg that complains much" 0 'damaged; the 20 frames .* (one error after the other)' 1
    false_ffmpeg 'bytes 72' 'complain 1 file:film.avi: first' 'complain 1 [avi @ 0x123] it broke' 'exit 3'
    with_false "an ffmpeg that fails" 1 'ffmpeg ended after 3 frames: it broke$' 1
    false_ffmpeg 'bytes 100' killed
    with_false "an ffmpeg that is killed" 1 'ffmpeg ended after 4 frames: it does not say why$' 1
    false_ffmpeg 'exit 0'
    with_false "an ffmpeg without a frame" 1 'ffmpeg ended after 0 frames' 1
    test_false_ffmpeg_arguments
    test_false_ffmpeg_interrupted
}

# A name is one argument, whatever is in it, and pictures are a script that ffmpeg reads.
test_false_ffmpeg_arguments() {
    film="$work/false/ä  'b' & %PATH% 100% ^.avi"
    cp "$work/false/film.avi" "$film"
    false_ffmpeg "arguments $work/arguments" 'bytes 480'
    classify_false "$film" timeout 60
    [ $status -eq 0 ] && grep -qxF "file:$film" "$work/arguments" && grep -qx 'pipe:3' "$work/arguments" &&
        ok "arguments of ffmpeg" || not_ok "arguments of ffmpeg" "status $status"
    mkdir "$work/false/pictures"
    for number in 1 2; do
        printf '\377\330\377\340' >"$work/false/pictures/$number.jpg"
    done
    false_ffmpeg "input $work/script" 'bytes 48'
    classify_false "$work/false/pictures" timeout 60
    [ $status -eq 0 ] && grep -q '^file .*1.jpg' "$work/script" && grep -q '^file .*2.jpg' "$work/script" &&
        ok "what ffmpeg reads" || not_ok "what ffmpeg reads" "status $status"
}

# One that hangs, and does not mind Ctrl-C, is killed by Ctrl-C to us, and nothing of it is left.
test_false_ffmpeg_interrupted() {
    false_ffmpeg "hang $work/false/pid"
    rm -f "$work/false/pid"
    classify_false "$work/false/film.avi" timeout --preserve-status -s INT -k 20 1
    if [ $status -eq 130 ] && [ ! -s "$err" ] && ! kill -0 "$(cat "$work/false/pid")" 2>/dev/null; then
        ok "Ctrl-C while ffmpeg works"
    else
        not_ok "Ctrl-C while ffmpeg works" "status $status"
    fi
}
