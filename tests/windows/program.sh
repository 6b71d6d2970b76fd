#!/bin/sh
# The command line program on Windows: the tests of tests/cli that need nothing else of a system, and
# names, pipes and files as Windows has them, against the program of this machine.
#
# DUALPATH      a script that runs dualpath.exe with its arguments
# HERE          the program of this machine
# MAKE_INPUTS, SCENE, SPLIT_MODEL, GOLDEN: as tests/cli/cli_test.sh has them, of this machine
MODEL=$GOLDEN/released.gguf
FEATURES=$GOLDEN/features-bf16.gguf

for part in helpers inputs options models mistakes pictures names outputs films watch process; do
    . "tests/cli/$part.sh"
done

# both NAME INPUT: the same logits, bit by bit, here and there.
both() {
    there=$DUALPATH
    DUALPATH=$HERE
    logits "$work/here" "$2" || not_ok "$1" "status $status"
    DUALPATH=$there
    same "$1" "$work/here" "$2"
}

test_names_of_windows() {
    folder="$work/zwei Wörter/Ä 模型"
    mkdir -p "$folder/Bilder ü"
    cp "$MODEL" "$folder/über alles.gguf"
    cp "$in/rgb.npy" "$folder/Clip 1.npy"
    run info "$folder/über alles.gguf"
    holds "spaces and umlauts: a model" [ "$status" -eq 0 ]
    both "spaces and umlauts: a clip" "$folder/Clip 1.npy"
    cp "$in"/png-rgb8/*.png "$folder/Bilder ü"
    both "spaces and umlauts: a folder" "$folder/Bilder ü"
    run compile "$MODEL" -o "$folder/kompiliert ß.gguf" --quiet
    "$HERE" compile "$MODEL" -o "$work/here.gguf" --quiet
    holds "spaces and umlauts: a compiled model" cmp -s "$work/here.gguf" "$folder/kompiliert ß.gguf"
    run classify "$MODEL" "$in/rgb.npy" --sheet "$folder/Bögen.png"
    holds "spaces and umlauts: a picture" is_picture "$folder/Bögen.png"
    fails 1 "über nichts" info "$folder/über nichts.gguf"
    holds "nothing is left beside them" [ -z "$(find "$work" -name '*.part*')" ]
}

test_pipes_of_windows() {
    "$SCENE" pan-left >"$work/scene.y4m"
    both "a film" "$work/scene.y4m"
    cat "$work/scene.y4m" | logits "$work/piped" -
    holds "a film through a pipe" cmp -s "$work/here" "$work/piped"
    run classify "$MODEL" "$work/scene.y4m"
    holds "lines end as everywhere" eval '! grep -q "$(printf "\r")" "$out"'
    run watch "$MODEL" "$work/scene.y4m" --csv NUL --srt NUL
    holds "a device takes both" [ "$status" -eq 0 ]
}

prepare
test_names_of_windows
test_pipes_of_windows
test_formats
test_yuv
test_shown
test_warnings
test_used_frames
test_kept_frames
test_output
test_tasks
test_sheet
test_attention
test_scene
test_shipped
test_text
test_usage
test_mistaken_models
test_mistaken_words
test_bad_models
test_bad_inputs
test_bad_y4m
test_bad_npy
test_bad_png
test_pipes
test_races
test_environment

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
