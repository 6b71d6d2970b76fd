"""What systems have in their own way, as far as one of them can tell."""

from __future__ import annotations

import sys

import pytest

from dualpath import _lib, _system


class TestSystem:
    @pytest.mark.parametrize(
        ("system", "name"),
        [
            ("linux", "libdualpath.so.{}"),
            ("freebsd14", "libdualpath.so.{}"),
            ("darwin", "libdualpath.{}.dylib"),
            ("win32", "libdualpath-{}.dll"),
        ],
    )
    def test_name_of_the_library(self, system, name):
        assert _system.library_name(system, 7) == name.format(7)

    def test_name_here(self):
        assert _lib.LIBRARY_NAME == _system.library_name(sys.platform, _lib.ABI_VERSION)

    @pytest.mark.parametrize("path", ["über alles/模型.gguf", "über alles/模型.gguf".encode()])
    def test_paths_on_windows(self, path, monkeypatch):
        monkeypatch.setattr(_system, "ON_WINDOWS", True)
        monkeypatch.setattr(_system.os, "fsencode", lambda _: pytest.fail("its code page was asked"))
        assert _system.path_bytes(path) == "über alles/模型.gguf".encode()

    def test_null_in_a_path(self):
        with pytest.raises(ValueError, match="null character"):
            _system.path_bytes("model\0.gguf")
