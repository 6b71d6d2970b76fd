# What the tests share; they include it with `.`. $golden is a small model with random weights, a clip of
# 16 frames of 32x32 and PyTorch's logits (tests/golden/README.md).

golden=tests/golden/released
work=${AUTOPKGTEST_TMP:-$(mktemp -d)}

# npy_values TYPE FILE: the numbers of a small NumPy array, a line each.
npy_values() {
    od -An -v --endian=little -w4 -t "$1" -j 128 "$2"
}

# are_golden FILE: it has the logits of the golden answer, a line each.
are_golden() {
    npy_values f4 "$golden.logits.npy" | paste - "$1" | awk '
        { far = $1 - $2; if (NF != 2 || far * far > 1e-8) bad = 1; print }
        END { exit bad || NR != 3 }'
}

# raw_clip: its pixels, without the head of the array.
raw_clip() {
    tail -c +129 "$golden.frames.npy"
}
