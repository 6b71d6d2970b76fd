# Compiled models, backbones and tasks, the models that are shipped, and files that are no models.

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
    fails 1 'is a directory' compile "$MODEL" -o "$work"
    if [ -w /dev/full ]; then
        fails 1 'No space left' compile "$MODEL" -o /dev/full
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
    fails 1 'can only be opened on that backbone' classify "$task" "$clip"
    fails 1 'but the given backbone is' classify --backbone "$GOLDEN/paper.gguf" "$task" "$clip"
    fails 1 'not a task' info --backbone "$backbone" "$MODEL"
    fails 1 'backbone.gguf2: .*No such file' info --backbone "${backbone}2" "$task"
    fails 1 'needs the canonical file' info --backbone "$work/both.gguf" "$task"
    fails 2 '--backbone: needs a value' info "$task" --backbone
}

# What the models in examples/models make of the drawn camera.
test_shipped() {
    shipped=$(dirname "$0")/../../examples/models
    for motion in static pan-left pan-right tilt-up tilt-down zoom-in zoom-out shake \
        roll-cw:roll-clockwise roll-ccw:roll-counter-clockwise; do
        label=$(echo "${motion#*:}" | sed 's/-/ /')
        "$SCENE" "${motion%:*}" >"$work/scene.y4m"
        prints "the shipped model sees ${motion%:*}" "^$label " classify \
            --backbone "$shipped/backbone.gguf" "$shipped/camera-motion.gguf" "$work/scene.y4m" --top 1
    done
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
