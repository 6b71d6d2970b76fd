# The library for systems that are not here, compiled and linked with the clang and the C libraries of
# the Python package ziglang. What cannot run here is only looked at: exported symbols and the layout of
# structs against the recorded ABI, and the instruction sets that there are kernels for. 64-bit ARM with
# musl runs in qemu.
CROSS_TARGETS   := aarch64-macos x86_64-macos aarch64-freebsd x86_64-freebsd aarch64-linux-musl
ANDROID_TARGETS := aarch64-linux-android x86_64-linux-android
CROSS_VENV      := $(BUILD)/venv-zig
CROSS_BUILD     := $(BUILD)/cross
cross_cc         = sh tests/machines/zig-cc $(CROSS_VENV)/bin/python -target $(1)
cross_make       = $(SANITIZED) BUILD=$(CROSS_BUILD)/$(1) CC="$(call cross_cc,$(1))" AR=llvm-ar NM=llvm-nm CLANG= \
    OBJCOPY=$(if $(findstring macos,$(1)),,llvm-objcopy) CFLAGS="-O3 -Werror"
CROSS_RUN        = aarch64-linux-musl

.PHONY: check-cross check-cross-tools check-cross-run $(CROSS_TARGETS:%=check-cross-%) $(ANDROID_TARGETS:%=check-cross-%)
check-cross: ## the library for macOS, FreeBSD, Android and 64-bit ARM with musl, as far as it can be had here (minutes)
check-cross: $(CROSS_TARGETS:%=check-cross-%) $(ANDROID_TARGETS:%=check-cross-%) check-cross-run

check-cross-tools:
	@.ci/setup build cross aarch64
	@PYTHON="$(PYTHON)" sh .ci/venv-setup $(CROSS_VENV) tests/machines/requirements.txt
	@.ci/debian-sources $(BUILD)/sources zlib libpng1.6
check-cross%: export ZIG_GLOBAL_CACHE_DIR := $(abspath $(BUILD))/zig-cache

# Library, command line program, examples and the one file.
$(CROSS_TARGETS:%=check-cross-%): check-cross-%: check-cross-tools
	@echo "== $*"
	@CC="$(call cross_cc,$*)" AR=llvm-ar sh tests/machines/libraries.sh $(BUILD)/sources $(CROSS_BUILD)/$*/root zlib libpng
	@$(call cross_make,$*) ZLIB=1 CPPFLAGS=-I$(CROSS_BUILD)/$*/root/include LDFLAGS=-L$(CROSS_BUILD)/$*/root/lib \
	    static shared $(CROSS_BUILD)/$*/dualpath $(EXAMPLES:%=$(CROSS_BUILD)/$*/examples/%) \
	    $(CROSS_BUILD)/$*/amalgamation/dualpath.o check-other-abi check-tables
	@echo "$*: the library, the command line program and the examples, warnings as errors; the recorded ABI; all kernels"

# Without the headers of its C library: the library that needs no system, with those of string.h and
# math.h that ISO C has in all of them. It asks for nothing else.
ANDROID_HEADERS = $(wildcard $(CROSS_VENV)/lib/python*/site-packages/ziglang/lib/libc/include)
$(ANDROID_TARGETS:%=check-cross-%): check-cross-%: check-cross-tools
	@echo "== $*"
	@$(call cross_make,$*) ZLIB=0 DEFINES= LIBS=-nostdlib \
	    CPPFLAGS="-DDP_FREESTANDING -isystem $(ANDROID_HEADERS)/$(*:android=musl) -isystem $(ANDROID_HEADERS)/generic-musl" \
	    SHARED_LDFLAGS="-Wl,-soname,libdualpath.so -Wl,--version-script=lib/dualpath.map" static shared check-other-abi check-tables
	@! llvm-nm -D --undefined-only $(CROSS_BUILD)/$*/libdualpath.so | sed 's/^ *[Uw] *//' | \
	    grep -vxE "$$(grep -v '^$(hash)' tests/firmware/symbols.txt)|syscall|__aarch64_.*"
	@echo "$*: the library without an operating system, warnings as errors; the recorded ABI; all kernels"

