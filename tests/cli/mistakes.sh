# What is said to those who give the wrong kind of thing: the sentence names what helps.

# mistaken SENTENCE BYTES: for an input that begins with bytes (of printf), which is no clip.
mistaken() {
    { printf "$2" && head -c 64 /dev/zero; } >"$work/mistaken"
    fails 1 "$1" classify "$MODEL" "$work/mistaken"
}

# The same for one that may be a video: without ffmpeg, and on standard input.
mistaken_video() {
    { printf "$2" && head -c 64 /dev/zero; } >"$work/mistaken"
    without_ffmpeg "$1: there is no ffprobe in PATH to decode it: install ffmpeg" "$work/mistaken"
    "$DUALPATH" classify "$MODEL" - <"$work/mistaken" >"$out" 2>"$err"
    [ $? -eq 1 ] && grep -q "$1: ffmpeg -i INPUT -f yuv4mpegpipe - | dualpath" "$err" &&
        ok "$1 on standard input" || not_ok "$1 on standard input" "another message"
}

test_mistaken_inputs() {
    mistaken_video 'an MP4 or QuickTime video' '\000\000\000\030ftypqt  '
    mistaken_video 'a Matroska or WebM video' '\032\105\337\243'
    mistaken_video 'an AVI video' 'RIFF1234AVI LIST'
    mistaken_video 'a GIF' 'GIF89a'
    mistaken 'sound (WAV), which has no frames' 'RIFF1234WAVEfmt '
    mistaken 'a PNG picture, one frame: a clip is a folder' '\211PNG\r\n\032\n'
    mistaken 'a JPEG picture, one frame: a clip is a folder' '\377\330\377\340'
    mistaken 'compressed with gzip: unpack it into a pipe, and give -' '\037\213\010'
    mistaken 'compressed with zstd: unpack' '\050\265\057\375'
    mistaken 'compressed with xz: unpack' '\3757zXZ'
    mistaken 'a ZIP archive, such as .npz: unpack it' 'PK\003\004'
    mistaken 'a safetensors file: dualpath-convert' '1234\000\000\000\000{"a": '
    mistaken 'an ONNX model, which has no frames' '\010\007\022\007pytorch'
    mistaken "a Git LFS pointer: 'git lfs pull'" 'version https://git-lfs.github.com/spec/v1'
    mistaken 'a page of HTML: download the video itself' '<!DOCTYPE html>'
    fails 1 'cannot open: .*: ffmpeg -i URL -f yuv4mpegpipe - | dualpath watch MODEL -' \
        watch "$MODEL" rtsp://camera/stream
    fails 1 'a weight file: MODEL goes before INPUT' classify "$MODEL" "$MODEL"
    printf 'no video' >"$work/mistaken"
    without_ffmpeg 'neither Y4M nor NumPy (raw frames need --size WxH): there is no' "$work/mistaken"
    mkdir "$work/jpegs" && : >"$work/jpegs/1.jpg"
    without_ffmpeg '1.jpg: there is no ffprobe in PATH' "$work/jpegs"
    cp "$in/rgb.rgb" "$work/raw.yuv"
    fails 2 'raw frames need --size WxH' classify "$MODEL" "$work/raw.yuv"
    fails 1 'frame 22 is cut short: .* bytes; --size or --format may be another' \
        classify "$MODEL" "$in/rgb.rgb" --size 27x18
}

test_mistaken_models() {
    fails 1 'not a GGUF file but a NumPy array, a clip to classify' \
        classify "$in/rgb.npy" "$MODEL"
    printf 'PK\003\004 and more' >"$work/model.pth"
    fails 1 'a ZIP archive such as torch.save() writes: dualpath-convert makes a weight file' \
        classify "$work/model.pth" "$in/rgb.npy"
    "$SPLIT_MODEL" "$MODEL" "$work/half.gguf" "$work/task.gguf"
    fails 1 'can only be opened on that backbone (--backbone FILE names it)' info "$work/task.gguf"
    run compile "$MODEL" -o "$work/avx512.gguf" --target avx512 --quiet </dev/null
    fails 1 'they read plain, rows; compile the canonical file for one of them' \
        info "$work/avx512.gguf" --cpu c
}

# mistaken_value OPTION VALUE SENTENCE
mistaken_value() {
    fails 2 "$1: '$2' is .*$3" classify "$MODEL" "$in/rgb.npy" "$1" "$2"
}

test_mistaken_words() {
    fails 2 'clasify: no such command (did you mean classify?)' clasify "$MODEL"
    fails 2 'infos: no such command (did you mean info?)' infos "$MODEL"
    fails 2 'no such command (--help lists them)' "$MODEL" "$in/rgb.npy"
    fails 2 '--thread=2: no such option (did you mean --threads?)' bench "$MODEL" --thread=2
    fails 2 '--percision: no such option (did you mean --precision?)' info "$MODEL" --percision f32
    fails 2 '--nonsense: no such option (--help lists them)' info "$MODEL" --nonsense
    fails 2 '-x: no such option (--help lists them)' info "$MODEL" -x
    long=--$(printf '%0200d' 0)
    fails 2 'no such option (--help lists them)' info "$MODEL" "$long"
    mistaken_value --sampling all '; uniform takes frames from the whole clip'
    mistaken_value --precision fp16 '; bf16 has 16 bits'
    mistaken_value --cpu cuda '; models run on the CPU only'
    mistaken_value --format yuv420p '; i420 is meant'
    mistaken_value --format yuv420p10le '; more than 8 bits are read as Y4M'
    mistaken_value --threads -1 ' to 256; without it, all processors compute'
    mistaken_value --top 0 'not a number from 1 to 1000000$'
}
