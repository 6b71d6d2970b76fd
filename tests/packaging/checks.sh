# What the tests of packaging share, and those of the plugin for GStreamer; they include it with `.`. $work is a folder of the test, which
# ends with `exit $failed`.

work=$(mktemp -d "${TMPDIR:-/tmp}/dualpath-packaging.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME COMMAND...: the command must succeed; what it prints is shown if not.
check() {
    name=$1
    shift
    if "$@" >"$work/checked" 2>&1; then
        echo "ok: $name"
    else
        echo "not ok: $name"
        sed 's/^/    /' "$work/checked"
        failed=1
    fi
}

# fresh_make ARGUMENT...: make as from a shell, without what the make that started us hands down.
fresh_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CC -u CXX -u AR -u OBJCOPY -u ZLIB -u CFLAGS -u CXXFLAGS \
        -u CPPFLAGS -u LDFLAGS -u LIBS make -s "$@"
}

# small_tree FOLDER: the makefile and the header with a library of two files, of which one needs zlib,
# and programs of a line each. To build it takes no time. $work/cc is a compiler that writes down what
# it is asked to do, in $work/asked.
small_tree() {
    mkdir -p "$1/lib/api" "$1/lib/gguf" "$1/examples" "$1/docs" &&
        cp Makefile "$1" && cp -R include "$1" && cp lib/dualpath.map "$1/lib" && cp docs/dualpath.1 "$1/docs" &&
        mkdir -p "$1/bindings" && cp -R bindings/cmake "$1/bindings" || return 1
    cat >"$1/lib/api/version.c" <<'END'
#include "dualpath.h"
const char *dp_version_string(void) {
    return DP_VERSION_STRING;
}
END
    cat >"$1/lib/gguf/inflate.c" <<'END'
#if !defined(DP_NO_ZLIB)
#include <zlib.h>
#endif
extern const char *dpi_zlib(void);
const char *dpi_zlib(void) {
#if defined(DP_NO_ZLIB)
    return "none";
#else
    return zlibVersion();
#endif
}
END
    echo '#include <dualpath.h>
#include <stdio.h>
int main(void) { return puts(dp_version_string()) < 0; }' |
        tee "$1/examples/dualpath.c" "$1/examples/minimal.c" "$1/examples/scene.c" "$1/examples/cameras.c" >"$1/examples/raii.cpp"
    printf '#!/bin/sh\necho "$*" >>"%s/asked"\nexec %s "$@"\n' "$work" "${CC:-cc}" >"$work/cc" &&
        chmod +x "$work/cc"
}
