"""The Conan recipe of libdualpath: `conan create bindings/conan`. It builds with the Makefile, static
unless `-o "dualpath/*:shared=True"`, and with zlib, for gzip-compressed models, unless
`-o "dualpath/*:with_zlib=False"`."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import build_jobs
from conan.tools.files import copy, load, rm, rmdir
from conan.tools.gnu import AutotoolsDeps, AutotoolsToolchain


class Dualpath(ConanFile):
    name = "dualpath"
    description = "Action recognition in video on a CPU"
    license = "MIT"
    topics = ("video", "action-recognition", "transformer")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "with_zlib": [True, False]}
    default_options = {"shared": False, "with_zlib": True}

    @property
    def tree(self):
        """The source tree that the recipe is in."""
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        header = load(self, os.path.join(self.tree, "include", "dualpath.h"))
        self.version = re.search(r'DP_VERSION_STRING "(.*)"', header)[1]

    def export_sources(self):
        for name in ("Makefile", "LICENSE", "include/*", "lib/*", "bindings/cmake/*"):
            copy(self, name, self.tree, self.export_sources_folder)

    def configure(self):
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("the Makefile makes libraries for Linux")

    def requirements(self):
        if self.options.with_zlib:
            self.requires("zlib/[>=1.2.11 <2]")

    def generate(self):
        AutotoolsToolchain(self).generate()
        AutotoolsDeps(self).generate()

    def make(self, *arguments):
        self.run(" ".join([
            f'make -C "{self.source_folder}" BUILD=build ZLIB={int(bool(self.options.with_zlib))}',
            *arguments,
        ]))

    def build(self):
        self.make(f"-j{build_jobs(self)}", "static", "shared")

    def package(self):
        self.make("install-lib", "PREFIX=", f'DESTDIR="{self.package_folder}"')
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        lib = os.path.join(self.package_folder, "lib")
        rm(self, "*.a" if self.options.shared else "*.so*", lib)
        # Conan writes its own.
        rmdir(self, os.path.join(lib, "cmake"))
        rmdir(self, os.path.join(lib, "pkgconfig"))

    def package_info(self):
        self.cpp_info.libs = ["dualpath"]
        self.cpp_info.system_libs = ["m", "pthread"]
