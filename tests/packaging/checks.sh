# What the tests of packaging share; they include it with `.`. $work is a folder of the test, which
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
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u ZLIB -u CFLAGS -u CXXFLAGS -u CPPFLAGS -u LDFLAGS make -s "$@"
}
