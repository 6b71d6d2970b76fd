#!/bin/sh
# Tests of the command line program, from outside: every file format gives the answer it should,
# every misuse its own sentence and exit status, pipes and Ctrl-C end the program as they should.
#
# DUALPATH      the program              (build/dualpath)
# MAKE_INPUTS   tests/cli/make_inputs.c  (build/tests/make_inputs)
# SCENE         examples/scene.c         (build/examples/scene)
# SPLIT_MODEL   tests/cli/split_model.c  (build/tests/split_model)
# FALSE_FFMPEG  tests/cli/false_ffmpeg.c (build/tests/false_ffmpeg)
# GOLDEN        folder of models NAME.gguf with clips NAME.frames.npy  (tests/golden)

DUALPATH=${DUALPATH:-build/dualpath}
MAKE_INPUTS=${MAKE_INPUTS:-build/tests/make_inputs}
SCENE=${SCENE:-build/examples/scene}
SPLIT_MODEL=${SPLIT_MODEL:-build/tests/split_model}
FALSE_FFMPEG=${FALSE_FFMPEG:-build/tests/false_ffmpeg}
GOLDEN=${GOLDEN:-tests/golden}
MODEL=$GOLDEN/released.gguf
FEATURES=$GOLDEN/features-bf16.gguf

parts=$(dirname "$0")
for part in helpers inputs options models mistakes pictures names outputs films videos watch process; do
    . "$parts/$part.sh"
done

prepare
test_formats
test_yuv
test_shown
test_warnings
test_used_frames
test_kept_frames
test_false_ffmpeg
test_videos
test_watch
test_options "$(absolute "$DUALPATH")" "$(absolute "$MODEL")"
test_output
test_compile
test_tasks
test_sheet
test_attention
test_scene
test_shipped
test_json
test_text
test_odd_names
test_usage
test_mistaken_inputs
test_mistaken_models
test_mistaken_words
test_bad_models
test_bad_inputs
test_bad_y4m
test_bad_npy
test_bad_png
test_pipes
test_races
test_full_disk
test_special_outputs
test_closed_streams
test_interrupt
test_progress
test_environment

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
