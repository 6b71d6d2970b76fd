#!/bin/sh
# Tests of the command line program, from outside: every file format gives the answer it should,
# every misuse its own sentence and exit status, pipes and Ctrl-C end the program as they should.
#
# DUALPATH      the program          (build/dualpath)
# MAKE_INPUTS   tests/make_inputs.c  (build/tests/make_inputs)
# SCENE         examples/scene.c     (build/examples/scene)
# SPLIT_MODEL   tests/split_model.c  (build/tests/split_model)
# GOLDEN        folder of models NAME.gguf with clips NAME.frames.npy  (tests/golden)

DUALPATH=${DUALPATH:-build/dualpath}
MAKE_INPUTS=${MAKE_INPUTS:-build/tests/make_inputs}
SCENE=${SCENE:-build/examples/scene}
SPLIT_MODEL=${SPLIT_MODEL:-build/tests/split_model}
GOLDEN=${GOLDEN:-tests/golden}
MODEL=$GOLDEN/released.gguf
FEATURES=$GOLDEN/features-bf16.gguf

passed=0
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/dualpath-cli.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
in=$work/in
out=$work/out
err=$work/err

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}

not_ok() {
    failed=$((failed + 1))
    echo "not ok $1: $2"
    sed 's/^/    stderr: /' "$err" 2>/dev/null | head -n 5
}

skip() {
    echo "ok $1 # skipped: $2"
}

# run ARGUMENT...: fills $out, $err and $status. Standard input is what the caller gives.
run() {
    "$DUALPATH" "$@" >"$out" 2>"$err"
    status=$?
}

# fails STATUS SENTENCE ARGUMENT...: exit status, one line on stderr that has the sentence, nothing
# on stdout.
fails() {
    wanted=$1
    sentence=$2
    shift 2
    run "$@" </dev/null
    name="refuses: $(echo "$*" | sed "s|$work/||g; s|$GOLDEN/||g" | cut -c 1-90)"
    if [ "$status" -ne "$wanted" ]; then
        not_ok "$name" "status $status, not $wanted"
    elif ! grep -q -e "^dualpath: .*$sentence" "$err"; then
        not_ok "$name" "the message lacks '$sentence'"
    elif [ "$(wc -l <"$err")" -ne 1 ]; then
        not_ok "$name" "more than one line on stderr"
    elif [ -s "$out" ]; then
        not_ok "$name" "something on stdout"
    else
        ok "$name"
    fi
}

# prints NAME PATTERN ARGUMENT...: status 0, the pattern on stdout, nothing on stderr.
prints() {
    name=$1
    pattern=$2
    shift 2
    run "$@" </dev/null
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "status $status"
    elif ! grep -q -e "$pattern" "$out"; then
        not_ok "$name" "stdout lacks '$pattern'"
    elif [ -s "$err" ]; then
        not_ok "$name" "something on stderr"
    else
        ok "$name"
    fi
}

# logits FILE ARGUMENT...: classifies standard input or a path; the logits go to FILE, one a line.
logits() {
    file=$1
    shift
    run classify "$MODEL" --json "$@"
    sed 's/.*"logits": \[\([^]]*\)\].*/\1/' "$out" | tr -d ' ' | tr ',' '\n' >"$file"
    [ "$status" -eq 0 ] && [ "$(wc -l <"$file")" -eq "$classes" ]
}

# same NAME REFERENCE ARGUMENT...: the same logits, digit for digit.
same() {
    name=$1
    reference=$2
    shift 2
    if ! logits "$work/logits" "$@"; then
        not_ok "$name" "status $status"
    elif ! cmp -s "$reference" "$work/logits"; then
        not_ok "$name" "other logits"
    else
        ok "$name"
    fi
}

# near NAME TOLERANCE REFERENCE ARGUMENT...: within a part of the largest logit.
near() {
    name=$1
    tolerance=$2
    reference=$3
    shift 3
    if ! logits "$work/logits" "$@"; then
        not_ok "$name" "status $status"
        return
    fi
    difference=$(largest_difference "$reference" "$work/logits")
    if awk "BEGIN { exit !($difference <= $tolerance) }"; then
        ok "$name"
    else
        not_ok "$name" "logits differ by $difference"
    fi
}

# The largest difference of two lists of numbers, as a part of the largest number.
largest_difference() {
    paste "$1" "$2" | awk '
        function abs(x) { return x < 0 ? -x : x }
        abs($1 - $2) > most { most = abs($1 - $2) }
        abs($1) > scale { scale = abs($1) }
        END { print (scale > 0 ? most / scale : 1) }'
}

