#!/bin/sh
# A library exports the recorded names: exports.sh LIBRARY. macOS puts a line before names, and names of its
# own into every library.
set -eu

case $1 in
*.dylib) names() { llvm-nm -g --defined-only "$1" | sed -e '/ ___*dso_handle$/d' -e '/ __mh_/d' -e 's/^\(.* \)_/\1/'; } ;;
*) names() { llvm-nm -D --defined-only "$1" | sed -e '/ A /d' -e 's/@.*//'; } ;;
esac

exported=$(names "$1" | sed -n 's/^.* [TDRSB] //p' | LC_ALL=C sort)
recorded=$(sed 's/ .*//' tests/abi/exports.txt | LC_ALL=C sort)
if [ "$exported" != "$recorded" ]; then
    printf '%s\n' "$1 exports other names than tests/abi/exports.txt has:" "$exported" >&2
    exit 1
fi
echo "$1: $(echo "$exported" | wc -l) names"
