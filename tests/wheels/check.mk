# The wheels of `make wheels`: what is in them, what they ask of a system, and each that can run here in a
# fresh environment: Pythons of Debian's releases, one of 64-bit ARM by qemu, two that are made from
# sources (musl; no GIL), and those of Windows in Wine. Of macOS and of 64-bit ARM with musl, nothing runs but the
# library of the latter, in a C program.
WHEEL_LIBRARIES    := $(WHEEL_WORK)/libraries
WHEEL_ENVIRONMENTS := oldest newer newest aarch64 musl freethreaded windows-oldest windows-newer
WHEEL_PYTHON_SOURCES := $(BUILD)/sources-trixie

.PHONY: check-wheels check-wheel-contents check-wheel-systems check-wheel-sdist check-wheel-tests check-wheel-pythons check-wheel-musl-arm
check-wheels: ## the wheels: what is in them and what they need; installed in Pythons for each system that runs here (many minutes once)
	@.ci/setup build windows cross wheels
	@$(MAKE) --no-print-directory wheels
	@$(MAKE) --no-print-directory check-wheel-contents check-wheel-systems check-wheel-sdist check-wheel-tests
	@$(MAKE) --no-print-directory check-wheel-pythons
	@$(MAKE) --no-print-directory $(WHEEL_ENVIRONMENTS:%=check-wheel-in-%) check-wheel-musl-arm

check-wheel-contents:
	@echo "== wheels: contents"
	@rm -rf $(WHEEL_LIBRARIES)
	@$(PYTHON) tests/wheels/contents.py $(WHEEL_LIBRARIES) $(WHEEL_FILES)

# What the libraries export, and what they need.
check-wheel-systems:
	@echo "== wheels: what they need of a system"
	@set -e; for platform in $(filter manylinux% musllinux%,$(WHEEL_PLATFORMS)); do \
	    sh tests/wheels/elf.sh $(WHEEL_VENV)/bin/auditwheel $(WHEELS)/*-$$platform.whl $(WHEEL_LIBRARIES)/$$platform/libdualpath.so.$(ABI); done
	@set -e; for processor in arm64 x86_64; do \
	    sh tests/wheels/exports.sh $(WHEEL_LIBRARIES)/macosx_11_0_$$processor/libdualpath.$(ABI).dylib; \
	    $(PYTHON) tests/wheels/macho.py $(WHEEL_LIBRARIES)/macosx_11_0_$$processor/libdualpath.$(ABI).dylib 11.0 $$processor @rpath/libdualpath.$(ABI).dylib; done
	@sh tests/windows/dll.sh x86_64-w64-mingw32-objdump $(WHEEL_LIBRARIES)/win_amd64/libdualpath-$(ABI).dll

# pip builds it with the packages that pyproject.toml asks for, and a compiler that this machine has.
check-wheel-sdist:
	@echo "== wheels: source distribution"
	@rm -rf $(WHEEL_WORK)/venv-sdist $(WHEEL_WORK)/files && mkdir -p $(WHEEL_WORK)/files
	@$(PYTHON) -m venv $(WHEEL_WORK)/venv-sdist
	@$(FRESH) CFLAGS=-O1 $(WHEEL_WORK)/venv-sdist/bin/pip install -q $(WHEEL_SDIST)
	@env -u PYTHONPATH -u DUALPATH_LIBRARY $(WHEEL_WORK)/venv-sdist/bin/python tests/wheels/installed.py tests/golden $(WHEEL_WORK)/files

# All tests of the package, on the wheel for this machine.
check-wheel-tests: WHEEL_TEST_VENV := $(WHEEL_WORK)/venv-tests
check-wheel-tests:
	@echo "== wheels: all Python tests"
	@PYTHON="$(PYTHON)" sh .ci/venv-setup $(WHEEL_TEST_VENV) bindings/python/requirements-test.txt
	@$(FRESH) $(WHEEL_TEST_VENV)/bin/pip install -q --force-reinstall --no-index --no-deps --find-links $(WHEELS) dualpath
	@env -u PYTHONPATH -u DUALPATH_LIBRARY $(WHEEL_TEST_VENV)/bin/python -m pytest -q -rs -p no:cacheprovider bindings/python/tests

check-wheel-pythons:
	@.ci/debian-sources $(BUILD)/sources zlib libffi
	@RELEASE=trixie .ci/debian-sources $(WHEEL_PYTHON_SOURCES) python3.13
	@CC=musl-gcc AR=ar sh tests/wheels/build-python.sh $(WHEEL_PYTHON_SOURCES)/python3.13-*/ $(BUILD)/sources $(WHEEL_WORK)/python-musl
	@CC="$(CC)" AR=ar sh tests/wheels/build-python.sh $(WHEEL_PYTHON_SOURCES)/python3.13-*/ $(BUILD)/sources $(WHEEL_WORK)/python-freethreaded --disable-gil

check-wheel-in-%:
	@TOOLS=$(WHEEL_VENV)/bin/python PYTHONS=$(WHEEL_WORK) WINE=$(lastword $(WINE)) sh tests/wheels/environments.sh $(WHEEL_WORK)/environments $(WHEELS) $*

# Answers of the wheel's library with a musl that loads it at run time, in plain C: those of this machine.
# musl is among what the environment aarch64 was unpacked with.
MUSL_ARM := $(WHEEL_LIBRARIES)/musllinux_1_2_aarch64
check-wheel-musl-arm: $(ANSWERS) check-wheel-in-aarch64
	@echo "== wheel: musllinux_1_2_aarch64, a C program"
	@ZIG_GLOBAL_CACHE_DIR=$(abspath $(BUILD))/zig-cache $(call cross_cc,aarch64-linux-musl) -dynamic $(APP_CFLAGS) -O2 \
	    tests/same-bits/answers.c $(MUSL_ARM)/libdualpath.so.$(ABI) -o $(MUSL_ARM)/answers
	@sh tests/same-bits/answers.sh c $(ANSWERS) \
	    "qemu-aarch64 -cpu max -L $(WHEEL_WORK)/environments/bookworm-arm64 -E LD_LIBRARY_PATH=$(MUSL_ARM) $(MUSL_ARM)/answers"
