#!/bin/sh
# Makes a Debian source package: `source.sh libdualpath-VERSION.tar.gz FOLDER` unpacks the distribution in
# FOLDER, with its bindings/debian/debian as debian/, beside the archive by the name that Debian gives
# it. The header states the version and the ABI, tests/abi the symbols. DEBFULLNAME and DEBEMAIL are who
# packages it.
set -eu

archive=$1
folder=$2
name=$(basename "$archive" .tar.gz)
tree=$folder/$name

stated() { # stated NAME
    sed -n "s/^#define $1 \"\{0,1\}\([0-9.]*\)\"\{0,1\}\$/\1/p" "$tree/include/dualpath.h"
}

# symbols: those of the recorded ABI, each with the release that added it. What is experimental is
# for this version only, as the second alternative says.
symbols() {
    printf '%s\n' "libdualpath.so.$abi libdualpath$abi #MINVER#" \
        "| libdualpath$abi (>= $version), libdualpath$abi (<< $version.1~)" \
        '* Build-Depends-Package: libdualpath-dev'
    { sed 's/.* //' "$tree/tests/abi/exports.txt" | LC_ALL=C sort -u | sed 's/.*/& &/' &&
        cat "$tree/tests/abi/exports.txt"; } | awk -v version="$version" '{
            since = $2
            sub(/^DUALPATH_/, "", since)
            print " " $1 "@" $2 " " (since ~ /^[0-9]/ ? since : version " 1")
        }'
}

# complete FILE: what is only known now, in the place of @NAME@; its mode stays.
complete() {
    sed -e "s/@VERSION@/$version/g" -e "s/@ABI@/$abi/g" -e "s/@DATE@/$date/g" \
        -e "s/@MAINTAINER@/$maintainer/g" "$1" >"$folder/completed"
    cat "$folder/completed" >"$1"
    rm "$folder/completed"
}

mkdir -p "$folder"
tar -xzf "$archive" -C "$folder"
version=$(stated DP_VERSION_STRING)
abi=$(stated DP_ABI_VERSION)
date=$(LC_ALL=C date -u -R -r "$tree/include/dualpath.h") # of the commit
maintainer=$(printf '%s <%s>' "${DEBFULLNAME:-The libdualpath authors}" \
    "${DEBEMAIL:-libdualpath@packages.invalid}" | sed 's/[&/\\]/\\&/g') # as sed wants it

cp "$archive" "$folder/libdualpath_$version.orig.tar.gz"
cp -R "$tree/bindings/debian/debian" "$tree/debian"
symbols >"$tree/debian/libdualpath@ABI@.symbols"
find "$tree/debian" -type f | while read -r file; do
    complete "$file"
done
for file in "$tree"/debian/*@ABI@*; do
    mv "$file" "$(echo "$file" | sed "s/@ABI@/$abi/")"
done
echo "$tree"
