#!/bin/sh
# The command line program on Windows: the tests of tests/cli that need nothing else of a system, and
# names, pipes and files as Windows has them, against the program of this machine.
#
# DUALPATH      a script that runs DUALPATH_EXE, dualpath.exe, with its arguments
# CONSOLE       a script that runs console.exe, of tests/windows/console.c
# FALSE_FFMPEG  tests/cli/false_ffmpeg.c, for Windows
# FFMPEG        a folder with ffmpeg.exe and ffprobe.exe
# HERE          the program of this machine
# MAKE_INPUTS, SCENE, SPLIT_MODEL, GOLDEN: as tests/cli/cli_test.sh has them, of this machine
MODEL=$GOLDEN/released.gguf
FEATURES=$GOLDEN/features-bf16.gguf

for part in helpers inputs options models mistakes pictures names outputs films videos watch process; do
    . "tests/cli/$part.sh"
done
. tests/windows/terminal.sh

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

# A name as Windows has it.
windows_name() {
    printf 'Z:%s\n' "$1" | tr / '\\'
}

# As in tests/cli/videos.sh: Wine puts WINEPATH in front of PATH.
with_path() {
    folder=$(windows_name "$1")
    shift
    env WINEPATH="$folder" "$@"
}

# With a false ffmpeg, on a console.
false_on_console() {
    FALSE_STEPS="$work/steps" WINEPATH=$(windows_name "$work/false") on_console "$@"
}

# The program in whose place ffmpeg.exe stands may be started by another one, which is killed.
test_false_ffmpeg_interrupted() {
    false_ffmpeg "start $work/false/later" "hang $work/false/hangs"
    false_on_console "file:$work/false/hangs" classify "$MODEL" "$work/false/film.avi"
    holds "Ctrl-C while ffmpeg works" [ "$status" -eq 130 ]
    sleep 6
    holds "what it started has ended with it" [ ! -e "$work/false/later" ]
    false_ffmpeg "handle $work/false/handle" 'bytes 480'
    false_on_console never classify "$MODEL" "$work/false/film.avi"
    holds "ffmpeg has no handle that it is not given" grep -q 'no such handle' "$work/false/handle"
}

# Names that a command line could take apart.
test_video_names() {
    film=$work/films/mpeg4.mp4
    logits "$work/film" "$film" || not_ok "a film" "status $status"
    mkdir "$work/names"
    for odd in -y.mp4 'f%03d.mp4' "it's a [film]; %PATH% & ^ (1) ü 模.mp4"; do
        cp "$film" "$work/names/$odd"
        same "a film that is named $odd" "$work/film" "$work/names/$odd"
        same "the same with backslashes" "$work/film" "$(windows_name "$work/names/$odd")"
    done
    (cd "$work/names" && exec "$program" classify "$model" --json -- -y.mp4) >"$out" 2>"$err"
    [ $? -eq 0 ] && ok "-y.mp4 without a folder" || not_ok "-y.mp4 without a folder" "it fails"
}

test_missing_ffmpeg() {
    fails 1 'there is no ffprobe in PATH' classify "$MODEL" "$work/false/film.avi"
    (cd "$work/false" && exec "$program" classify "$model" film.avi) >"$out" 2>"$err" </dev/null
    holds "ffmpeg beside a film is not the one in PATH" grep -q 'there is no ffprobe in PATH' "$err"
    echo text >"$work/false/ffprobe.exe"
    classify_false "$work/false/film.avi" timeout 60
    holds "an ffprobe.exe that is none" eval '[ "$status" -eq 1 ] && grep -q "cannot start ffprobe: Exec format" "$err"'
}

prepare
program=$(absolute "$DUALPATH")
model=$(absolute "$MODEL")
test_names_of_windows
test_pipes_of_windows
test_formats
test_yuv
test_shown
test_warnings
test_used_frames
test_kept_frames
test_false_ffmpeg
test_missing_ffmpeg
WINEPATH=$(windows_name "$FFMPEG")
export WINEPATH
test_videos
make_mixed_film
test_watch_answers
test_watch_inputs
unset WINEPATH
test_watch_ends
test_terminal_of_windows
test_interrupts_of_windows
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