# Exported names, and the layout in static assertions.
.PHONY: check-other-abi
check-other-abi: $(SHARED) $(STATIC)
	@mkdir -p $(BUILD)/tests/abi
	@sed 's/ .*//' tests/abi/exports.txt | LC_ALL=C sort >$(BUILD)/tests/abi/public.txt
	@$(NM) -g --defined-only $(SHARED) | sed -n 's/^.* [TDRSB] //p' | $(NAMES_OF_NM) | diff -u $(BUILD)/tests/abi/public.txt -
ifneq ($(HAS_OBJCOPY),)
	@$(NM) -g --defined-only $(STATIC) | awk 'NF == 3 { print $$3 }' | LC_ALL=C sort | diff -u $(BUILD)/tests/abi/public.txt -
endif
	@sh tests/abi/layout_asserts.sh <tests/abi/$(LAYOUT) | $(CC) -std=c11 $(WARNINGS) -ffreestanding -Werror -Iinclude \
	    -xc -c - -o $(BUILD)/tests/abi/layout.o

# The instruction sets that kernels were compiled for, by the ends of their names. Linux alone has AMX.
TABLES_x86 := $(if $(findstring linux,$(TARGET)),amx) avx2 avx512 avx512_vnni avx_vnni c rows
TABLES_arm := c neon neon_bf16 neon_dot neon_i8mm neon_unpack rows
.PHONY: check-tables
check-tables: $(LIB_OBJECTS)
	@tables=$$($(NM) $(filter $(BUILD)/lib/isa/%,$^) 2>/dev/null | sed -n 's/^.* t .*[a-z0-9]__\([a-z][a-z0-9_]*\)$$/\1/p' | LC_ALL=C sort -u | xargs); \
	    test "$$tables" = "$(strip $(TABLES_$(ISA_FAMILY)))" || { echo "there are kernels for: $$tables" >&2; exit 1; }

# macOS puts a line before names, and names of its own into every library.
NAMES_OF_NM := sed -e 's/@.*//' $(if $(MACOS),-e '/^___*dso_handle$$/d' -e '/^__mh_/d' -e 's/^_//') | LC_ALL=C sort

# Plain C answers as on this machine, vectors as gcc's with glibc. The one file is among the answers:
# check-amalgamation has options that ziglang's compiler does not know.
RUN_OPTIONS   := ZLIB=0 CLANG= LDFLAGS=-static CPPFLAGS=-Itests/machines CHECK_LIBS=
RUN_EMULATOR  := qemu-aarch64 -cpu max
RUN_ANSWERS    = $(CROSS_BUILD)/run/tests/same-bits/answers
GLIBC_ANSWERS := $(BUILD)/aarch64/tests/same-bits/answers
check-cross-run: check-cross-$(CROSS_RUN) $(ANSWERS)
	@echo "== $(CROSS_RUN) in qemu"
	@$(call cross_make,$(CROSS_RUN)) BUILD=$(CROSS_BUILD)/run $(RUN_OPTIONS) MACHINE=aarch64 MACHINE_CPUS=max \
	    EMULATED_CHECKS=check-versions check-emulated $(RUN_ANSWERS) $(RUN_ANSWERS)_amalgamation
	@$(SANITIZED) BUILD=$(BUILD)/aarch64 CC=$(TRIPLET_aarch64)-gcc $(RUN_OPTIONS) $(GLIBC_ANSWERS)
	@sh tests/same-bits/answers.sh c $(ANSWERS) "$(RUN_EMULATOR) $(RUN_ANSWERS)"
	@sh tests/same-bits/answers.sh "$(KERNEL_LEVELS_arm)" "$(RUN_EMULATOR) $(GLIBC_ANSWERS)" \
	    "$(RUN_EMULATOR) $(RUN_ANSWERS)" "$(RUN_EMULATOR) $(RUN_ANSWERS)_amalgamation"
