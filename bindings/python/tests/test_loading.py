"""Which library is loaded, when, and what is said of one that is none."""

from __future__ import annotations

import re
import threading
import time

from native import compile_c, run_python

import dualpath
from dualpath import _lib


class TestLoading:
    def test_import_loads_nothing(self):
        code = (
            "import sys, dualpath\n"
            "heavy = {'gguf', 'safetensors', 'av'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
            "assert 'libdualpath' not in open('/proc/self/maps').read()\n"
        )
        done = run_python(code, DUALPATH_LIBRARY="/nowhere/libdualpath.so")
        assert done.returncode == 0, done.stderr

    def test_missing_library(self):
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY="/nowhere/libdualpath.so")
        assert "LibraryError: cannot load libdualpath from '/nowhere/libdualpath" in done.stderr

    def test_other_abi(self, tmp_path):
        source = "unsigned dp_abi_version(void);\nunsigned dp_abi_version(void) { return 77; }\n"
        compile_c(source, tmp_path / "other.so", "-shared", "-fPIC")
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY=str(tmp_path / "other.so"))
        needs = f"needs {_lib.ABI_VERSION}"
        assert re.search(rf"LibraryError: .*other\.so has ABI version 77, .* {needs}", done.stderr)

    def test_not_this_library(self, tmp_path):
        compile_c("int x;\n", tmp_path / "empty.so", "-shared", "-fPIC")
        code = "import dualpath; dualpath.library_version()"
        done = run_python(code, DUALPATH_LIBRARY=str(tmp_path / "empty.so"))
        assert "LibraryError: cannot load libdualpath" in done.stderr

    def test_version(self):
        assert dualpath.library_version() == dualpath.__version__

    def test_the_gil_is_released(self, session):
        worker = threading.Thread(target=session.peak, args=(300,))
        worker.start()
        turns = 0
        while worker.is_alive():
            time.sleep(0.01)
            turns += 1
        assert turns >= 5
