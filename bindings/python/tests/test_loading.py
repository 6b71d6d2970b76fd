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

    def loads(self, library: str) -> str:
        done = run_python("import dualpath; dualpath.library_version()", DUALPATH_LIBRARY=library)
        return done.stderr

    def other(self, folder, version: int, calls=_lib._PROTOTYPES) -> str:
        """A library that only has names."""
        names = [name for name in calls if name not in ("dp_abi_version", "dp_version")]
        source = f"unsigned dp_abi_version(void) {{ return {_lib.ABI_VERSION}; }}\n"
        source += f"unsigned dp_version(void) {{ return {version}; }}\n"
        source += "".join(f"void {name}(void) {{}}\n" for name in names)
        compile_c(source, folder / "other.so", "-shared", "-fPIC")
        return str(folder / "other.so")

    def test_older_version(self, tmp_path):
        said = self.loads(self.other(tmp_path, 100, calls=["dp_model_open"]))
        assert f"other.so is version 0.1.0, this package needs {_lib.VERSION} or later" in said
        assert "name another library in the environment variable DUALPATH_LIBRARY" in said

    def test_newer_version(self, tmp_path):
        assert self.loads(self.other(tmp_path, 9903)) == ""

    def test_calls_that_are_not_there(self, tmp_path):
        gone = {"dp_session_top", "dp_model_open_task"}
        calls = [name for name in _lib._PROTOTYPES if name not in gone]
        said = self.loads(self.other(tmp_path, _lib._number(_lib.VERSION), calls))
        assert "LibraryError" in said
        assert "does not have dp_model_open_task, dp_session_top: install the library" in said

    def test_experimental_calls_of_another_version(self, tmp_path):
        code = "from dualpath import _lib; _lib.with_experimental()"
        done = run_python(code, DUALPATH_LIBRARY=self.other(tmp_path, 9903))
        assert "is version 0.99.3; what is experimental needs" in done.stderr

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
