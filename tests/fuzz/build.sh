#!/bin/sh
# Builds all fuzz targets as OSS-Fuzz wants them: with $CC, $CFLAGS and $LIB_FUZZING_ENGINE, into
# $OUT, with their inputs as NAME_seed_corpus.zip and their words as NAME.dict. On its own:
#
#     CC=clang CXX=clang++ CFLAGS="-O1 -g -fsanitize=address,fuzzer-no-link" \
#         LIB_FUZZING_ENGINE=-fsanitize=fuzzer OUT=/tmp/out sh tests/fuzz/build.sh
#
# $CXX links, since engines are often C++. Golden models lie in $OUT/golden, where GOLDEN points
# when targets run.
set -eu

cd "$(dirname "$0")/../.."
: "${CC:?}" "${CXX:?}" "${OUT:?}" "${LIB_FUZZING_ENGINE:?}"
CFLAGS=${CFLAGS:-}
CXXFLAGS=${CXXFLAGS:-$CFLAGS}
WORK=${WORK:-build/fuzz-out}

mkdir -p "$OUT/golden"
cp tests/golden/*.gguf "$OUT/golden"
for source in tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    [ "$target" != main ] || continue
    objects="$WORK/tests/fuzz/$target.o $WORK/tests/program.a $WORK/tests/support.a"
    objects="$objects $WORK/tests/libdualpath-internal.a"
    # shellcheck disable=SC2086 # lists of words
    make -s SETUP=no BUILD="$WORK" CC="$CC" CFLAGS="$CFLAGS" $objects
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS $LIB_FUZZING_ENGINE -o "$OUT/$target" $objects -lpng -lz -lm -lpthread
    [ ! -f "tests/fuzz/$target.dict" ] || cp "tests/fuzz/$target.dict" "$OUT"
    seeds=$([ "$target" != loader ] || echo "$OUT/golden")
    # shellcheck disable=SC2086
    python3 - "$OUT/${target}_seed_corpus.zip" "tests/fuzz/corpus/$target" "tests/fuzz/found/$target" $seeds <<'END'
import pathlib
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as corpus:
    for folder in map(pathlib.Path, sys.argv[2:]):
        for path in sorted(folder.glob("*")):
            corpus.write(path, path.name)
END
done
