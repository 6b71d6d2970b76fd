# Clips in every file format, and files that are none.

test_formats() {
    logits "$work/rgb" "$in/rgb.npy" || not_ok "reads NumPy" "status $status"
    same "NumPy 2.0 is the same" "$work/rgb" "$in/rgb-2.npy"
    same "NumPy 3.0 with other quotes and order is the same" "$work/rgb" "$in/rgb-3.npy"
    for kind in little big python2; do
        same "NumPy $kind is the same" "$work/rgb" "$in/rgb-$kind.npy"
    done
    same "--mirror and --rotate are the same" "$work/rgb" "$in/lying.rgb" --size 19x27 --mirror \
        --rotate 90
    logits "$work/turned" "$in/rgb.npy" --rotate 180 || not_ok "--rotate" "status $status"
    differs "--rotate turns" "$work/rgb" "$work/turned"
    same "NumPy on standard input is the same" "$work/rgb" - <"$in/rgb.npy"
    same "raw frames are the same" "$work/rgb" "$in/rgb.rgb" --size 27x19
    same "raw frames on standard input are the same" "$work/rgb" - --size=27x19 <"$in/rgb.rgb"
    for kind in rgb8 rgb8-adam7 rgb16 rgba8 rgba16; do
        same "PNG $kind is the same" "$work/rgb" "$in/png-$kind"
    done
    logits "$work/grey" "$in/grey.y" --size 27x19 --format gray8 ||
        not_ok "reads grey" "status $status"
    same "Y4M Cmono is the same" "$work/grey" "$in/grey.y4m"
    same "Y4M Cmono10 is the same" "$work/grey" "$in/grey-10.y4m"
    same "grey 4:2:0 is the same" "$work/grey" "$in/grey-420.y4m"
    same "grey 4:4:4 is the same" "$work/grey" "$in/grey-444.y4m"
    for kind in grey4 grey8 grey16 grey-alpha8 palette4 palette8; do
        same "PNG $kind is the same" "$work/grey" "$in/png-$kind"
    done
    differs "grey and RGB differ" "$work/grey" "$work/rgb"
}

test_yuv() {
    logits "$work/yuv" "$in/yuv.y4m" || not_ok "reads Y4M" "status $status"
    logits "$work/full" "$in/yuv-full.y4m" || not_ok "reads full range" "status $status"
    differs "full and limited range differ" "$work/yuv" "$work/full"
    same "Y4M with more parameters is the same" "$work/yuv" "$in/yuv-420.y4m"
    same "Y4M on standard input is the same" "$work/yuv" - <"$in/yuv.y4m"
    same "I420 is the same" "$work/yuv" "$in/yuv.i420" --size 27x19 --format i420
    same "NV12 is the same" "$work/yuv" "$in/yuv.nv12" --size 27x19 --format nv12
    same "--color bt601-full is XCOLORRANGE=FULL" "$work/full" "$in/yuv.y4m" --color bt601-full
    same "--color overrides the file" "$work/yuv" "$in/yuv-full.y4m" --color bt601-limited
    near "4:4:4 is nearly the same" 0.003 "$work/yuv" "$in/yuv-444.y4m"
    near "4:2:2 is nearly the same" 0.003 "$work/yuv" "$in/yuv-422.y4m"
    near "4:1:1 is nearly the same" 0.003 "$work/yuv" "$in/yuv-411.y4m"
    logits "$work/709" "$in/yuv.y4m" --color bt709-limited || not_ok "BT.709" "status $status"
    differs "BT.601 and BT.709 differ" "$work/yuv" "$work/709"
    near "4:4:4 in full range is nearly the same" 0.003 "$work/full" "$in/yuv-444.y4m" \
        --color bt601-full
    near "4:4:4 in BT.709 is nearly the same" 0.003 "$work/709" "$in/yuv-444.y4m" --color=bt709-limited
    logits "$work/709-full" "$in/yuv.y4m" --color bt709-full || not_ok "BT.709" "status $status"
    near "4:4:4 in full BT.709 is nearly the same" 0.003 "$work/709-full" "$in/yuv-444.y4m" \
        --color bt709-full
}

