# Wheels of the Python package for other systems than this one, and the source distribution that they are
# made of: each with the library that a compiler for its system made here. zlib is inside, from Debian's
# sources: nobody has to have it, and no wheel needs anything but the C library of its system.
WHEELS          := $(BUILD)/wheels
WHEEL_VENV      := $(abspath $(BUILD))/venv-wheels
WHEEL_WORK      := $(abspath $(BUILD))/wheels-work
WHEEL_PLATFORMS := manylinux_2_17_x86_64 manylinux_2_17_aarch64 musllinux_1_2_x86_64 musllinux_1_2_aarch64 \
    macosx_11_0_arm64 macosx_11_0_x86_64 win_amd64
WHEEL_TARGET_manylinux_2_17_x86_64  := x86_64-linux-gnu.2.17
WHEEL_TARGET_manylinux_2_17_aarch64 := aarch64-linux-gnu.2.17
WHEEL_TARGET_musllinux_1_2_x86_64   := x86_64-linux-musl
WHEEL_TARGET_musllinux_1_2_aarch64  := aarch64-linux-musl
WHEEL_TARGET_macosx_11_0_arm64      := aarch64-macos.11.0
WHEEL_TARGET_macosx_11_0_x86_64     := x86_64-macos.11.0
WHEEL_CC_win_amd64 := $(WINDOWS_CC)
WHEEL_AR_win_amd64 := x86_64-w64-mingw32-ar
wheel_cc    = $(or $(WHEEL_CC_$(1)),sh $(abspath tests/machines/zig-cc) $(abspath $(CROSS_VENV))/bin/python -target $(WHEEL_TARGET_$(1)))
wheel_ar    = $(or $(WHEEL_AR_$(1)),llvm-ar)
wheel_of    = $(WHEELS)/dualpath-$(VERSION)-py3-none-$(1).whl
WHEEL_SDIST := $(WHEELS)/dualpath-$(VERSION).tar.gz
WHEEL_FILES := $(WHEEL_PLATFORMS:%=$(call wheel_of,%))
WHEEL_SOURCES := Makefile LICENSE $(wildcard include/*.h lib/dualpath.map lib/*.h lib/*/*.[ch] lib/*/*/*.[ch] lib/os/windows/build.mk) \
    $(addprefix bindings/python/,wheels.mk unload.c setup.py pyproject.toml README.md MANIFEST.in) \
    $(wildcard bindings/python/dualpath/* bindings/python/dualpath/*/*.* bindings/python/tests/*.py)

.PHONY: wheels wheel-tools wheel-files
wheels: ## $(BUILD)/wheels: the Python package for manylinux, musllinux, macOS and Windows, and its source distribution
	@.ci/setup build windows cross
	@$(MAKE) --no-print-directory wheel-tools
	@$(MAKE) --no-print-directory wheel-files

wheel-tools:
	@PYTHON="$(PYTHON)" sh .ci/venv-setup $(WHEEL_VENV) bindings/python/requirements-wheels.txt
	@PYTHON="$(PYTHON)" sh .ci/venv-setup $(CROSS_VENV) tests/machines/requirements.txt
	@.ci/debian-sources $(BUILD)/sources zlib

wheel-files: $(WHEEL_SDIST) $(WHEEL_FILES)

# The package as it is now: nothing of an earlier version stays beside it.
FRESH := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PIP_DISABLE_PIP_VERSION_CHECK=1
$(WHEEL_SDIST): $(WHEEL_SOURCES)
	@rm -rf $(WHEELS) && mkdir -p $(WHEELS)
	@$(FRESH) $(WHEEL_VENV)/bin/python -m build -q --sdist --no-isolation -o $(WHEELS) bindings/python
	@echo "wheels: $@"

$(WHEEL_FILES): $(call wheel_of,%): $(WHEEL_SDIST)
	@CC="$(call wheel_cc,$*)" AR="$(call wheel_ar,$*)" ZIG_GLOBAL_CACHE_DIR=$(abspath $(BUILD))/zig-cache \
	    sh tests/machines/libraries.sh $(BUILD)/sources $(WHEEL_WORK)/$* zlib
	@$(if $(findstring manylinux,$*),ZIG_GLOBAL_CACHE_DIR=$(abspath $(BUILD))/zig-cache \
	    $(call wheel_cc,$*) -O2 -fPIC -c bindings/python/unload.c -o $(WHEEL_WORK)/$*/unload.o)
	@$(FRESH) CC="$(call wheel_cc,$*)" OBJCOPY= ZLIB=1 CFLAGS=-O3 CPPFLAGS=-I$(WHEEL_WORK)/$*/include \
	    LDFLAGS="-L$(WHEEL_WORK)/$*/lib -Wl,-s $(if $(findstring manylinux,$*),$(WHEEL_WORK)/$*/unload.o)" ZIG_GLOBAL_CACHE_DIR=$(abspath $(BUILD))/zig-cache \
	    $(WHEEL_VENV)/bin/pip wheel -q --no-index --no-deps --no-build-isolation -w $(WHEELS) \
	    --config-settings=--build-option=--plat-name=$* $(WHEEL_SDIST)
	@$(if $(findstring musllinux,$*),sh bindings/python/name-musl.sh $(WHEEL_VENV) $@)
	@echo "wheels: $@"