# differs NAME A B: the test inputs are good only if different pictures give different answers.
differs() {
    if cmp -s "$2" "$3"; then
        not_ok "$1" "the same logits"
    else
        ok "$1"
    fi
}

# npy_file VERSION HEADER BYTES: a NumPy file on stdout. The header is shorter than 256 bytes.
npy_file() {
    printf '\223NUMPY'
    printf "\\$(printf %03o "$1")\\000\\$(printf %03o "${#2}")\\000%s" "$2"
    head -c "$3" /dev/zero
}

prepare() {
    mkdir "$in" && "$MAKE_INPUTS" "$in" || exit 1
    for needed in "$MODEL" "$FEATURES"; do
        if [ ! -f "$needed" ]; then
            echo "not ok $needed is missing"
            exit 1
        fi
    done
    classes=$("$DUALPATH" info "$MODEL" | awk '$1 == "classes" { print $2 }')
}

test_formats() {
    logits "$work/rgb" "$in/rgb.npy" || not_ok "reads NumPy" "status $status"
    same "NumPy 2.0 is the same" "$work/rgb" "$in/rgb-2.npy"
    same "NumPy 3.0 with other quotes and order is the same" "$work/rgb" "$in/rgb-3.npy"
    same "NumPy on standard input is the same" "$work/rgb" - <"$in/rgb.npy"
    same "raw frames are the same" "$work/rgb" "$in/rgb.rgb" --size 27x19
    same "raw frames on standard input are the same" "$work/rgb" - --size=27x19 <"$in/rgb.rgb"
    for kind in rgb8 rgb8-adam7 rgb16 rgba8 rgba16; do
        same "PNG $kind is the same" "$work/rgb" "$in/png-$kind"
    done
    logits "$work/grey" "$in/grey.y" --size 27x19 --format gray8 ||
        not_ok "reads grey" "status $status"
    same "Y4M Cmono is the same" "$work/grey" "$in/grey.y4m"
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
    same "--color overrides the file" "$work/yuv" "$in/yuv-full.y4m" --color bt601
    near "4:4:4 is nearly the same" 0.003 "$work/yuv" "$in/yuv-444.y4m"
    near "4:2:2 is nearly the same" 0.003 "$work/yuv" "$in/yuv-422.y4m"
    near "4:1:1 is nearly the same" 0.003 "$work/yuv" "$in/yuv-411.y4m"
    logits "$work/709" "$in/yuv.y4m" --color bt709 || not_ok "BT.709" "status $status"
    differs "BT.601 and BT.709 differ" "$work/yuv" "$work/709"
    near "4:4:4 in full range is nearly the same" 0.003 "$work/full" "$in/yuv-444.y4m" \
        --color bt601-full
    near "4:4:4 in BT.709 is nearly the same" 0.003 "$work/709" "$in/yuv-444.y4m" --color=bt709
    logits "$work/709-full" "$in/yuv.y4m" --color bt709-full || not_ok "BT.709" "status $status"
    near "4:4:4 in full BT.709 is nearly the same" 0.003 "$work/709-full" "$in/yuv-444.y4m" \
        --color bt709-full
}

test_options() {
    clip=$in/rgb.npy
    same "the answer does not depend on threads" "$work/rgb" "$clip" --threads 2
    same "one thread" "$work/rgb" "$clip" --threads=1
    same "--verify" "$work/rgb" "$clip" --verify
    same "options may come first, -- ends them" "$work/rgb" --sampling center --quiet -- \
        "$clip"
    near "plain C is nearly the same" 1e-4 "$work/rgb" "$clip" --cpu c
    near "unfused is nearly the same" 1e-4 "$work/rgb" "$clip" --unfused
    same "--image-by-image" "$work/rgb" "$clip" --image-by-image
    same "f32 is what there is without --precision" "$work/rgb" "$clip" --precision f32
    # This clip was off by at most 0.004 in bf16 and 0.011 in int8, with any instruction set.
    for precision in bf16 int8; do
        logits "$work/$precision" "$clip" --precision $precision ||
            not_ok "$precision" "status $status"
        differs "--precision $precision matters" "$work/rgb" "$work/$precision"
        for cpu in c avx2 avx2-vnni avx512 avx512-vnni amx neon neon-dot neon-i8mm; do
            near "$precision with $cpu is nearly f32" 0.03 "$work/rgb" "$clip" \
                --precision $precision --cpu $cpu
        done
        same "$precision does not depend on threads" "$work/$precision" "$clip" \
            --precision $precision --threads 2
        prints "info --precision $precision" "^precision  *$precision\$" \
            info "$MODEL" --precision $precision
    done
    prints "auto is f32 without vectors" '^precision  *f32$' info "$MODEL" --precision auto --cpu c
    logits "$work/uniform" "$clip" --sampling uniform || not_ok "uniform" "status $status"
    differs "--sampling matters" "$work/rgb" "$work/uniform"
    logits "$work/views" "$clip" --rate 1 --views 2 --crops 2 || not_ok "views" "status $status"
    differs "--rate, --views and --crops matter" "$work/rgb" "$work/views"
    prints "--sampling all takes exactly the frames" '%' classify "$MODEL" \
        "$GOLDEN/released.frames.npy" --sampling all
    cp "$in/rgb.rgb" "$work/-dash"
    (cd "$work" && exec "$1" classify "$2" --size 27x19 -- -dash) >"$out" 2>"$err" &&
        ok "a name with a dash behind --" || not_ok "a name with a dash behind --" "fails"
}

test_output() {
    clip=$in/rgb.npy
    run classify "$MODEL" "$clip" --top 2 </dev/null
    if [ "$(grep -c '^[^ ].*  *[0-9]*\.[0-9][0-9] %$' "$out")" -eq 2 ]; then
        ok "--top 2 prints two lines"
    else
        not_ok "--top 2 prints two lines" "$(head -n 1 "$out")"
    fi
    run classify "$MODEL" "$clip" --top 1000000 </dev/null
    if [ "$(wc -l <"$out")" -eq "$classes" ]; then
        ok "--top is bounded by the classes"
    else
        not_ok "--top is bounded by the classes" "$(wc -l <"$out") lines"
    fi
    prints "--features" '^feature_temporal [-0-9.e]* ' classify "$MODEL" "$clip" --features
    prints "a model without a head prints features" '^feature_spatial ' classify "$FEATURES" "$clip"
    prints "and has no logits" '"logits": null' classify "$FEATURES" "$clip" --json
    prints "info" '^input_size  *[0-9]' info "$MODEL"
    prints "verify" ': all checksums match$' verify "$MODEL"
    run verify "$MODEL" --quiet </dev/null
    if [ "$status" -eq 0 ] && [ ! -s "$out" ]; then
        ok "verify --quiet says nothing"
    else
        not_ok "verify --quiet says nothing" "status $status"
    fi
    prints "bench" '^ratio  *[0-9.]*$' bench "$MODEL" --runs 1
    prints "bench stays silent on a pipe" '"runs": 3' bench "$MODEL" --runs 3 --json --threads 2
    prints "help" '^Usage: dualpath COMMAND' --help
    prints "short help" '^Usage: dualpath COMMAND' -h
    prints "version" '^dualpath [0-9]*\.[0-9]*\.[0-9]*$' --version
    for command in classify compile info verify bench; do
        prints "help of $command" "^Usage: dualpath $command MODEL" $command --help
        prints "help wins over mistakes" "^Usage: dualpath $command" $command --nonsense -h
    done
}

# json NAME KEY... -- ARGUMENT...: valid JSON on one line, with these keys and no others.
json() {
    name=$1
    shift
    keys=
    while [ "$1" != -- ]; do
        keys="$keys $1"
        shift
    done
    shift
    run "$@" </dev/null
    if [ "$status" -eq 0 ] && [ "$(wc -l <"$out")" -eq 1 ] && python3 - "$out" $keys 2>"$err" <<'END'
import json, math, struct, sys

def reject(constant):
    raise ValueError(constant)

text = open(sys.argv[1], encoding="utf-8").read()
found = json.loads(text, parse_constant=reject)
assert sorted(found) == sorted(sys.argv[2:]), sorted(found)
if found.get("logits"):
    logits, probabilities = found["logits"], found["probabilities"]
    assert len(logits) == len(probabilities) == len(found["labels"])
    exps = [math.exp(x - max(logits)) for x in logits]
    assert all(abs(e / sum(exps) - p) < 1e-5 for e, p in zip(exps, probabilities))
    best = found["top"][0]
    assert best["index"] == logits.index(max(logits)) and best["logit"] == max(logits)
    assert best["label"] == found["labels"][best["index"]]
    for x in logits:
        single = struct.unpack("f", struct.pack("f", x))[0]
        assert abs(single - x) <= abs(x) * 1e-8, "not all digits of a float"
END
    then
        ok "$name"
    else
        not_ok "$name" "status $status"
    fi
}

# as_canonical NAME ARGUMENT...: classifies $clip with the logits that are in $work/canonical.
as_canonical() {
    name=$1
    shift
    run classify "$@" "$clip" --json </dev/null
    sed 's/.*"logits": \[\([^]]*\)\].*/\1/' "$out" | tr -d ' ' | tr ',' '\n' >"$work/logits"
    if [ "$status" -eq 0 ] && cmp -s "$work/canonical" "$work/logits"; then
        ok "$name"
    else
        not_ok "$name" "status $status"
    fi
}

test_compile() {
    clip=$in/rgb.npy
    compiled=$work/compiled.gguf
    for precision in f32 bf16 int8; do
        logits "$work/canonical" "$clip" --precision $precision --cpu c
        prints "compile --precision $precision" ": [0-9]* bytes, $precision for rows\$" \
            compile "$MODEL" -o "$compiled" --precision $precision --target rows --cpu c
        as_canonical "a compiled $precision model gives the same logits" "$compiled" --cpu c
    done
    prints "compile --report: flash" '^flash  *[0-9]* bytes: the file$' \
        compile "$MODEL" -o "$compiled" --precision int8 --target rows --report
    prints "compile --report: arena" '^arena  *[0-9]* bytes at most' \
        compile "$MODEL" -o "$compiled" --precision int8 --target rows --report
    prints "compile --report: a smaller arena" '^arena .* image by image$' \
        compile "$MODEL" -o "$compiled" --precision int8 --target rows --report
    prints "compiled files have checksums" 'all checksums match' verify "$compiled"
    prints "info of a compiled file" '^compiled  *1$' info "$compiled"
    prints "its target" '^target  *rows$' info "$compiled"
    prints "its precision" '^precision  *int8$' info "$compiled" --precision auto
    run compile "$compiled" -o "$compiled" --target rows --quiet </dev/null
    if [ "$status" -eq 0 ] && [ ! -s "$out" ] && [ ! -e "$compiled.part" ]; then
        ok "a file can be written over itself"
    else
        not_ok "a file can be written over itself" "status $status"
    fi
    fails 1 'compiled with precision int8' classify "$compiled" "$clip" --precision f32
    fails 1 'needs the canonical file' bench "$compiled" --unfused
    fails 1 'compiled for rows, and avx2 was asked' compile "$compiled" -o "$work/x" --target avx2
    run compile "$MODEL" -o "$compiled" --target avx512 --quiet </dev/null
    fails 1 'compiled for avx512, which' info "$compiled" --cpu c
    fails 1 'cannot create' compile "$MODEL" -o "$work/no/such/folder"
    fails 1 'No such file' compile "$work/nothing.gguf" -o "$work/x"
    fails 2 '-o: is missing' compile "$MODEL"
    fails 2 "--target: 'sse' is none of native, plain, rows" compile "$MODEL" -o "$work/x" --target sse
    if [ -w /dev/full ]; then
        ln -s /dev/full "$work/full.part"
        fails 1 'cannot write' compile "$MODEL" -o "$work/full"
    fi
}

test_tasks() {
    clip=$in/rgb.npy
    backbone=$work/backbone.gguf
    task=$work/task.gguf
    "$SPLIT_MODEL" "$MODEL" "$backbone" "$task" || not_ok "a model in halves" "cannot be made"
    for precision in f32 bf16 int8; do
        logits "$work/canonical" "$clip" --precision $precision
        as_canonical "a task in $precision gives the same logits" \
            --backbone "$backbone" "$task" --precision $precision
    done
    prints "info of a task" '^shared_bytes  *[1-9]' info --backbone "$backbone" "$task"
    prints "a task has its labels" '^label 0  *bow' info --backbone "$backbone" "$task" --verify
    prints "tasks have checksums" 'all checksums match' verify "$task"
    prints "bench of a task" '^ratio ' bench --backbone="$backbone" "$task" --runs 1 --unfused
    prints "compile of a task" ' f32 for plain$' \
        compile --backbone "$backbone" "$task" -o "$work/both.gguf" --target plain
    prints "is a model of its own" '^bow ' classify "$work/both.gguf" "$clip" --cpu c
    fails 1 'can only be opened on it' classify "$task" "$clip"
    fails 1 'and the backbone given is' classify --backbone "$GOLDEN/paper.gguf" "$task" "$clip"
    fails 1 'not a task' info --backbone "$backbone" "$MODEL"
    fails 1 'backbone.gguf2: .*No such file' info --backbone "${backbone}2" "$task"
    fails 1 'needs the canonical file' info --backbone "$work/both.gguf" "$task"
    fails 2 '--backbone: needs a value' info "$task" --backbone
}

# Frames of one grey each: every one must be where it belongs, in its own shade.
test_sheet() {
    sheet=$work/sheet.png
    prints "sheet" '^bow ' classify "$MODEL" "$in/rgb.npy" --sheet "$sheet" --views 2 --crops 3
    prints "sheet of a model without a head" '^feature' \
        classify "$FEATURES" "$in/rgb.npy" --sheet "$sheet"
    fails 1 "$work/no/sheet.png: cannot write: No such" \
        classify "$MODEL" "$in/rgb.npy" --sheet "$work/no/sheet.png"
    if [ -w /dev/full ]; then
        fails 1 'cannot write' classify "$MODEL" "$in/rgb.npy" --sheet /dev/full
    fi
    if ! command -v python3 >/dev/null; then
        skip "a sheet shows what is seen" "no python3"
        return
    fi
    python3 -c 'import sys
for i in range(16):
    sys.stdout.buffer.write(bytes([10 + 15 * i]) * (3 * 32 * 32))' >"$work/greys"
    run classify "$MODEL" "$work/greys" --size 32x32 --sampling all --sheet "$sheet"
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

test_scene() {
    "$SCENE" >"$work/default.y4m" 2>"$err"
    for motion in static pan-left pan-right tilt-up tilt-down zoom-in zoom-out roll-cw roll-ccw \
        shake; do
        "$SCENE" $motion >"$work/scene.y4m" 2>"$err" || not_ok "scene $motion" "status $?"
        prints "scene $motion" '"frames": 64' classify "$MODEL" "$work/scene.y4m" --json
        if cmp -s "$work/default.y4m" "$work/scene.y4m"; then
            echo $motion >>"$work/same"
        fi
    done
    if [ "$(cat "$work/same")" = pan-right ]; then
        ok "the scene is the same each time, and each motion another film"
    else
        not_ok "the scene is the same each time, and each motion another film" "$(cat "$work/same")"
    fi
    "$SCENE" nowhere >"$out" 2>"$err"
    status=$?
    if [ "$status" -eq 2 ] && [ ! -s "$out" ] && grep -q 'Usage: scene .*zoom-in' "$err"; then
        ok "scene refuses other motions"
    else
        not_ok "scene refuses other motions" "status $status"
    fi
}

# What the models in examples/models make of the drawn camera.
test_shipped() {
    shipped=$(dirname "$0")/../examples/models
    for motion in static pan-left pan-right tilt-up tilt-down zoom-in zoom-out shake \
        roll-cw:roll-clockwise roll-ccw:roll-counter-clockwise; do
        label=$(echo "${motion#*:}" | sed 's/-/ /')
        "$SCENE" "${motion%:*}" >"$work/scene.y4m"
        prints "the shipped model sees ${motion%:*}" "^$label " classify \
            --backbone "$shipped/backbone.gguf" "$shipped/camera-motion.gguf" "$work/scene.y4m" --top 1
    done
}

test_json() {
    if ! command -v python3 >/dev/null; then
        skip "JSON is valid" "no python3"
        return
    fi
    answer="model input frames top labels probabilities logits timings macs"
    json "classify --json" $answer -- classify "$MODEL" "$in/rgb.npy" --json
    json "classify --json --features" $answer feature_temporal feature_spatial -- \
        classify "$MODEL" "$in/rgb.npy" --json --features
    json "classify --json without a head" $answer feature_temporal feature_spatial -- \
        classify "$FEATURES" "$in/rgb.npy" --json
    cp "$in/rgb.npy" "$work/$(printf 'odd "name\\\t\377\303\244')"
    json "a file name that needs escapes" $answer -- \
        classify "$MODEL" "$work/$(printf 'odd "name\\\t\377\303\244')" --json
    json "bench --json" model clip_ms clip_ms_min clip_ms_max macs gops peak_gops peak_ratio \
        threads precision kernels runs stages -- bench "$MODEL" --runs 2 --json
    json "info --json" name description precision kernels file_type target compiled input_size patch_size width \
        heads blocks feature_size classes frames spatial_frames grid framesets sampling_rate \
        adapter_width parameters adapter_parameters macs weight_bytes backbone shared_bytes mean std labels -- \
        info "$MODEL" --json
}

# environment VALUE ARGUMENT...: with DUALPATH_CPU, what info prints is $work/expected.
environment() {
    value=$1
    shift
    env DUALPATH_CPU="$value" "$DUALPATH" info "$MODEL" "$@" >"$out" 2>"$err"
    status=$?
    if [ "$status" -eq 0 ] && cmp -s "$work/expected" "$out"; then
        ok "DUALPATH_CPU='$value' info $*"
    else
        not_ok "DUALPATH_CPU='$value' info $*" "status $status, or something else is in use"
    fi
}

# The variable does what --cpu does; what it does not know is as if it were unset.
test_environment() {
    unset DUALPATH_CPU
    for precision in f32 bf16 int8 auto; do
        for cpu in c avx2 avx2-vnni avx512 avx512-vnni amx; do
            run info "$MODEL" --precision $precision --cpu $cpu
            cp "$out" "$work/expected"
            environment $cpu --precision $precision
        done
        run info "$MODEL" --precision $precision
        cp "$out" "$work/expected"
        for cpu in '' AVX2 avx512bf16 none; do
            environment "$cpu" --precision $precision
        done
    done
    run info "$MODEL" --cpu avx2
    cp "$out" "$work/expected"
    environment avx512 --cpu avx2
}

test_usage() {
    clip=$in/rgb.npy
    run </dev/null
    if [ "$status" -eq 2 ] && [ ! -s "$out" ] && grep -q '^Usage:' "$err"; then
        ok "no command"
    else
        not_ok "no command" "status $status"
    fi
    fails 2 'no such command' frobnicate
    fails 2 'MODEL: is missing' classify
    fails 2 'INPUT: is missing' classify "$MODEL"
    fails 2 'one argument too many' classify "$MODEL" "$clip" more
    fails 2 'one argument too many' info "$MODEL" more
    fails 2 'MODEL: is missing' verify
    fails 2 'MODEL: is missing' bench --json
    fails 2 '--nonsense: no such option' classify "$MODEL" "$clip" --nonsense
    fails 2 '--to: no such option' classify "$MODEL" "$clip" --to 3
    fails 2 '-x: no such option' classify "$MODEL" "$clip" -x
    fails 2 '--views: no such option' bench "$MODEL" --views 3
    fails 2 '--top: needs a value' classify "$MODEL" "$clip" --top
    fails 2 '--json: takes no value' classify "$MODEL" "$clip" --json=yes
    for value in 0 -1 1.5 x '' 9999999 99999999999999999999; do
        fails 2 "--top: '$value' is not a number from 1 to 1000000" \
            classify "$MODEL" "$clip" --top "$value"
    done
    fails 2 "--threads: '257' is not" classify "$MODEL" "$clip" --threads 257
    fails 2 "--rate: '65537' is not" classify "$MODEL" "$clip" --rate 65537
    fails 2 "--views: '257' is not" classify "$MODEL" "$clip" --views 257
    fails 2 "--crops: '65' is not" classify "$MODEL" "$clip" --crops 65
    fails 2 "--runs: '0' is not" bench "$MODEL" --runs 0
    fails 2 "--sampling: 'most' is none of all, first, center, uniform" \
        classify "$MODEL" "$clip" --sampling most
    sets='auto, c, avx2, avx2-vnni, avx512, avx512-vnni, amx, neon, neon-dot, neon-i8mm'
    fails 2 "--cpu: 'sse' is none of $sets" classify "$MODEL" "$clip" --cpu sse
    fails 2 "--precision: 'f16' is none of f32, bf16, int8, auto" \
        classify "$MODEL" "$clip" --precision f16
    fails 2 "--format: 'rgb' is none of" classify "$MODEL" "$clip" --format rgb
    fails 2 "--color: 'bt2020' is none of" classify "$MODEL" "$clip" --color bt2020
    for value in 27 27x 27x0 x19 65537x1 27x19x3 27X19 -1x5; do
        fails 2 "--size: '$value' is not a size" classify "$MODEL" "$in/rgb.rgb" --size "$value"
    done
    for value in 0 8Q G 8GB -1 99999999999999T; do
        fails 2 "--max-memory: '$value' is not a number of bytes" \
            classify "$MODEL" "$clip" --max-memory "$value"
    done
    fails 2 'raw frames need --size' classify "$MODEL" "$in/rgb.rgb"
    fails 2 'raw frames need --size' classify "$MODEL" "$clip" --format nv12
    fails 2 'size is for raw frames' classify "$MODEL" "$clip" --size 27x19
    fails 2 'size is for raw frames' classify "$MODEL" "$in/yuv.y4m" --size 27x19
    fails 2 'size is for raw frames' classify "$MODEL" "$in/png-rgb8" --size 27x19
}

test_bad_models() {
    fails 1 . classify "$work/nothing.gguf" "$in/rgb.npy"
    fails 1 . info "$work/nothing.gguf"
    fails 1 . info "$work"
    fails 1 . info "$in/rgb.npy"
    fails 1 . verify "$in/rgb.npy"
    fails 1 . bench "$in/rgb.npy"
    fails 1 'unfused models are f32 only' bench "$MODEL" --unfused --precision int8
    head -c 1000 "$MODEL" >"$work/short.gguf"
    fails 1 . info "$work/short.gguf"
    # The last byte of the last tensor, or of the padding behind it: change the last few.
    size=$(($(wc -c <"$MODEL") - 64))
    { head -c "$size" "$MODEL" && head -c 64 /dev/zero; } >"$work/broken.gguf"
    fails 1 . verify "$work/broken.gguf"
    fails 1 . classify "$work/broken.gguf" "$in/rgb.npy" --verify
}

test_bad_inputs() {
    bad=$work/bad
    fails 1 'cannot open' classify "$MODEL" "$work/nothing.npy"
    fails 1 'is empty' classify "$MODEL" -
    fails 1 'neither Y4M nor NumPy' classify "$MODEL" "$MODEL"
    fails 1 'frame 22 is cut short' classify "$MODEL" "$in/rgb.rgb" --size 27x18
    fails 1 'holds 20 frames; --sampling all takes exactly' \
        classify "$MODEL" "$in/rgb.npy" --sampling all
    fails 1 'that --max-memory allows' classify "$MODEL" "$in/rgb.npy" --max-memory 20K
    fails 1 'that --max-memory allows' classify "$MODEL" "$in/yuv.y4m" --max-memory 10K
    : >"$bad"
    fails 1 'holds no frames' classify "$MODEL" "$bad" --size 27x19
    mkdir "$work/empty"
    fails 1 'holds no .png files' classify "$MODEL" "$work/empty"
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
    bad_y4m 'a Y4M line of more than' 'YUV4MPEG2 W4 H4 ' 5000
    bad_y4m 'lacks W or H' 'YUV4MPEG2 W4\nFRAME\n' 24
    bad_y4m "a side of '0'" 'YUV4MPEG2 W0 H4\nFRAME\n'
    bad_y4m "a side of '-4'" 'YUV4MPEG2 W-4 H4\nFRAME\n' 24
    bad_y4m "a side of '4x'" 'YUV4MPEG2 W4x H4\nFRAME\n' 24
    bad_y4m "a side of '65537'" 'YUV4MPEG2 W4 H65537\nFRAME\n' 24
    bad_y4m "a side of '9999999999999999999.*1 to 65536" 'YUV4MPEG2 W99999999999999999999 H4\n'
    bad_y4m "'C420p10'" 'YUV4MPEG2 W4 H4 C420p10\nFRAME\n' 48
    bad_y4m "'C444alpha'" 'YUV4MPEG2 W4 H4 C444alpha\nFRAME\n' 64
    bad_y4m 'Cmono in limited range' 'YUV4MPEG2 W4 H4 Cmono XCOLORRANGE=LIMITED\nFRAME\n' 16
    bad_y4m 'holds no frames' 'YUV4MPEG2 W4 H4\n'
    bad_y4m 'frame 1 does not begin with FRAME' 'YUV4MPEG2 W4 H4\nFRAMES\n' 24
    bad_y4m 'frame 1 is cut short: 23 of 24 bytes' 'YUV4MPEG2 W4 H4\nFRAME\n' 23
    bad_y4m 'frame 1 is cut short: 47 of 48 bytes' 'YUV4MPEG2 W4 H4 C444\nFRAME\n' 47
    bad_y4m 'a Y4M line is cut short' 'YUV4MPEG2 W4 H4\nFRAME\n' 25
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

# Reports how a command that may hang ended: at most 60 seconds are given to it.
bounded() {
    timeout 60 "$@"
}

test_pipes() {
    if ! command -v timeout >/dev/null; then
        skip "pipes that close" "no timeout"
        return
    fi
    { bounded "$DUALPATH" info "$MODEL"; echo $? >"$work/rc"; } 2>"$err" | :
    case $(cat "$work/rc") in
    0 | 1 | 141) ok "a reader that goes away early" ;;
    *) not_ok "a reader that goes away early" "status $(cat "$work/rc")" ;;
    esac
    yes | bounded "$DUALPATH" classify "$work/nothing.gguf" - >"$out" 2>"$err"
    [ $? -eq 1 ] && ok "a bad model does not wait for the pipe" ||
        not_ok "a bad model does not wait for the pipe" "another status"
    { echo 'YUV4MPEG2 W16 H16'; yes FRAME; } 2>/dev/null |
        bounded "$DUALPATH" classify "$MODEL" - --max-memory 1M >"$out" 2>"$err"
    if [ $? -eq 1 ] && grep -q 'that --max-memory allows' "$err"; then
        ok "a stream without an end"
    else
        not_ok "a stream without an end" "another status or message"
    fi
    if [ -w /dev/full ]; then
        "$DUALPATH" info "$MODEL" >/dev/full 2>"$err"
        [ $? -eq 1 ] && grep -q 'standard output: cannot write' "$err" && ok "a full disk" ||
            not_ok "a full disk" "another status or message"
    else
        skip "a full disk" "no /dev/full"
    fi
}

# Sends an interrupt to ourselves after a while; a shell would have its children ignore it.
test_interrupt() {
    if ! timeout --preserve-status 9 true 2>/dev/null; then
        skip "Ctrl-C" "no timeout --preserve-status"
        return
    fi
    timeout --preserve-status -s INT 1 "$DUALPATH" bench "$MODEL" --runs 1000 >"$out" 2>"$err"
    status=$?
    [ $status -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C between clips" ||
        not_ok "Ctrl-C between clips" "status $status"
    timeout --preserve-status -s INT 1 "$DUALPATH" classify "$MODEL" "$in/rgb.npy" \
        --views 256 --crops 64 --cpu c --unfused --threads 1 >"$out" 2>"$err"
    status=$?
    [ $status -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C within a clip" ||
        not_ok "Ctrl-C within a clip" "status $status"
    { sleep 3 | timeout --preserve-status -s INT 1 "$DUALPATH" classify "$MODEL" -; echo $? >"$work/rc"; } \
        >"$out" 2>"$err"
    status=$(cat "$work/rc")
    [ "$status" -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C while it waits" ||
        not_ok "Ctrl-C while it waits" "status $status"
}

# A terminal gets a bar when work lasts; --quiet takes it away.
test_progress() {
    if ! python3 -c 'import pty; pty.openpty()' 2>/dev/null; then
        skip "the progress bar" "no python3, or no terminals to be had"
        return
    fi
    cat >"$work/terminal.py" <<'END'
import os, pty, sys
ours, theirs = pty.openpty()
if os.fork() == 0:
    os.close(ours)
    os.dup2(theirs, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
os.close(theirs)
seen = b""
try:
    while True:
        block = os.read(ours, 4096)
        if not block:
            break
        seen += block
except OSError:
    pass
sys.exit(0 if b"[#" in seen else 3 if not seen else 4)
END
    python3 "$work/terminal.py" "$DUALPATH" bench "$MODEL" --runs 6 2>"$err"
    [ $? -eq 0 ] && ok "a progress bar on a terminal" || not_ok "a progress bar on a terminal" none
    python3 "$work/terminal.py" "$DUALPATH" bench "$MODEL" --runs 6 --quiet 2>"$err"
    [ $? -eq 3 ] && ok "none with --quiet" || not_ok "none with --quiet" "something was drawn"
}

absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
    esac
}

prepare
test_formats
test_yuv
test_options "$(absolute "$DUALPATH")" "$(absolute "$MODEL")"
test_output
test_compile
test_tasks
test_sheet
test_scene
test_shipped
test_json
test_usage
test_bad_models
test_bad_inputs
test_bad_y4m
test_bad_npy
test_bad_png
test_pipes
test_interrupt
test_progress
test_environment

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
