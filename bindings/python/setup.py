"""Builds the shared library with the project's Makefile and bundles it in the wheel.

With DUALPATH_SYSTEM_LIBRARY=1 in the environment the wheel is pure Python, and what is installed loads
the library that the system has: for packages of distributions.
"""

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
SOURCES = ("Makefile", "LICENSE", "include", "lib")
NO_SOURCES = shutil.ignore_patterns("__pycache__", ".*", "*~", "*.o", "*.orig", "*.rej")
STATED = runpy.run_path(str(HERE / "dualpath" / "_version.py"))  # what dualpath.h states
WITH_LIBRARY = os.environ.get("DUALPATH_SYSTEM_LIBRARY") != "1"


def source_root() -> Path:
    """The C sources: those inside a source distribution, or the tree that this folder is in."""
    for root in (HERE / "libdualpath", HERE.parents[1]):
        if (root / "include" / "dualpath.h").is_file() and (root / "Makefile").is_file():
            return root
    raise SystemExit(
        "dualpath: the C sources of libdualpath are not here; build from its source tree with "
        "`pip install ./bindings/python`"
    )


class BuildPackage(build_py):
    """Adds what the header states, and the library with its licence. An editable install uses the
    tree's own build."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left there would be in the wheel.
        shutil.rmtree(Path(self.build_lib) / "dualpath", ignore_errors=True)
        super().run()
        package = Path(self.build_lib) / "dualpath"
        (package / "_version.py").write_text(
            f"VERSION = {STATED['VERSION']!r}\nABI_VERSION = {STATED['ABI_VERSION']}\n"
        )
        if WITH_LIBRARY:
            self.bundle_library(source_root(), package)

    def bundle_library(self, root: Path, package: Path) -> None:
        build = Path(self.get_finalized_command("build").build_temp).resolve()
        if shutil.which("make") is None:
            raise SystemExit("dualpath: GNU make is not here, which builds the library")
        # Relative, because make cannot have spaces in the names of its targets.
        target = f"BUILD={os.path.relpath(build, root)}"
        make = ["make", "-C", root, target]
        subprocess.run([*make, f"-j{os.cpu_count() or 1}", "shared"], check=True)
        # Its name is that of the system that $CC compiles for, which need not be this one.
        asked = subprocess.run([*make, "-s", "shared-name"], check=True, stdout=subprocess.PIPE)
        library = asked.stdout.decode().strip()
        shutil.copyfile(build / library, package / library)
        shutil.copyfile(root / "LICENSE", package / "LICENSE")


class SourceDistribution(sdist):
    """Adds the C sources, so that a wheel can be built without the rest of the tree."""

    def make_release_tree(self, base_dir, files) -> None:
        super().make_release_tree(base_dir, files)
        root = source_root()
        for name in SOURCES:
            target = Path(base_dir) / "libdualpath" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / name).is_dir():
                shutil.copytree(root / name, target, ignore=NO_SOURCES)
            else:
                shutil.copy2(root / name, target)


class PlatformDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


def with_library() -> dict[str, Any]:
    """The options of a wheel with the library: it is for one platform."""
    try:
        from setuptools.command.bdist_wheel import bdist_wheel
    except ImportError:
        raise SystemExit("dualpath: to build it takes setuptools 77 or later") from None

    class PlatformWheel(bdist_wheel):
        """The library is called through ctypes: any Python 3, but one platform."""

        def get_tag(self):
            return "py3", "none", super().get_tag()[2]

    return {
        "license_expression": "MIT",
        "distclass": PlatformDistribution,
        "cmdclass": {"bdist_wheel": PlatformWheel},
    }


def without_library() -> dict[str, Any]:
    """Those of a pure one, in words that the setuptools of distributions know, too."""
    return {"license": "MIT", "cmdclass": {}}


OPTIONS = with_library() if WITH_LIBRARY else without_library()
OPTIONS["cmdclass"].update(build_py=BuildPackage, sdist=SourceDistribution)
setup(version=STATED["VERSION"], **OPTIONS)
