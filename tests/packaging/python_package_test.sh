#!/bin/sh
# Tests that the Python package can be had in every way that people install one: from a source
# distribution, from a checkout, editable. PYTHON is the interpreter. Without packages from outside it
# is skipped with the reason; in CI that is a failure.
set -u
. tests/packaging/checks.sh

skip() {
    if [ "${CI:-}" = true ]; then
        echo "python package: failed: $1"
        exit 1
    fi
    echo "python package: skipped: $1"
    exit 0
}

PYTHON=${PYTHON:-python3}
checkout="$work/a checkout"
package=$checkout/bindings/python
export CFLAGS=-O0 PIP_DISABLE_PIP_VERSION_CHECK=1

venv() { # venv NAME PACKAGE...
    name=$1
    shift
    "$PYTHON" -m venv "$work/$name" && "$work/$name/bin/pip" install -q "$@"
}

copy_checkout() {
    mkdir -p "$package" && cp -R Makefile LICENSE include lib "$checkout" &&
        cp -R bindings/python/dualpath bindings/python/tests "$package" &&
        find "$package" -name __pycache__ -prune -exec rm -r {} + &&
        (cd bindings/python && cp MANIFEST.in README.md pyproject.toml setup.py "$package")
}

# A wheel of a source distribution, which has all that is needed.
build_both() {
    (cd "$package" && unset MAKEFLAGS MAKELEVEL && "$work/tools/bin/python" -m build -q -o "$work/dist")
}

# classifies FOLDER: the installed package does, with the library of this folder.
classifies() {
    golden=$PWD/tests/golden/released
    (cd "$work" && unset PYTHONPATH DUALPATH_LIBRARY && clean/bin/python -c "
import sys, numpy, dualpath
from dualpath._lib import _library_path
golden, library = sys.argv[1:]
with dualpath.Model(golden + '.gguf') as model, dualpath.Session(model) as session:
    result = session.classify(numpy.load(golden + '.frames.npy'), sampling='given')
expected = numpy.load(golden + '.logits.npy').ravel()
numpy.testing.assert_allclose(result.logits, expected, rtol=1e-4, atol=1e-5)
assert dualpath.__version__ == dualpath.library_version()
assert library in _library_path(), _library_path()" "$golden" "$1")
}

# The command line program of the installed package.
runs() {
    golden=$PWD/tests/golden/released
    (cd "$work" && unset PYTHONPATH DUALPATH_LIBRARY && clean/bin/python -m dualpath info "$golden.gguf" >info.txt &&
        grep -x 'method *dualpath' info.txt && clean/bin/python -m dualpath classify "$golden.gguf" "$golden.frames.npy")
}

installs() {
    (unset MAKEFLAGS MAKELEVEL && "$work/clean/bin/pip" install -q --force-reinstall --no-deps "$@")
}

# A module that was there when the checkout was built before is in no wheel of what it is now.
wheel_of_checkout() {
    touch "$package/dualpath/removed.py" && wheel before &&
        rm "$package/dualpath/removed.py" && wheel after
}

wheel() {
    (unset MAKEFLAGS MAKELEVEL && "$work/clean/bin/pip" wheel -q --no-deps -w "$work/$1" "$package")
}

files_of() {
    "$PYTHON" -m zipfile -l "$1"/*.whl | sed 's/ .*//' | LC_ALL=C sort
}

has_same_files() {
    files_of "$work/dist" >"$work/one.txt"
    files_of "$work/after" | diff "$work/one.txt" -
}

# What distributions make: pure Python, for the library that the system has.
wheel_for_system() {
    (export DUALPATH_SYSTEM_LIBRARY=1 && wheel system) && ls "$work"/system/*-py3-none-any.whl &&
        ! files_of "$work/system" | grep libdualpath
}

# classifies_by_loader FOLDER: with the library of this folder, where the loader looks.
classifies_by_loader() {
    (export LD_LIBRARY_PATH="$1" && classifies libdualpath.so)
}

finds_no_library() {
    ! classifies libdualpath.so >"$work/out" 2>&1 && grep -e 'LibraryError: .* Install the library' "$work/out"
}

says_what_is_missing() {
    ! (cd "$package" && PATH=/nowhere "$work/clean/bin/python" setup.py -q build >"$work/out" 2>&1) &&
        cat "$work/out" && tail -n 1 "$work/out" | grep -e "$1"
}

command -v "$PYTHON" >/dev/null 2>&1 || skip "there is no $PYTHON"
venv tools build >"$work/log" 2>&1 && venv clean 'numpy>=1.22' 'setuptools>=77' >"$work/log" 2>&1 ||
    skip "packages could not be installed: $(tail -n 1 "$work/log")"

check "a checkout in a folder with a space" copy_checkout
check "a source distribution, and a wheel of it" build_both
check "the wheel is installed" installs "$work"/dist/*.whl
check "and classifies with the library inside" classifies /site-packages/dualpath/
check "and runs as a command line program" runs
check "a wheel of the checkout" wheel_of_checkout
check "has the same files as that of the source distribution" has_same_files
check "an editable install" installs -e "$package"
mkdir "$checkout/build"
cp "$package"/build/temp*/libdualpath.so.? "$checkout/build"
check "classifies with the library that make built" classifies "/a checkout/build/"
check "a wheel without a library" wheel_for_system
check "is installed" installs "$work"/system/*.whl
check "classifies with the library that the loader finds" classifies_by_loader "$checkout/build"
check "and says so where it finds none" finds_no_library
check "without make, setup.py says so" says_what_is_missing 'GNU make'
exit $failed
