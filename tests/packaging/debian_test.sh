#!/bin/sh
# Tests of the Debian packages. They are built in a root that has a Debian release and what debian/control
# asks for, and nothing else; in another one they are installed, tested and purged. SOURCE has the
# source package, RELEASE is the release; ROOTS keeps it as it is before anything is installed.
set -u
. tests/packaging/checks.sh

if [ "$(id -u)" != 0 ]; then
    echo "debian: only root can enter another root: sudo make check-debian" >&2
    exit 1
fi

tree=$(cd "$SOURCE"/libdualpath-*/ && pwd) || exit 1
folder=$(basename "$tree")
library=$(basename "$tree"/debian/*.symbols .symbols)
base=$ROOTS/$RELEASE.tar

# separate COMMAND...: with processes and mounts that end with it.
separate() {
    unshare --mount --pid --fork --kill-child "$@"
}

# in_root ROOT COMMANDS: lines of a shell, with nothing of our environment.
in_root() {
    # shellcheck disable=SC2086
    separate --root="$work/$1" --mount-proc env -i ${http_proxy:+http_proxy="$http_proxy"} LC_ALL=C.UTF-8 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive sh -exc "$2" </dev/null
}

makes_base() {
    [ -s "$base" ] && return
    mkdir -p "$ROOTS" && mmdebstrap --mode=root --format=tar --variant=apt "$RELEASE" "$base.new" && mv "$base.new" "$base"
}

fresh_root() {
    mkdir "$work/$1" && tar -xf "$base" -C "$work/$1" && in_root "$1" 'apt-get update'
}

apt_install='apt-get install -y --no-install-recommends'

# ---- building ----

copies_source() { # copies_source FOLDER
    mkdir -p "$work/build/$1" && cp -R "$SOURCE/." "$work/build/$1" && chmod -R go+rX "$work/build/$1"
}

has_build_dependencies() {
    fresh_root build && copies_source first && copies_source elsewhere/second && in_root build "
        $apt_install build-essential
        cd /first/$folder && apt-get build-dep -y --no-install-recommends ./"
}

# As nobody, with the tests.
builds() {
    in_root build "chown -R nobody /first && cd /first/$folder
        setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/nonexistent \
            DEB_BUILD_OPTIONS=parallel=$(nproc) dpkg-buildpackage --no-sign" >"$work/build.log" 2>&1
    status=$?
    tail -n 40 "$work/build.log"
    return $status
}

builds_differently() {
    in_root build "cd /elsewhere/second/$folder && umask 077 && export TZ=Asia/Tokyo LC_ALL=C
        DEB_BUILD_OPTIONS='nocheck parallel=1' dpkg-buildpackage --no-sign --build=binary"
}

has_same_packages() {
    for package in "$work"/build/first/*.deb; do
        cmp "$package" "$work/build/elsewhere/second/$(basename "$package")" || return 1
    done
}

# Its status counts what is overridden, too.
passes_lintian() {
    in_root build "$apt_install lintian
        lintian --allow-root --pedantic --display-info /first/*.changes >/first/lintian.txt" &&
        cat "$work/build/first/lintian.txt" && [ ! -s "$work/build/first/lintian.txt" ]
}

# The object of the static library is linked with no program.
is_hardened() {
    cp "$work/build.log" "$work/build/first" && in_root build "$apt_install blhc && blhc --bindnow --ignore-line '.* -r -nostdlib .*' /first/build.log"
}

# accepts SED: what dpkg says of the library with other symbols than the recorded ones.
accepts() {
    in_root build "cd /first/$folder && sed '$1' debian/$library.symbols >/first/symbols
        dpkg-gensymbols -c4 -p$library -Pdebian/$library -I/first/symbols -O/dev/null"
}

refuses() { # refuses SED WORDS
    ! accepts "$1" >"$work/out" 2>&1 && cat "$work/out" && grep -e "$2" "$work/out"
}

# depends_on CALL DEPENDENCY: a program that makes this call has it.
depends_on() {
    in_root build "cd /first/$folder && echo '#define DP_EXPERIMENTAL
        #include <dualpath.h>
        int main(void) { void *volatile call = (void *)$1; return call == 0; }' | cc -w -Iinclude -xc - -xnone -Lbuild -ldualpath -o /first/program
        dpkg-shlibdeps -O -Sdebian/$library -e/first/program" | grep -F -e "$library ($2"
}

# ---- using ----

# What our packages and their tests depend on, but for our packages, and what autopkgtest installs.
others() {
    {
        echo dpkg-dev
        for package in "$work"/packages/*.deb; do
            dpkg-deb -f "$package" Depends
        done
        sed -n 's/^Depends: //p' "$tree/debian/tests/control"
    } | tr ',' '\n' | sed 's/^ *//' | grep -v dualpath | sort -u | paste -s -d ','
}

has_others() {
    mkdir "$work/packages" && cp "$work"/build/first/*.deb "$work/packages" && rm "$work"/packages/*-dbgsym_* &&
        fresh_root clean && in_root clean "apt-get satisfy -y --no-install-recommends '$(others)'" &&
        listing >"$work/before"
}

# All files of the clean root but what apt and dpkg keep for themselves.
listing() {
    (cd "$work/clean" && find . -path ./tmp -prune -o -path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune -o \
        -path ./var/cache/apt -prune -o -path ./var/log -prune -o -print | LC_ALL=C sort)
}

installs() {
    mkdir "$work/clean/tmp/packages" && cp "$work"/packages/*.deb "$work/clean/tmp/packages" &&
        in_root clean "$apt_install /tmp/packages/*.deb"
}

# The source package's own tests, with what is installed.
passes_autopkgtest() {
    separate --mount-proc sh -ec "mount -t proc proc '$work/clean/proc'
        exec autopkgtest --no-built-binaries '$tree/' -- chroot '$work/clean'"
}

purges() {
    in_root clean "apt-get purge -y '?name(dualpath)' && ! dpkg-query -W '*dualpath*'"
}

leaves_nothing() {
    listing | diff "$work/before" -
}

check "a root with $RELEASE alone" makes_base
check "and with what debian/control asks for to build" has_build_dependencies
check "dpkg-buildpackage, with the tests" builds
check "and again, elsewhere, by another user in another zone" builds_differently
check "both have the same packages, bit by bit" has_same_packages
check "all was compiled with the flags of dpkg-buildflags" is_hardened
check "lintian has nothing to say" passes_lintian
check "the symbols are the library's" accepts ''
check "a symbol that was not recorded is refused" refuses '/dp_model_open@/d' '+ dp_model_open@'
check "so is a recorded one that is gone" refuses '$a\ dp_gone@DUALPATH_EXPERIMENTAL 0.1' '#MISSING.* dp_gone@'
check "a program depends on the release that has its calls" depends_on dp_model_open '>= '
check "and on this version for what is experimental" depends_on dp_session_peak '<< '
check "another root has what others provide" has_others
check "apt installs the packages" installs
check "autopkgtest" passes_autopkgtest
check "apt purges them" purges
check "and nothing is left" leaves_nothing
exit $failed