# header FILE SCRIPT: the Y4M file with another first line.
header() {
    head -n 1 "$1" | sed "$2"
    tail -n +2 "$1"
}

# Without a word of the file, colours are those of the size.
test_shown() {
    for kind in no-aspect 420p10 420p16; do
        same "Y4M $kind is the same" "$work/yuv" "$in/yuv-$kind.y4m"
    done
    logits "$work/444" "$in/yuv-444.y4m" || not_ok "reads C444" "status $status"
    same "XYSCSS=444 is C444" "$work/444" "$in/yuv-xyscss.y4m"
    same "C goes before XYSCSS" "$work/444" "$in/yuv-c-first.y4m"
    same "10 bits are rounded to 8" "$work/444" "$in/yuv-444p10.y4m"
    logits "$work/422" "$in/yuv-422.y4m" || not_ok "reads C422" "status $status"
    same "12 bits are rounded to 8" "$work/422" "$in/yuv-422p12.y4m"
    logits "$work/wide" "$in/yuv-wide.y4m" || not_ok "reads an aspect" "status $status"
    differs "A3:2 matters" "$work/yuv" "$work/wide"
    header "$in/yuv-wide.y4m" 's/A3:2/A196608:131072/' >"$work/large.y4m"
    same "an aspect of large numbers is its ratio" "$work/wide" "$work/large.y4m"
    header "$in/yuv-444.y4m" 's/C444/C444p8/' >"$work/p8.y4m"
    same "8 bits may be said" "$work/444" "$work/p8.y4m"
    same "--aspect is A" "$work/wide" "$in/yuv.y4m" --aspect 6:4
    same "--aspect overrides the file" "$work/yuv" "$in/yuv-wide.y4m" --aspect 1:1
    same "--aspect of raw frames" "$work/wide" "$in/yuv.i420" --size 27x19 --format i420 --aspect=3:2
    for size in 1279x576:bt601 1280x576:bt709 1279x577:bt709; do
        color=${size#*:} size=${size%:*}
        width=${size%x*} height=${size#*x}
        chroma=$(((width + 1) / 2 * ((height + 1) / 2)))
        head -c $((width * height + 2 * chroma)) /dev/zero >"$work/raw"
        prints "without a word $color for $size" \
            "\"color\": \"$color-limited\", \"color_guessed\": true" classify "$MODEL" "$work/raw" \
            --json --size "$size" --format i420
    done
}

# warns NAME SENTENCE ARGUMENT...: an answer, and one line on stderr that has the sentence.
warns() {
    name=$1
    sentence=$2
    shift 2
    run classify "$MODEL" "$@" </dev/null
    if [ "$status" -eq 0 ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -q -e "$sentence" "$err"; then
        ok "$name"
    else
        not_ok "$name" "status $status, or another warning"
    fi
}

test_warnings() {
    warns "interlaced video" 'warning: interlaced, .*bwdif' "$in/yuv-interlaced.y4m"
    bytes=$(($(wc -c <"$in/yuv.y4m") / 20))
    head -c -9 "$in/yuv.y4m" >"$work/cut.y4m"
    warns "a frame that is cut off" 'within frame 20; the 19 before it are used' "$work/cut.y4m"
    logits "$work/cut" "$work/cut.y4m" || not_ok "cut" "status $status"
    head -c -$bytes "$in/yuv.y4m" >"$work/cut.y4m" # within the line of the last frame, or before it
    same "the same frames" "$work/cut" "$work/cut.y4m"
}

# The frames of each view, when they are shown, and what was guessed, in JSON.
test_used_frames() {
    prints "frames by their number" '"frame_indices": \[\[2, 3, 4, .* 16, 17\]\], "frame_times": null' \
        classify "$MODEL" "$in/rgb.npy" --json --rate 1
    prints "pictures have no times" '"frame_times": null' classify "$MODEL" "$in/png-rgb8" --json
    prints "frames by their time" '"frame_times": \[\[0.08, 0.12, .*, 0.68\]\]' \
        classify "$MODEL" "$in/yuv.y4m" --json --rate 1
    prints "frames of each view" '"frame_indices": \[\[1, .* 16\], \[3, .* 18\]\]' \
        classify "$MODEL" "$in/yuv.y4m" --json --rate 1 --views 2
    prints "nothing is guessed of RGB" '"color": null, "color_guessed": false, "rotation": 0, ' \
        classify "$MODEL" "$in/rgb.npy" --json
    prints "what the command line says is no guess" '"color": "bt709-full", "color_guessed": false' \
        classify "$MODEL" "$in/yuv-444.y4m" --json --color bt709-full
    prints "what the file says" '"aspect": \[3, 2\], "interlaced": false, "cut_off": false' \
        classify "$MODEL" "$in/yuv-wide.y4m" --json
}

# A limit for all that the program takes: too little for the model, then for its session, then for the
# frames, whose sentences say what helps, and in the end enough.
test_memory() {
    seen=
    kib=1
    while [ $kib -lt 16384 ]; do
        run classify "$MODEL" "$1" --threads 1 --max-memory ${kib}K
        if [ $status -eq 0 ]; then
            now=enough
        elif grep -q 'bytes for a session are too much.*larger --max-memory.*--image-by-image' "$err"; then
            now=session
        elif grep -q 'max_memory is.*larger --max-memory' "$err"; then
            now=model
        elif grep -q 'that --max-memory allows for frames; more would help' "$err"; then
            now=frames
        else
            now="status $status"
        fi
        [ "$now" = "${seen##* }" ] || seen="$seen $now"
        kib=$((kib + kib / 8 + 1))
    done
    name="--max-memory with every number for ${1##*/}"
    [ "$seen" = " model session frames enough" ] && ok "$name" || not_ok "$name" "$seen"
}

test_bad_inputs() {
    bad=$work/bad
    fails 1 'cannot open' classify "$MODEL" "$work/nothing.npy"
    fails 1 'is empty' classify "$MODEL" -
    fails 1 'neither Y4M nor NumPy' classify "$MODEL" "$MODEL"
    fails 1 'frame 22 is cut short' classify "$MODEL" "$in/rgb.rgb" --size 27x18
    fails 1 'holds 20 frames; --sampling given takes exactly' \
        classify "$MODEL" "$in/rgb.npy" --sampling given
    "$SCENE" pan-right >"$work/scene.y4m"
    test_memory "$work/scene.y4m"
    { printf 'YUV4MPEG2 W1000 H1000 C444p16\nFRAME\n' && head -c 6000000 /dev/zero; } >"$bad"
    fails 1 'the planes of a frame take more than .* --max-memory' classify "$MODEL" "$bad" \
        --threads 1 --max-memory 5M
    : >"$bad"
    fails 1 'holds no frames' classify "$MODEL" "$bad" --size 27x19
    mkdir "$work/empty"
    fails 1 'holds no .png files, and no .jpg files' classify "$MODEL" "$work/empty"
    chmod 000 "$work/empty"
    if [ -r "$work/empty" ]; then
        skip "a directory that may not be read" "this user may read everything"
    else
        fails 1 'cannot open' classify "$MODEL" "$work/empty"
    fi
}

# bad_y4m SENTENCE TEXT [FRAME-BYTES]
bad_y4m() {
    { printf "$2" && head -c "${3:-0}" /dev/zero; } >"$work/bad.y4m"
    fails 1 "$1" classify "$MODEL" "$work/bad.y4m"
}

test_bad_y4m() {
    bad_y4m 'does not begin with YUV4MPEG2' 'YUV4MPEG3 W4 H4\nFRAME\n' 24
    bad_y4m 'a Y4M line is cut short' 'YUV4MPEG2 W4 H4'
    { printf 'YUV4MPEG2 W4 H4 ' && head -c 5000 /dev/zero | tr '\0' x; } >"$bad"
    fails 1 'a Y4M line of more than' classify "$MODEL" "$bad"
    bad_y4m 'header holds a byte that is 0' 'YUV4MPEG2 W4 H4\0 A4:1\n'
    bad_y4m 'lacks W or H' 'YUV4MPEG2 W4\nFRAME\n' 24
    bad_y4m "a side of '0'" 'YUV4MPEG2 W0 H4\nFRAME\n'
    bad_y4m "a side of '-4'" 'YUV4MPEG2 W-4 H4\nFRAME\n' 24
    bad_y4m "a side of '4x'" 'YUV4MPEG2 W4x H4\nFRAME\n' 24
    bad_y4m "a side of '65537'" 'YUV4MPEG2 W4 H65537\nFRAME\n' 24
    bad_y4m "a side of '9999999999999999999.*1 to 65536" 'YUV4MPEG2 W99999999999999999999 H4\n'
    bad_y4m "'420p17'" 'YUV4MPEG2 W4 H4 C420p17\nFRAME\n' 48
    bad_y4m "'420p7'" 'YUV4MPEG2 W4 H4 C420p7\nFRAME\n' 24
    bad_y4m "'420p10x'" 'YUV4MPEG2 W4 H4 C420p10x\nFRAME\n' 48
    bad_y4m "an aspect of '4'" 'YUV4MPEG2 W4 H4 A4\nFRAME\n' 24
    bad_y4m "an aspect of '-4:3'" 'YUV4MPEG2 W4 H4 A-4:3\nFRAME\n' 24
    bad_y4m "an aspect of '1:9999999999'" 'YUV4MPEG2 W4 H4 A1:9999999999\nFRAME\n' 24
    bad_y4m 'frame 1 is cut short: 47 of 48 bytes' 'YUV4MPEG2 W4 H4 C420p10\nFRAME\n' 47
    bad_y4m "'444alpha'" 'YUV4MPEG2 W4 H4 C444alpha\nFRAME\n' 64
    bad_y4m 'Cmono in limited range' 'YUV4MPEG2 W4 H4 Cmono XCOLORRANGE=LIMITED\nFRAME\n' 16
    bad_y4m 'holds no frames' 'YUV4MPEG2 W4 H4\n'
    bad_y4m 'frame 1 does not begin with FRAME' 'YUV4MPEG2 W4 H4\nFRAMES\n' 24
    bad_y4m 'frame 1 is cut short: 23 of 24 bytes' 'YUV4MPEG2 W4 H4\nFRAME\n' 23
    bad_y4m 'frame 1 is cut short: 47 of 48 bytes' 'YUV4MPEG2 W4 H4 C444\nFRAME\n' 47
    bad_y4m 'frame 2 does not begin with FRAME' \
        'YUV4MPEG2 W4 H4\nFRAME\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0FRAMES\n' 24
    bad_y4m 'frame 1 is cut short\|that --max-memory allows' \
        'YUV4MPEG2 W65536 H65536 C444\nFRAME\n' 100
}

# bad_npy SENTENCE HEADER [ARRAY-BYTES [VERSION]]
bad_npy() {
    npy_file "${4:-1}" "$2" "${3:-24}" >"$work/bad.npy"
    fails 1 "$1" classify "$MODEL" "$work/bad.npy"
}

test_bad_npy() {
    order="'fortran_order': False"
    shape="'shape': (2, 2, 2, 3)"
    bad_npy "of type '<f4'" "{'descr': '<f4', $order, $shape}" 96
    bad_npy "of type '|i1'" "{'descr': '|i1', $order, $shape}"
    bad_npy 'malformed' "{'descr': [('a', '|u1')], $order, $shape}"
    bad_npy 'Fortran order' "{'descr': '|u1', 'fortran_order': True, $shape}"
    bad_npy '3 dimensions' "{'descr': '|u1', $order, 'shape': (2, 2, 3)}" 12
    bad_npy '5 dimensions' "{'descr': '|u1', $order, 'shape': (2, 2, 2, 3, 1)}"
    bad_npy '0 dimensions' "{'descr': '|u1', $order, 'shape': ()}" 1
    bad_npy 'the last of them not 3' "{'descr': '|u1', $order, 'shape': (2, 2, 2, 4)}" 32
    bad_npy 'holds no frames' "{'descr': '|u1', $order, 'shape': (0, 2, 2, 3)}" 0
    bad_npy 'each side must be' "{'descr': '|u1', $order, 'shape': (2, 0, 2, 3)}" 0
    bad_npy 'more than 65536 pixels' "{'descr': '|u1', $order, 'shape': (2, 2, 65537, 3)}" 0
    bad_npy 'that --max-memory allows' "{'descr': '|u1', $order, 'shape': (999999999, 99, 99, 3)}"
    bad_npy 'malformed' "{'descr': '|u1', $order, 'shape': (9999999999999999, 2, 2, 3)}"
    bad_npy 'malformed' "{'descr': '|u1', $order, 'shape': (-2, 2, 2, 3)}"
    bad_npy 'malformed' "{'descr': '|u1', $order, 'shape': (2 2 2 3)}"
    bad_npy 'malformed' "{'descr': '|u1', $order, 'shape': (2, 2, 2, 3"
    bad_npy 'malformed' "{'descr': '|u1', $order, $shape, 'more': 1}"
    bad_npy 'malformed' "{'descr': '|u1', 'descr': '|u1', $order, $shape}"
    bad_npy 'malformed' "{'descr"
    bad_npy 'malformed' "['descr']"
    bad_npy 'malformed' ''
    bad_npy 'lacks descr, fortran_order or shape' "{'descr': '|u1', $shape}"
    bad_npy 'frame 2 is cut short: 11 of 12 bytes' "{'descr': '|u1', $order, $shape}" 23
    bad_npy 'goes on after the array' "{'descr': '|u1', $order, $shape}" 25
    bad_npy 'version 4.0' "{'descr': '|u1', $order, $shape}" 24 4
    bad_npy 'at most 10000 are accepted\|is cut short' "{'descr': '|u1', $order, $shape}" 24 2
    for size in 1 7 9 60; do
        head -c $size "$in/rgb.npy" >"$work/short.npy"
        fails 1 'not a NumPy file\|header is cut short' classify "$MODEL" "$work/short.npy"
    done
}

test_bad_png() {
    folder=$work/png
    mkdir "$folder"
    cp "$in/png-rgb8/frame1.png" "$folder/1.png"
    head -c 300 "$in/png-rgb8/frame2.png" >"$folder/2.png"
    fails 1 'png: 2.png: ' classify "$MODEL" "$folder"
    printf 'no picture' >"$folder/2.png"
    fails 1 'png: 2.png: .*PNG' classify "$MODEL" "$folder"
    : >"$folder/2.png"
    fails 1 'png: 2.png: ' classify "$MODEL" "$folder"
    # A byte of the compressed rows, which the checksum of their chunk covers.
    { head -c 200 "$in/png-rgb8/frame2.png" && printf 'XXXX' &&
        tail -c +205 "$in/png-rgb8/frame2.png"; } >"$folder/2.png"
    fails 1 'png: 2.png: ' classify "$MODEL" "$folder"
    rm "$folder/2.png"
    mkdir "$folder/2.png"
    fails 1 '2.png: not a regular file' classify "$MODEL" "$folder"
    rmdir "$folder/2.png"
    echo text >"$folder/notes.txt"
    prints "other files in a directory of PNG do not matter" '%' classify "$MODEL" "$folder"
}
