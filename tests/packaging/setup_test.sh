#!/bin/sh
# Tests of `make setup` with tools that are made up: what is there is left alone, what is missing is
# installed, and with SETUP=no nothing is.
set -u

work=$(mktemp -d "${TMPDIR:-/tmp}/dualpath-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# tool NAME COMMAND...: a program on the made-up path.
tool() {
    name=$1
    shift
    printf '#!/bin/sh\n%s\n' "$*" >"$work/bin/$name"
    chmod +x "$work/bin/$name"
}

# setup_installs WORDS [VARIABLE=VALUE]: what apt-get is asked to install; none: it is not called.
setup_installs() {
    rm -f "$work/asked"
    env -i PATH="$work/bin" make -s setup $2 >"$work/out" 2>&1
    status=$?
    asked=$(tr '\n' ' ' 2>/dev/null <"$work/asked")
    if [ "$status" -eq 0 ] && [ "$asked" = "$1" ]; then
        echo "ok: make setup $2 installs: $asked"
    else
        echo "not ok: make setup $2: status $status, installs '$asked', expected '$1'"
        cat "$work/out"
        failed=1
    fi
}

mkdir "$work/bin"
for name in sh make sed grep; do
    ln -s "$(command -v "$name")" "$work/bin/$name"
done
for name in gcc g++ cc c++ pkg-config nm diff python3; do
    tool "$name" 'exit 0'
done
tool id 'echo 0'
tool apt-get "[ \"\$1\" = update ] || for word; do
    case \$word in install | -*) ;; *) echo \"\$word\" >>'$work/asked' ;; esac
done"

setup_installs '' ''
rm "$work/bin/pkg-config"
tool cc '! grep -q "png.h\|check.h"'
setup_installs '' SETUP=no
setup_installs 'libpng-dev pkg-config check ' ''
exit $failed
