# What options and DUALPATH_CPU do, what is printed, and every misuse of the command line.

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
    prints "--sampling given takes exactly the frames" '%' classify "$MODEL" \
        "$GOLDEN/released.frames.npy" --sampling given
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
    for command in classify watch compile info verify bench; do
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

test_json() {
    if ! command -v python3 >/dev/null; then
        skip "JSON is valid" "no python3"
        return
    fi
    answer="model input frames frame_indices frame_times source top labels probabilities logits
        timings macs"
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
    json "info --json" name description method precision kernels file_type target compiled input_size patch_size width \
        heads blocks feature_size classes frames spatial_frames grid framesets sampling_rate \
        adapter_width prompts parameters adapter_parameters macs weight_bytes backbone shared_bytes counted_bytes \
        sampling past_end views crops average resize_filter resize_long_side resize_antialias \
        grid_antialias position_antialias crop_offset protocol mean std labels -- \
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
    fails 2 "--sampling: 'most' is none of model, first, uniform, given, center, interval, spread, segments" \
        classify "$MODEL" "$clip" --sampling most
    sets='auto, c, avx2, avx2-vnni, avx512, avx512-vnni, amx, neon, neon-dot, neon-i8mm'
    fails 2 "--cpu: 'sse' is none of $sets" classify "$MODEL" "$clip" --cpu sse
    fails 2 "--precision: 'f16' is none of f32, bf16, int8, auto" \
        classify "$MODEL" "$clip" --precision f16
    fails 2 "--format: 'rgb' is none of" classify "$MODEL" "$clip" --format rgb
    fails 2 "--color: 'bt2021' is none of" classify "$MODEL" "$clip" --color bt2021
    for value in 27 27x 27x0 x19 65537x1 27x19x3 27X19 -1x5; do
        fails 2 "--size: '$value' is not a size" classify "$MODEL" "$in/rgb.rgb" --size "$value"
    done
    for value in 16 16: :9 0:9 16:0 65537:1 16:9:1 16x9 -1:1; do
        fails 2 "--aspect: '$value' is not a ratio" classify "$MODEL" "$clip" --aspect "$value"
    done
    fails 2 "--rotate: '45' is none of 0, 90, 180, 270" classify "$MODEL" "$clip" --rotate 45
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
