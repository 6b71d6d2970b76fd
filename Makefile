# libdualpath: `make help` lists what there is. Everything that is built goes to $(BUILD).

ifeq ($(wildcard include/dualpath.h),)
$(error make must run in the source tree of libdualpath: make -C FOLDER)
endif

# The header states them, and nothing else does (tests/packaging/version_test.sh).
VERSION := $(shell sed -n 's/^.define DP_VERSION_STRING "\(.*\)"/\1/p' include/dualpath.h)
ABI     := $(shell sed -n 's/^.define DP_ABI_VERSION //p' include/dualpath.h)

# Not from the environment, where others have a BUILD: `make clean` removes it.
BUILD   := build
comma   := ,
hash    := \#
special := ' " ` $$ \ : ; = & | < > ( ) [ ] * ? ! ~ % $(comma) $(hash)
ifneq ($(words $(BUILD))$(strip $(foreach character,$(special),$(findstring $(character),$(BUILD)))),1)
$(error BUILD="$(BUILD)": make and the shell need a name without spaces and without any of $(special))
endif

# Files that say with which options things were built: what depends on one is built again when they
# change (see "options" at the end).
COMPILE_OPTIONS := $(BUILD)/options/compile.mk
LINK_OPTIONS    := $(BUILD)/options/link.mk
CXX_OPTIONS     := $(BUILD)/options/cxx.mk
CLANG_OPTIONS   := $(BUILD)/options/clang.mk

# `make install` without options installs what `make` built last, whatever its options were: `sudo` has
# another environment.
ifeq ($(or $(MAKECMDGOALS),all),$(filter install install-lib install-gstreamer,$(MAKECMDGOALS)))
ifeq ($(filter command environment,$(foreach name,CC AR OBJCOPY ZLIB CPPFLAGS CFLAGS LDFLAGS LIBS,$(origin $(name)))),)
-include $(LINK_OPTIONS)
endif
endif

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
DESTDIR ?=
CC      ?= cc
CXX     ?= c++
AR      ?= ar
CFLAGS  ?= -O3 -g
CXXFLAGS ?= -O2 -g
INSTALL ?= install
PYTHON  ?= python3

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fstrict-aliasing -Wstrict-aliasing=2
DEFINES  :=
LIBS     := -lm -lpthread

# A C compiler is all that must be there. What needs more is left out, and `make` says so.
has_header = $(shell printf '\043include <%s>\n' $(2) | $(1) -E - >/dev/null 2>&1 && echo 1)
HAS_PNG := $(call has_header,$(CC) $(CPPFLAGS) $(CFLAGS) -xc,png.h)
HAS_CXX := $(call has_header,$(CXX) $(CPPFLAGS) $(CXXFLAGS) -xc++,memory)

# ZLIB=0 builds without gzip-compressed models.
ifneq ($(filter undefined,$(origin ZLIB))$(filter missing,$(ZLIB)),)
ZLIB := $(or $(call has_header,$(CC) $(CPPFLAGS) $(CFLAGS) -xc,zlib.h),missing)
endif
ifeq ($(filter 0 1 missing,$(ZLIB)),)
$(error ZLIB=$(ZLIB): it is 1, with gzip-compressed models, or 0, without)
endif
ifeq ($(ZLIB),1)
LIBS += -lz
else
DEFINES += -DDP_NO_ZLIB
endif

ifneq ($(origin TARGET),file)
TARGET := $(shell $(CC) $(CPPFLAGS) $(CFLAGS) -dumpmachine)
endif
SYSTEM := $(if $(or $(findstring mingw,$(TARGET)),$(findstring windows,$(TARGET))),windows,posix)
ifeq ($(SYSTEM),windows)
LIBS := $(patsubst -lz,-l:libz.a,$(filter -lz,$(LIBS)))
SYSTEM_CFLAGS := -mcmodel=small
# gcc takes the stack to be aligned for vectors, which it is not here; the assembler (binutils 2.38)
# makes moves of its aligned ones that may be anywhere.
SYSTEM_CFLAGS += $(if $(findstring mingw,$(TARGET)),-Wa$(comma)-muse-unaligned-vector-move)
# printf() of C11; and macros of its headers convert numbers as they like.
STDIO_CFLAGS := -D__USE_MINGW_ANSI_STDIO=1 -Wno-float-conversion
endif
ifneq ($(filter i386% i486% i586% i686%,$(TARGET)),)
# The x87 unit rounds in its own way; SSE2 rounds as all others do.
FLOAT_CFLAGS := -msse2 -mfpmath=sse
endif
ifneq ($(filter s390x%,$(TARGET)),)
# Here C11 would have floats computed as doubles.
FLOAT_CFLAGS := -fexcess-precision=fast
endif

LIB_CFLAGS := -std=c11 $(WARNINGS) -fPIC -fvisibility=hidden -ffp-contract=off -DDP_BUILD_SHARED \
              $(DEFINES) $(FLOAT_CFLAGS) $(SYSTEM_CFLAGS) -Iinclude -Ilib
APP_CFLAGS := -std=c11 $(WARNINGS) $(STDIO_CFLAGS) -Iinclude

# Of lib/os, what the system at hand has.
LIB_SOURCES := $(wildcard lib/*/*.c lib/isa/*/*.c lib/os/$(SYSTEM)/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
EXAMPLES    := minimal scene cameras
APP_SOURCES := $(filter-out $(EXAMPLES:%=examples/%.c),$(wildcard examples/*.c)) $(wildcard examples/$(SYSTEM)/*.c)
ifeq ($(SYSTEM),windows)
APP_LIBS    := -municode -static-libgcc -l:libwinpthread.a
endif
APP_OBJECTS := $(APP_SOURCES:%.c=$(BUILD)/%.o)

STATIC := $(BUILD)/libdualpath.a
INTERNAL := $(BUILD)/tests/libdualpath-internal.a

# What the system calls a shared library, and what the linker has to know of it.
MACOS := $(or $(findstring darwin,$(TARGET)),$(findstring macos,$(TARGET)))
ifneq ($(filter windows,$(SYSTEM)),)
SHARED_FILE    := libdualpath-$(ABI).dll
else ifneq ($(MACOS),)
SHARED_NAME    := libdualpath.dylib
SHARED_ABI     := libdualpath.$(ABI).dylib
SHARED_FILE    := libdualpath.$(VERSION).dylib
SHARED_LDFLAGS := -Wl,-install_name,@rpath/$(SHARED_ABI)
LOADER_PATH    := DYLD_LIBRARY_PATH
else
SHARED_NAME    := libdualpath.so
SHARED_ABI     := libdualpath.so.$(ABI)
SHARED_FILE    := libdualpath.so.$(VERSION)
SHARED_LDFLAGS := -Wl,-soname,$(SHARED_ABI) -Wl,--version-script=lib/dualpath.map -Wl,-z,defs
LOADER_PATH    := LD_LIBRARY_PATH
endif
SHARED := $(BUILD)/$(SHARED_FILE)

# These call make again for $(BUILD): beside other goals, things would be built twice at the same time.
ALONE := clean setup demo bench-peers check check-batch check-ray check-spark check-cmake check-meson check-vcpkg check-rust check-gstreamer check-web fuzz check-firmware% firmware% record-firmware
ifneq ($(and $(filter $(ALONE),$(MAKECMDGOALS)),$(word 2,$(MAKECMDGOALS))),)
.NOTPARALLEL:
endif

.PHONY: all static shared shared-name examples left-out needs-libpng
all: static shared examples $(BUILD)/dualpath.1 ## the library (static and shared), the command line program, the examples

static: $(STATIC) ## $(BUILD)/libdualpath.a
shared: $(SHARED) ## $(BUILD)/libdualpath.so (macOS: libdualpath.dylib)
shared-name:
	@echo $(or $(SHARED_ABI),$(SHARED_FILE))
examples: $(if $(HAS_PNG),$(BUILD)/dualpath) $(EXAMPLES:%=$(BUILD)/examples/%) $(if $(HAS_CXX),$(BUILD)/examples/raii)

all examples: left-out
left-out:
ifeq ($(ZLIB),missing)
	@echo "left out: gzip-compressed models, for lack of zlib.h (Debian: zlib1g-dev, or make setup)"
endif
ifeq ($(HAS_PNG),)
	@echo "left out: the command line program, for lack of png.h (Debian: libpng-dev, or make setup)"
endif
ifeq ($(HAS_CXX),)
	@echo "left out: the example raii, for lack of a C++ compiler (Debian: g++, or make setup)"
endif

# Instruction sets are chosen at run time; only these files may use them. bindings/cmake reads the lines.
AVX2   := -mavx2 -mfma -mf16c -mprfchw
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
VNNI   := $(AVX512) -mavx512vnni -mavx512bf16
AMX    := $(VNNI) -mamx-tile -mamx-bf16 -mamx-int8
ISA_x86_avx2          := $(AVX2)
ISA_x86_avx_vnni      := $(AVX2) -mavxvnni
ISA_x86_avx512        := $(AVX512)
ISA_x86_avx512_vnni   := $(VNNI)
ISA_x86_int16_attention := $(VNNI)
ISA_x86_amx           := $(AMX)
ISA_x86_amx_attention := $(AMX)
ISA_x86_amx_gemm      := $(AMX)
ISA_arm_neon_dot      := -march=armv8.2-a+dotprod
ISA_arm_neon_i8mm     := -march=armv8.2-a+i8mm
ISA_arm_neon_bf16     := -march=armv8.2-a+bf16
ISA_OPTIONS := $(foreach isa,$(sort $(filter ISA_x86_% ISA_arm_%,$(.VARIABLES))),'$(isa:ISA_%=%)=$($(isa))')
ISA_FAMILY := $(if $(filter x86_64% amd64%,$(TARGET)),x86)$(if $(filter aarch64% arm64%,$(TARGET)),arm)

# Checks, messages and files have few inner loops that -O3 could unroll.
OBJECT_CFLAGS = $(CFLAGS)
$(foreach folder,api base os gguf,$(BUILD)/lib/$(folder)/%.o): OBJECT_CFLAGS = $(CFLAGS:-O3=-O2)
FILE_CFLAGS       :=
FIRMWARE_PRODUCTS := # of examples/firmware/firmware.mk

$(BUILD)/lib/%.o: lib/%.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CPPFLAGS) $(OBJECT_CFLAGS) $(ISA_$(ISA_FAMILY)_$(*F)) $(FILE_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/examples/%.o: examples/%.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# All objects as they are: for tests of what is inside, and for the program, which writes its files with
# the code that writes models (examples/output.c).
$(INTERNAL): $(LIB_OBJECTS) $(LINK_OPTIONS)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJECTS)

# One object, in which names that are not of the interface are local: none of them can meet a name of
# a program. Where there is no objcopy (macOS), they stay visible.
ifeq ($(origin OBJCOPY),undefined)
OBJCOPY := $(shell $(CC) -print-prog-name=objcopy 2>/dev/null)
endif
# With -flto, gcc would leave code of its own kind in the object, whose names objcopy does not see.
NO_LTO :=
ifneq ($(findstring -flto,$(CFLAGS)),)
NO_LTO := $(shell $(CC) -flinker-output=nolto-rel -E -xc /dev/null >/dev/null 2>&1 && echo -flinker-output=nolto-rel)
endif
RELOCATABLE_CFLAGS = $(if $(NO_LTO),$(CFLAGS) $(NO_LTO),$(filter -m% -W%,$(CFLAGS)))
HAS_OBJCOPY := $(shell command -v "$(OBJCOPY)" 2>/dev/null)
$(STATIC): $(LIB_OBJECTS) $(LINK_OPTIONS)
	@rm -f $@
ifeq ($(HAS_OBJCOPY),)
	$(AR) rcs $@ $(LIB_OBJECTS)
else
	$(CC) $(RELOCATABLE_CFLAGS) -r -nostdlib -o $(BUILD)/lib/dualpath.o $(LIB_OBJECTS)
	$(OBJCOPY) --wildcard --localize-symbol='dpi_*' $(BUILD)/lib/dualpath.o
	$(AR) rcs $@ $(BUILD)/lib/dualpath.o
endif

$(BUILD)/dualpath.1: docs/dualpath.1 include/dualpath.h
	@mkdir -p $(@D)
	sed -e 's/@VERSION@/$(VERSION)/' $< >$@

ifeq ($(SYSTEM),windows)
include lib/os/windows/build.mk
else
$(SHARED): $(LIB_OBJECTS) lib/dualpath.map $(LINK_OPTIONS)
	$(CC) -shared $(SHARED_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIBS)
	ln -sf $(SHARED_FILE) $(BUILD)/$(SHARED_ABI)
	ln -sf $(SHARED_ABI) $(BUILD)/$(SHARED_NAME)
endif

needs-libpng:
	@test -n "$(HAS_PNG)" || { echo "the command line program needs libpng (Debian: libpng-dev, or make setup);"; \
	    echo "make and make install-lib do without"; exit 1; }
ifeq ($(HAS_PNG)$(wildcard $(BUILD)/dualpath),)
$(APP_OBJECTS): | needs-libpng
endif

$(BUILD)/examples/output.o: APP_CFLAGS += -Ilib
ifeq ($(SYSTEM),windows)
$(APP_OBJECTS): APP_CFLAGS += -include examples/windows/posix.h
endif
$(BUILD)/dualpath: $(APP_OBJECTS) $(INTERNAL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpng $(LIBS) $(APP_LIBS)

$(EXAMPLES:%=$(BUILD)/examples/%): $(BUILD)/examples/%: examples/%.c $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/examples/raii: examples/raii.cpp include/dualpath.hpp $(STATIC) $(CXX_OPTIONS)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(WARNINGS) -Iinclude $(CPPFLAGS) $(CXXFLAGS) $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

# The library in one file and its header.
AMALGAMATION := $(BUILD)/amalgamation/dualpath.c
.PHONY: amalgamation
amalgamation: $(AMALGAMATION) ## $(BUILD)/amalgamation: the library as dualpath.c and dualpath.h

$(AMALGAMATION): lib/amalgamate.py Makefile include/dualpath.h $(wildcard lib/*/*.c lib/*/*/*.c lib/*.h lib/*/*.h lib/*/*/*.h)
	$(PYTHON) lib/amalgamate.py $(@D) $(ISA_OPTIONS)

# ---- tools ----

# What is there is left alone; SETUP=no leaves the system alone whatever is missing. `make demo` and
# `make check` ask for what they need.
.PHONY: setup
setup: ## installs what is missing to build and to check (Debian packages); SETUP=no: nothing is installed
	@.ci/setup build check

# ---- running ----

# Without MODEL, the one that is shipped: it tells how the camera moves, in a film that
# examples/scene.c draws.
MODEL    ?=
BACKBONE ?=
CLIP     ?=
MOTION   ?= pan-right
ARGS     ?=
DEMO_MODEL    := $(or $(MODEL),examples/models/camera-motion.gguf)
DEMO_BACKBONE := $(if $(MODEL),$(BACKBONE),examples/models/backbone.gguf)
DEMO_CLASSIFY := $(BUILD)/dualpath classify $(if $(DEMO_BACKBONE),--backbone "$(DEMO_BACKBONE)") "$(DEMO_MODEL)"
DEMO_WATCH    := $(BUILD)/dualpath watch $(if $(DEMO_BACKBONE),--backbone "$(DEMO_BACKBONE)") "$(DEMO_MODEL)"
TO_Y4M := -pix_fmt yuv420p -f yuv4mpegpipe -
.PHONY: demo bench bench-peers bench-arm
demo: ## classifies a clip, and writes a picture of what the model saw; also MODEL BACKBONE CLIP MOTION ARGS
	@.ci/setup build
	@$(MAKE) --no-print-directory -s $(BUILD)/dualpath $(BUILD)/examples/scene
	@test -n "$(CLIP)" || $(BUILD)/examples/scene "$(MOTION)" >$(BUILD)/demo.y4m
	@$(DEMO_CLASSIFY) "$(or $(CLIP),$(BUILD)/demo.y4m)" --sheet $(BUILD)/demo.png $(ARGS)
	@echo
	@echo "What the model saw: $(BUILD)/demo.png"
	@test -n "$(CLIP)" || echo "Another motion:     make demo MOTION=zoom-in  (static, pan-left, tilt-up, roll-cw, shake, ...)"
	@test -n "$(CLIP)" || echo "Your own video:     make demo CLIP=holiday.mp4  (with ffmpeg; or a .y4m file, or a folder of PNG files)"
	@echo 'Your webcam:        ffmpeg -v error -f v4l2 -i /dev/video0 $(TO_Y4M) | $(DEMO_WATCH) -'

bench: $(BUILD)/dualpath ## measures MODEL against the peak of this processor
	@test -n "$(MODEL)" || { echo "bench: give MODEL=model.gguf"; exit 2; }
	$(BUILD)/dualpath bench "$(MODEL)" $(ARGS)

# Its virtual environment is not that of the tests: the packages take 1.5 GB. tests/bench/README.md
# says what is measured and what ARGS can be.
ROUNDS ?= 9
bench-peers: VENV := $(abspath $(BUILD))/venv-bench
bench-peers: ## ROUNDS (9) of this library, ONNX Runtime, OpenVINO and PyTorch in turns
	@.ci/setup build
	@$(MAKE) --no-print-directory -s $(SHARED)
	@PYTHON="$(PYTHON)" sh .ci/venv-setup "$(VENV)" tests/bench/requirements.txt
	PYTHONPATH=bindings/python DUALPATH_LIBRARY="$(abspath $(SHARED))" "$(VENV)/bin/python" -m tests.bench.peers \
	    --rounds $(ROUNDS) --cache $(BUILD)/bench $(ARGS)

bench-arm: ## cycles of the inner loops for NEON by the throughput model of llvm-mca; nothing is run
	@.ci/setup aarch64 mca
	@$(PYTHON) -B -m tests.bench.arm_throughput --options="$(LIB_CFLAGS) $(CPPFLAGS) -O3" $(filter 'arm_%,$(ISA_OPTIONS))

# ---- tests ----

# Programs are all in $(BUILD)/tests, whichever folder their source is in; so names are unique.
TEST_SOURCES  := $(wildcard tests/unit/test_*.c tests/api/test_*.c)
TEST_NAMES    := $(basename $(notdir $(TEST_SOURCES)))
TEST_PROGRAMS := $(TEST_NAMES:%=$(BUILD)/tests/%)
TEST_SUPPORT  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
# Tests give addresses of anything where a handle is expected, and expect a refusal.
TEST_CFLAGS   := -std=c11 $(WARNINGS) -Wno-strict-aliasing $(DEFINES) $(FLOAT_CFLAGS) $(STDIO_CFLAGS) -Iinclude -Ilib -Itests/support
CHECK_LIBS     = $(shell pkg-config --libs check) -lz
ifneq ($(filter aarch64% arm64%,$(TARGET)),)
TEST_CFLAGS += -fno-tree-vectorize # gcc 12 fails on reductions by fmax()
endif
TEST_WRAPPER  ?=
VENV          := $(abspath $(BUILD))/venv
# TORCH=1 also installs PyTorch into the virtual environment of the tests (a large download).
TORCH ?=

$(BUILD)/tests/%.o: tests/%.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Each program takes of the support what it calls.
$(BUILD)/tests/support.a: $(TEST_SUPPORT)
	@rm -f $@
	$(AR) rcs $@ $^

define LINK_TEST
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)
endef
$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)
$(BUILD)/tests/test_%: $(BUILD)/tests/api/test_%.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)
$(BUILD)/tests/bench_%: $(BUILD)/tests/unit/bench_%.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)

$(BUILD)/tests/split_model: $(BUILD)/tests/cli/split_model.o $(BUILD)/tests/support.a $(INTERNAL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/make_inputs: tests/cli/make_inputs.c $(COMPILE_OPTIONS) $(LINK_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lpng -lz

$(BUILD)/tests/false_ffmpeg: tests/cli/false_ffmpeg.c $(COMPILE_OPTIONS) $(LINK_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(filter -municode,$(APP_LIBS))

.PHONY: check check-structure check-c check-instructions check-cli check-faults check-faults-quick check-fuzz check-header check-cpp check-abi record-abi check-size record-size check-amalgamation check-packaging check-python \
        check-large check-clips check-film
check: ## all tests; TORCH=1 also those that need PyTorch
	@.ci/setup build check
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory check-structure check-c check-instructions check-cli check-faults-quick check-fuzz check-header check-cpp check-abi check-versions check-size check-amalgamation check-packaging check-python

# Benchmarks of kernels are built so that they go on building; nobody runs them here.
check-structure: ## includes and names of lib/ against docs/architecture.md, diffs of docs/contributing.md
	@echo "== structure"
	@command -v $(PYTHON) >/dev/null || { echo "structure: skipped: there is no $(PYTHON)"; exit 0; }; \
	    $(PYTHON) tests/structure/structure.py && $(PYTHON) tests/structure/recipes.py

check-c: $(TEST_PROGRAMS) $(BUILD)/tests/bench_gemm $(BUILD)/tests/bench_kernels $(BUILD)/tests/bench_stream
	@set -e; for test in $(TEST_PROGRAMS); do \
	    echo "== $$(basename $$test)"; GOLDEN=tests/golden $(TEST_WRAPPER) $$test; done

# The kernels of x86-64 once more, with instructions in plain C (tests/instructions): a machine tests
# tables that it cannot run otherwise, and sanitizers look into all of them. Where it has the
# instructions, both give the same bits.
INSTRUCTIONS := $(BUILD)/tests/instructions
ISA_x86_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/isa/x86/*.c))
PLAIN_OBJECTS := $(ISA_x86_OBJECTS:$(BUILD)/lib/isa/x86/%=$(INSTRUCTIONS)/%) $(INSTRUCTIONS)/tiles.o
PLAIN_CFLAGS = $(filter-out -m%,$(CFLAGS:-O3=-O1))
PLAIN_TESTS := test_kernels test_gemm_choice test_gemm_lhs test_gemm_panels test_gemm_tiles test_linear test_attention test_engine
$(INSTRUCTIONS)/%.o: lib/isa/x86/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -Wno-psabi $(CPPFLAGS) $(PLAIN_CFLAGS) -Itests/instructions -include immintrin.h \
	    -MMD -MP -c $< -o $@

$(INSTRUCTIONS)/%.o: tests/instructions/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(CPPFLAGS) $(filter-out -m%,$(CFLAGS)) -MMD -MP -c $< -o $@

$(INSTRUCTIONS)/libdualpath.a: $(filter-out $(ISA_x86_OBJECTS) $(BUILD)/lib/isa/cpu.o,$(LIB_OBJECTS)) $(PLAIN_OBJECTS) $(INSTRUCTIONS)/cpu.o
	@rm -f $@
	$(AR) rcs $@ $^

$(INSTRUCTIONS)/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/tests/support.a $(INSTRUCTIONS)/libdualpath.a
	$(LINK_TEST)
$(INSTRUCTIONS)/test_%: $(BUILD)/tests/api/test_%.o $(BUILD)/tests/support.a $(INSTRUCTIONS)/libdualpath.a
	$(LINK_TEST)
$(INSTRUCTIONS)/test_tile_faults $(INSTRUCTIONS)/test_arithmetic: $(INSTRUCTIONS)/%: $(INSTRUCTIONS)/%.o $(INSTRUCTIONS)/tiles.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)
$(INSTRUCTIONS)/table_bits: $(INSTRUCTIONS)/table_bits.o $(BUILD)/tests/support.a $(INSTRUCTIONS)/libdualpath.a
	$(LINK_TEST)
$(BUILD)/tests/table_bits: $(INSTRUCTIONS)/table_bits.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)

# Of test_engine only what compares with the golden answers.
ifeq ($(ISA_FAMILY),x86)
check-instructions: $(PLAIN_TESTS:%=$(INSTRUCTIONS)/%) $(INSTRUCTIONS)/test_arithmetic $(INSTRUCTIONS)/test_tile_faults $(INSTRUCTIONS)/table_bits $(BUILD)/tests/table_bits ## kernels of x86-64 with instructions in plain C
	@echo "== instructions"
	@sh tests/instructions/plain_objects.sh "$(PLAIN_OBJECTS)" "$(ISA_x86_OBJECTS)"
	@sh tests/instructions/same_bits.sh $(BUILD)/tests/table_bits $(INSTRUCTIONS)/table_bits
	@$(INSTRUCTIONS)/test_arithmetic && $(INSTRUCTIONS)/test_tile_faults
	@set -e; for test in $(PLAIN_TESTS); do \
	    echo "== $$test, instructions in plain C"; quick=1; cases=; \
	    test $$test != test_engine || { quick=; cases=answers; }; \
	    env GOLDEN=tests/golden $${quick:+DUALPATH_QUICK=1} $${cases:+CK_RUN_CASE=$$cases} $(INSTRUCTIONS)/$$test; done
else
check-instructions:
	@echo "== instructions"
	@echo "skipped: the kernels that are tested with instructions in plain C are those of x86-64"
endif

check-cli: $(BUILD)/dualpath $(BUILD)/tests/make_inputs $(BUILD)/tests/split_model $(BUILD)/tests/false_ffmpeg $(BUILD)/examples/scene
	@echo "== command line"
	@DUALPATH=$(BUILD)/dualpath GOLDEN=tests/golden MAKE_INPUTS=$(BUILD)/tests/make_inputs \
	    SPLIT_MODEL=$(BUILD)/tests/split_model FALSE_FFMPEG=$(BUILD)/tests/false_ffmpeg SCENE=$(BUILD)/examples/scene \
	    sh tests/cli/cli_test.sh

# Calls of the program fail one at a time (tests/faults). The library that does so has no sanitizer.
$(BUILD)/tests/faults.so: tests/faults/faults.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) $(CPPFLAGS) $(filter -m% -O% -g%,$(CFLAGS)) -fPIC -shared -o $@ $<

check-faults-quick: FAULTS_ARGS := --quick
ifneq ($(findstring linux,$(TARGET)),)
check-faults check-faults-quick: $(BUILD)/dualpath $(BUILD)/tests/faults.so $(BUILD)/tests/make_inputs
	@echo "== faults"
	@command -v $(PYTHON) >/dev/null || { echo "skipped: there is no $(PYTHON)"; exit 0; }; \
	    $(PYTHON) tests/faults/faults.py $(BUILD)/dualpath $(BUILD)/tests/faults.so $(BUILD)/tests/make_inputs \
	    tests/golden $(FAULTS_ARGS) $(ARGS)
else
check-faults check-faults-quick:
	@echo "== faults"
	@echo "skipped: tests/faults/faults.c stands in front of a C library of Linux"
endif
check-faults: ## every call of the command line program that can fail, fails once (minutes); check-faults-quick: some

check-header:
	@echo "== header"
	$(PYTHON) tests/packaging/header_rules.py include/dualpath.h
	$(CC) -std=c99 -pedantic-errors $(WARNINGS) -Werror -Iinclude -fsyntax-only tests/packaging/header_c99.c
	$(CC) -std=c11 -pedantic-errors $(WARNINGS) -Werror -Iinclude -fsyntax-only tests/packaging/header_c99.c
	$(CXX) -std=c++17 -pedantic-errors $(WARNINGS) -Werror -Iinclude -fsyntax-only tests/packaging/header_cxx17.cpp
	@CC="$(CC)" CXX="$(CXX)" WARNINGS="$(WARNINGS)" sh tests/packaging/header_macros.sh

check-cpp: $(STATIC) ## dualpath.hpp with each C++ compiler that is there: tests with sanitizers, instructions beyond those of C
	@echo "== C++"
	@CC="$(CC)" CXX="$(CXX)" LIBRARY="$(STATIC) $(LIBS)" PYTHON="$(PYTHON)" sh tests/cpp/cpp_test.sh

# The recorded ABI: exported symbols with their versions, sizes, offsets and numbers, and where there is abidiff, types.
# Structs have no holes, on 32-bit machines neither where this compiler knows their layout, and headers of theirs.
NM      ?= nm
EXPORTS := $(NM) -D --defined-only $(SHARED) | sed -e 's/^.* //' -e 's/@@/ /' | grep -v '^DUALPATH_' | LC_ALL=C sort
LAYOUT  := $(if $(filter i386% i486% i586% i686%,$(TARGET)),layout-i386,$(if $(filter arm%,$(filter-out arm64%,$(TARGET))),layout-32,layout)).txt
check-abi: $(SHARED) $(STATIC) $(BUILD)/tests/abi/layout
	@echo "== ABI"
	@$(EXPORTS) > $(BUILD)/tests/abi/exports.txt
	diff -u tests/abi/exports.txt $(BUILD)/tests/abi/exports.txt
ifneq ($(HAS_OBJCOPY),)
	@sed 's/ .*//' tests/abi/exports.txt | LC_ALL=C sort > $(BUILD)/tests/abi/public.txt
	$(NM) -g --defined-only $(STATIC) | awk 'NF == 3 { print $$3 }' | LC_ALL=C sort | diff -u $(BUILD)/tests/abi/public.txt -
endif
	$(BUILD)/tests/abi/layout > $(BUILD)/tests/abi/layout.txt
	diff -u tests/abi/$(LAYOUT) $(BUILD)/tests/abi/layout.txt
	@for machine in "-m32" "-m32 -malign-double"; do \
	    ! printf '%s\n' '$(hash)include <stdint.h>' 'char has_headers[sizeof(int64_t) == 8 ? 1 : -1];' | \
	    $(CC) $$machine -ffreestanding -fsyntax-only -xc - 2>/dev/null || \
	    $(CC) $$machine -ffreestanding -fsyntax-only -std=c11 -Iinclude tests/abi/layout.c || exit 1; done
	@CC="$(CC)" .ci/library-abi check $(SHARED)

record-abi: $(SHARED) $(BUILD)/tests/abi/layout record-layout-i386 record-layout-armhf ## the ABI of the library, as it is to be from now on, into tests/abi
	@$(EXPORTS) > tests/abi/exports.txt
	@$(BUILD)/tests/abi/layout > tests/abi/$(LAYOUT)
	@echo "abi: recorded exports.txt and $(LAYOUT)"
	@CC="$(CC)" .ci/library-abi record $(SHARED)

$(BUILD)/tests/abi/layout: tests/abi/layout.c include/dualpath.h $(COMPILE_OPTIONS) $(LINK_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

# Those of other machines need their compilers and emulators: .ci/setup i386 armhf.
LAYOUT_i386  := layout-i386.txt
LAYOUT_armhf := layout-32.txt
record-layout-%:
	@command -v $(TRIPLET_$*)-gcc $(or $(EMULATOR_$*),qemu-$*) >/dev/null || { \
	    echo "abi: $(LAYOUT_$*) is as it was: .ci/setup $* installs what makes it"; exit 0; }; \
	mkdir -p $(BUILD)/tests/abi && \
	$(TRIPLET_$*)-gcc -static $(APP_CFLAGS) -o $(BUILD)/tests/abi/layout-$* tests/abi/layout.c && \
	$(or $(EMULATOR_$*),qemu-$*) $(BUILD)/tests/abi/layout-$* > tests/abi/$(LAYOUT_$*) && \
	echo "abi: recorded $(LAYOUT_$*)"

check-size: $(SHARED)
	@echo "== size"
	@CC="$(CC)" CFLAGS="$(CFLAGS)" .ci/library-size check $(SHARED)

record-size: $(SHARED) ## the stripped size of the library, as it is to be from now on, into tests/packaging/size.txt
	@CC="$(CC)" CFLAGS="$(CFLAGS)" .ci/library-size record $(SHARED)

# What a user does before there is anything to test.
check-packaging:
	@echo "== packaging"
	@sh tests/packaging/setup_test.sh
	@CC="$(CC)" sh tests/packaging/build_options_test.sh
	@CC="$(CC)" sh tests/packaging/install_test.sh
	@CC="$(CC)" sh tests/packaging/dist_test.sh
	@CC="$(CC)" sh tests/packaging/bare_build_test.sh
	@CC="$(CC)" PYTHON="$(PYTHON)" sh tests/packaging/version_test.sh
	@CC="$(CC)" PYTHON="$(PYTHON)" sh tests/packaging/python_package_test.sh

# The one file compiles alone, with clang as well where there is one, and answers with the same bits
# as the library, with all kernels.
ifeq ($(origin CLANG),undefined)
CLANG := $(shell command -v clang 2>/dev/null)
endif
KERNEL_LEVELS_x86 := avx2 avx2-vnni avx512 avx512-vnni amx
KERNEL_LEVELS_arm := neon neon-dot neon-i8mm
KERNEL_LEVELS     := c $(KERNEL_LEVELS_$(ISA_FAMILY))
ANSWERS := $(BUILD)/tests/same-bits/answers
check-amalgamation: $(ANSWERS) $(ANSWERS)_amalgamation $(if $(CLANG),$(ANSWERS)_clang)
	@echo "== amalgamation"
	@CC="$(CC)" sh tests/packaging/optimise_test.sh $(AMALGAMATION)
	@CC="$(CC) $(AMALGAMATION_CFLAGS)" LIBS="$(LDFLAGS) $(LIBS)" TEST_WRAPPER="$(TEST_WRAPPER)" sh tests/packaging/methods_test.sh $(AMALGAMATION) $(ANSWERS).o
	@sh tests/same-bits/answers.sh "$(KERNEL_LEVELS)" $(foreach program,$^,"$(TEST_WRAPPER) $(program)")

$(ANSWERS): $(ANSWERS).o $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(ANSWERS)_shared: $(ANSWERS).o $(SHARED)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-rpath,$(abspath $(BUILD)) -o $@ $^ $(LIBS)

$(ANSWERS)_amalgamation: $(ANSWERS).o $(BUILD)/amalgamation/dualpath.o $(LINK_OPTIONS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS)

$(ANSWERS)_clang: $(ANSWERS).o $(BUILD)/amalgamation/clang.o $(LINK_OPTIONS)
	$(CLANG) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS)

AMALGAMATION_CFLAGS = -std=c11 $(WARNINGS) -Werror $(DEFINES) $(FLOAT_CFLAGS) $(CFLAGS)
$(BUILD)/amalgamation/dualpath.o: $(AMALGAMATION) $(COMPILE_OPTIONS)
	$(CC) $(AMALGAMATION_CFLAGS) -c $< -o $@

$(BUILD)/amalgamation/clang.o: $(AMALGAMATION) $(CLANG_OPTIONS)
	$(CLANG) $(AMALGAMATION_CFLAGS) -c $< -o $@

# The library in projects of other build systems.
.PHONY: check-cmake check-meson check-conan check-vcpkg
CONSUMERS = CC="$(CC)" BUILD="$(abspath $(BUILD))" REFERENCE="$(abspath $(ANSWERS))" LEVELS="$(KERNEL_LEVELS)" \
    sh tests/packaging/$(1)_test.sh
check-cmake: ## the library in CMake projects: find_package, add_subdirectory, FetchContent
	@.ci/setup build cmake
	@$(MAKE) --no-print-directory static shared $(ANSWERS)
	@echo "== CMake"
	@$(call CONSUMERS,cmake)

check-meson: ## the library in a Meson project, by a wrap
	@.ci/setup build meson
	@$(MAKE) --no-print-directory $(ANSWERS)
	@echo "== Meson"
	@$(call CONSUMERS,meson)

check-conan: ## the Conan recipe, by conan create
	@.ci/setup build cmake conan
	@echo "== Conan"
	@PYTHON="$(PYTHON)" VENV="$(abspath $(BUILD))/venv-conan" sh tests/packaging/conan_test.sh

check-vcpkg: ## the port for vcpkg, with stand-ins for what vcpkg does
	@.ci/setup build check cmake
	@$(MAKE) --no-print-directory $(ANSWERS)
	@echo "== vcpkg"
	@PYTHON="$(PYTHON)" $(call CONSUMERS,vcpkg)

# Two versions of the library, REV and HEAD (without it the files as they are), on the same machine
# in the same minutes: tests/same-bits/README.md.
REV ?=
HEAD ?=
SAME_BITS = CC="$(CC)" CFLAGS="$(CFLAGS)" CPPFLAGS="$(CPPFLAGS)" LDFLAGS="$(LDFLAGS)" LIBS="$(LIBS)" ZLIB="$(ZLIB)" \
    $(PYTHON) -B tests/same-bits/$(1).py --base "$(REV)" --head "$(HEAD)" --scratch $(BUILD)/same-bits \
    --make-vit $(BUILD)/tests/same-bits/make_vit
.PHONY: check-same-bits bench-against
check-same-bits: $(BUILD)/tests/same-bits/make_vit ## answers of REV=<commit> and of the files as they are, bit by bit (minutes); ARGS=--quick
	@$(call SAME_BITS,compare) --levels "$(KERNEL_LEVELS)" $(ARGS)

bench-against: $(BUILD)/tests/same-bits/make_vit ## ROUNDS (9) of REV=<commit> and the files as they are in turns
	@$(call SAME_BITS,bench) --rounds $(ROUNDS) $(ARGS)

$(BUILD)/tests/same-bits/make_vit: $(BUILD)/tests/same-bits/make_vit.o $(BUILD)/tests/support/gguf_builder.o $(LINK_OPTIONS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lm

check-python: $(SHARED) $(BUILD)/dualpath
	@echo "== Python"
	@PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH="$(TORCH)" BUILD="$(abspath $(BUILD))" sh .ci/python-tests

# All that cargo writes is in $(BUILD)/rust. DESTDIR=/ installs there without telling the loader.
.PHONY: check-rust
check-rust: ## the Rust crate: its tests, valgrind, each way to find the library
	@.ci/setup build rust
	@$(MAKE) --no-print-directory -s static shared $(BUILD)/dualpath $(BUILD)/examples/scene
	@$(MAKE) --no-print-directory -s install-lib PREFIX=$(abspath $(BUILD))/rust/installed DESTDIR=/
	@echo "== Rust"
	@BUILD="$(abspath $(BUILD))" sh .ci/rust-tests

.PHONY: check-batch
check-batch: ## python -m dualpath batch: answers of the program, runs that are killed and go on, full disks, bad files, memory
	@.ci/setup build check video
	@$(MAKE) --no-print-directory -s $(SHARED) $(BUILD)/dualpath
	@echo "== Batch"
	@PYTHON="$(PYTHON)" VENV="$(VENV)" BUILD="$(abspath $(BUILD))" sh .ci/python-tests \
	    bindings/python/tests/test_batch.py bindings/python/tests/test_batch_resumed.py

# Both engines run here, on loopback, with several workers. Their packages take up to a gigabyte, and have
# environments of their own.
.PHONY: check-ray check-spark
CLUSTER_TESTS = PYTHON="$(PYTHON)" BUILD="$(abspath $(BUILD))" sh .ci/cluster-tests
check-ray: ## dualpath.ray on a cluster of Ray on this machine: the answers of one machine, workers and nodes that die, jobs that go on
	@.ci/setup build check
	@$(MAKE) --no-print-directory -s $(SHARED)
	@echo "== Ray"
	@$(CLUSTER_TESTS) ray $(ARGS)

check-spark: ## dualpath.spark on a cluster of Spark on this machine, the same
	@.ci/setup build check spark
	@$(MAKE) --no-print-directory -s $(SHARED)
	@echo "== Spark"
	@$(CLUSTER_TESTS) spark $(ARGS)

LARGE ?= b16 b16-t32 l14 aim-b16 aim-b16-t16 aim-b16-t32 st-b16
check-large: $(BUILD)/dualpath ## B/16 and L/14, AIM and ST-Adapter with random weights against PyTorch, or LARGE="aim-b16 ..." (needs TORCH=1 once; minutes, 6 GB)
	PYTHONPATH=bindings/python "$(VENV)/bin/python" -m tests.reference.check_large $(LARGE) \
	    --program $(BUILD)/dualpath

# Real clips that are not part of the repository: CLIPS/list.csv, and a model trained for them.
check-clips: $(SHARED) ## MODEL on the test split of CLIPS/list.csv; REFERENCE=logits.csv compares decisions, as does ARGS="--precision f32 int8"
	PYTHONPATH=bindings/python DUALPATH_LIBRARY=$(SHARED) "$(VENV)/bin/python" -m dualpath.evaluate $(MODEL) \
	    $(CLIPS)/list.csv --root $(CLIPS) --split test $(if $(REFERENCE),--reference $(REFERENCE)) $(ARGS)

MINUTES ?= 2
check-film: $(SHARED) $(BUILD)/dualpath ## MODEL on a film of MINUTES (2) of the test split of CLIPS/list.csv: windows of watch are what classify says of their frames
	PYTHONPATH=bindings/python DUALPATH_LIBRARY=$(SHARED) "$(VENV)/bin/python" tests/cli/check_film.py $(MODEL) $(CLIPS) \
	    --program $(BUILD)/dualpath --minutes $(MINUTES) $(ARGS)

.PHONY: check-asan check-python-asan check-tsan check-valgrind coverage mutation check-machine check-machines check-emulated fuzz lint format
SANITIZED := $(MAKE) --no-print-directory -s
check-asan: ## C and command line tests and inputs of fuzzers with AddressSanitizer and UndefinedBehaviorSanitizer
	$(SANITIZED) BUILD=$(BUILD)/asan check-c check-instructions check-cli check-faults-quick check-fuzz \
	    CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

# Python itself has no sanitizer: its allocator is malloc's, so that its objects are watched, too, and
# what it never frees is not reported.
PYTHON_ASAN_TESTS := programs stream_programs stream lifetimes frames callbacks interrupts threads loading
check-python-asan: ## Python tests of what the library holds and frees, with AddressSanitizer; DUALPATH_EXAMPLES=1000 random programs
	$(SANITIZED) BUILD=$(BUILD)/asan CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address" shared
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0:$(ASAN_OPTIONS) PYTHONMALLOC=malloc \
	DUALPATH_LIBRARY=$(abspath $(BUILD))/asan/libdualpath.so PYTHONPATH=bindings/python \
	    $(VENV)/bin/python -m pytest -q -rs $(PYTHON_ASAN_TESTS:%=bindings/python/tests/test_%.py)

# Time limits of tests are for code without a sanitizer.
check-tsan: ## C tests with ThreadSanitizer
	CK_TIMEOUT_MULTIPLIER=10 $(SANITIZED) BUILD=$(BUILD)/tsan check-c CFLAGS="-O1 -g -fsanitize=thread"

check-valgrind: ## C tests under valgrind
	$(SANITIZED) BUILD=$(BUILD)/valgrind check-c CFLAGS="-O1 -g" DUALPATH_QUICK=1 \
	    TEST_WRAPPER="env CK_FORK=no CK_DEFAULT_TIMEOUT=0 DUALPATH_QUICK=1 valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"

# Lines and branches of lib/ that tests reach, here and on COVERAGE_MACHINES. It fails with what none
# reaches, unless tests/coverage/unreached.txt has the line and the reason. Whole models are too slow
# with instructions in plain C, and reach no more of them.
COVERAGE_CFLAGS   := -O0 -g -w --coverage -fprofile-update=atomic
COVERAGE_LDFLAGS  := -Wl,-u,__gcov_dump # for tests that end by _exit()
COVERAGE_MACHINES ?=
coverage: ## lines and branches of lib/ that tests reach; COVERAGE_MACHINES="aarch64 s390x ..." adds those of machines
	CK_TIMEOUT_MULTIPLIER=10 $(SANITIZED) BUILD=$(BUILD)/coverage check-c check-instructions check-cli \
	    CFLAGS="$(COVERAGE_CFLAGS)" \
	    LDFLAGS="$(LDFLAGS) $(COVERAGE_LDFLAGS)" PLAIN_TESTS="$(filter-out test_engine,$(PLAIN_TESTS))"
	@set -e; for machine in $(COVERAGE_MACHINES); do \
	    $(SANITIZED) BUILD=$(BUILD)/coverage check-machine MACHINE=$$machine CFLAGS="$(COVERAGE_CFLAGS)"; done
	$(PYTHON) tests/coverage/coverage.py $(BUILD)/coverage \
	    $(foreach m,$(COVERAGE_MACHINES),$(BUILD)/coverage/$m:$(TRIPLET_$m)-gcov)

# Changes of lib/ that tests must notice, unless tests/mutation/survivors.txt has the change and the
# reason.
MUTANTS ?= 200
SEED    ?= 1
mutation: ## MUTANTS (200) changes of lib/, each of which a test must notice; SEED (1) chooses them; ARGS="--skip 200" goes on (hours)
	$(SANITIZED) BUILD=$(BUILD)/mutation CFLAGS="-O1 -fPIC -fvisibility=default" mutation-tests
	$(PYTHON) tests/mutation/mutate.py --build $(BUILD)/mutation --count $(MUTANTS) --seed $(SEED) \
	    $(if $(filter x86,$(ISA_FAMILY)),--plain $(PLAIN_TESTS)) $(ARGS)
.PHONY: mutation-tests
mutation-tests: $(TEST_PROGRAMS) $(if $(filter x86,$(ISA_FAMILY)),$(INSTRUCTIONS)/libdualpath.a)

# The library for other processors, cross-built here and run by qemu. Tests have no package of Check
# there, and use tests/machines. Left out are the program, which needs libpng, tests that need zlib, and
# those of a malloc() or pthread_create() of their own: programs are static, because qemu 7 stops in
# threads of others with 32 bits; and tests of threads in forked processes and of blocked signals, which
# qemu has in its own way. Of several processors of a machine the last one runs all tests, the others
# those that depend on the instructions it has.
MACHINES := aarch64 s390x armhf i386 riscv64
TRIPLET_aarch64 := aarch64-linux-gnu
TRIPLET_armhf   := arm-linux-gnueabihf
TRIPLET_i386    := i686-linux-gnu
TRIPLET_riscv64 := riscv64-linux-gnu
TRIPLET_s390x   := s390x-linux-gnu
EMULATOR_armhf  := qemu-arm
CPUS_aarch64    := cortex-a53 neoverse-n1 max
CPUS_armhf      := cortex-a7
CPUS_riscv64    := rv64
# What the last of them runs: no table is compiled only.
GEMMS_aarch64   := f32 neon, bf16 neon, bf16 neon-bf16, int8 neon, int8 neon-dot, int8 neon-i8mm
MACHINE         ?= aarch64
EMULATOR         = $(or $(EMULATOR_$(MACHINE)),qemu-$(MACHINE))
MACHINE_CPUS     = $(or $(CPUS_$(MACHINE)),max)
MACHINE_TESTS   ?= $(filter-out test_allocations test_failures test_stacks test_fork test_signals test_interrupt,$(TEST_NAMES))
INSTRUCTION_TESTS := test_kernels test_gemm_% test_linear test_attention test_model_variants test_engine test_compile
check-machine: ## C tests on MACHINE (aarch64 armhf i386 riscv64 s390x), cross-built and emulated (minutes)
	@.ci/setup $(MACHINE)
	@$(SANITIZED) BUILD=$(BUILD)/$(MACHINE) check-emulated CC=$(TRIPLET_$(MACHINE))-gcc CLANG= ZLIB=0 \
	    LDFLAGS=-static CPPFLAGS=-Itests/machines CHECK_LIBS=

check-machines: ## check-machine for all of them, as many at a time as there are processors
	@.ci/setup $(MACHINES)
	@$(SANITIZED) -j$(shell nproc) --output-sync=target $(MACHINES:%=check-machine-%)
check-machine-%:
	@$(SANITIZED) check-machine MACHINE=$*

EMULATED_CHECKS ?= check-versions check-amalgamation
check-emulated: $(MACHINE_TESTS:%=$(BUILD)/tests/%) $(BUILD)/tests/test_gemm_choice $(BUILD)/tests/abi/layout
	@$(EMULATOR) $(BUILD)/tests/abi/layout | diff -u tests/abi/$(LAYOUT) -
	@$(MAKE) --no-print-directory $(EMULATED_CHECKS) TEST_WRAPPER="$(EMULATOR) -cpu $(lastword $(MACHINE_CPUS))"
	@set -e; for cpu in $(MACHINE_CPUS); do \
	    tests="$(filter $(INSTRUCTION_TESTS),$(MACHINE_TESTS))"; \
	    test $$cpu != $(lastword $(MACHINE_CPUS)) || tests="$(MACHINE_TESTS)"; \
	    for test in $$tests; do \
	        echo "== $$test on $(MACHINE), $$cpu"; \
	        GOLDEN=tests/golden DUALPATH_QUICK=1 $(EMULATOR) -cpu $$cpu $(BUILD)/tests/$$test; done; done
	@sh tests/machines/gemms.sh "$(GEMMS_$(MACHINE))" $(EMULATOR) -cpu $(lastword $(MACHINE_CPUS)) $(BUILD)/tests/test_gemm_choice

# Each target takes of the library, the program and the support of tests what it calls.
FUZZ_TARGETS := $(filter-out main,$(basename $(notdir $(wildcard tests/fuzz/*.c))))
$(BUILD)/tests/program.a: $(filter-out $(BUILD)/examples/dualpath.o,$(APP_OBJECTS))
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

# Without libFuzzer: inputs of the repository, and a few mutations of each.
$(BUILD)/tests/fuzz_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/main.o $(BUILD)/tests/program.a $(BUILD)/tests/support.a $(INTERNAL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpng $(LIBS)

FUZZ_INPUTS = $(wildcard tests/fuzz/corpus/$(1) tests/fuzz/found/$(1))
check-fuzz: $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz_%)
	@set -e; $(foreach target,$(FUZZ_TARGETS),echo "== fuzz target $(target)"; \
	    GOLDEN=tests/golden $(TEST_WRAPPER) $(BUILD)/tests/fuzz_$(target) \
	        $(call FUZZ_INPUTS,$(target)) $(FUZZ_SEEDS_$(target));)

# With libFuzzer, each target for FUZZ_SECONDS. What is new stays in $(BUILD)/fuzz/NAME.corpus, and what
# is found in $(BUILD)/fuzz/NAME.found.
FUZZ_SECONDS ?= 600
FUZZ_CFLAGS  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_SIZE            := 4096
FUZZ_SIZE_loader     := 98304
FUZZ_SIZE_calls      := 400
FUZZ_SEEDS_loader    := tests/golden
FUZZ_OPTIONS := -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -timeout=25 -len_control=0 -print_final_stats=1 \
    -verbosity=0
fuzz: ## fuzzes every target for FUZZ_SECONDS (600) with clang's libFuzzer
	@.ci/setup build fuzz
	@set -e; $(foreach target,$(FUZZ_TARGETS),$(SANITIZED) BUILD=$(BUILD)/fuzz CC=clang \
	    CFLAGS="$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link" fuzz-$(target);)

fuzz-%: $(BUILD)/fuzz_%
	@mkdir -p $(BUILD)/$*.corpus $(BUILD)/$*.found
	@echo "== fuzzing $* for $(FUZZ_SECONDS) s"
	@GOLDEN=tests/golden $< $(FUZZ_OPTIONS) -max_len=$(or $(FUZZ_SIZE_$*),$(FUZZ_SIZE)) \
	    -artifact_prefix=$(BUILD)/$*.found/ $(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) \
	    $(BUILD)/$*.corpus $(call FUZZ_INPUTS,$*) $(FUZZ_SEEDS_$*)

$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/program.a $(BUILD)/tests/support.a $(INTERNAL)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ -lpng $(LIBS)

# The converter, with atheris, in a virtual environment of its own.
FUZZ_VENV := $(abspath $(BUILD))/venv-fuzz
.PHONY: fuzz-python
fuzz-python: $(SHARED) ## fuzzes the converter for FUZZ_SECONDS (600) with atheris
	@test -x $(FUZZ_VENV)/bin/python || $(PYTHON) -m venv $(FUZZ_VENV)
	@$(FUZZ_VENV)/bin/pip install -q -r tests/fuzz/requirements.txt
	@mkdir -p $(BUILD)/fuzz/convert.corpus $(BUILD)/fuzz/convert.found
	@echo "== fuzzing convert for $(FUZZ_SECONDS) s"
	@DUALPATH_LIBRARY=$(abspath $(SHARED)) $(FUZZ_VENV)/bin/python tests/fuzz/convert.py $(FUZZ_OPTIONS) \
	    -max_len=65536 -artifact_prefix=$(BUILD)/fuzz/convert.found/ $(BUILD)/fuzz/convert.corpus \
	    $(call FUZZ_INPUTS,convert)

-include examples/firmware/firmware.mk # which a source distribution of the Python package has not
-include tests/abi/versions.mk
-include tests/machines/musl.mk
-include tests/machines/cross.mk
-include tests/windows/check.mk
-include bindings/debian/debian.mk
-include bindings/gstreamer/gstreamer.mk
-include bindings/python/wheels.mk
-include bindings/web/web.mk
-include tests/wheels/check.mk

C_FILES := $(wildcard include/*.h include/*.hpp lib/*.h lib/*/*.[ch] lib/*/*/*.[ch] examples/*.c examples/*.h examples/*/*.[ch] examples/*.cpp \
             tests/*/*.c tests/*/*.h tests/*/*.cpp tests/*/*.hpp bindings/*/*.[ch] bindings/*/*/*.[ch] bindings/*/*/*/*.[ch])
lint: ## clang-format and clang-tidy
	@.ci/setup lint
	clang-format --dry-run -Werror $(C_FILES)
	clang-tidy --quiet --warnings-as-errors='*' $(LIB_SOURCES) $(APP_SOURCES) examples/scene.c -- -std=c11 -Iinclude -Ilib

format: ## formats all C files
	clang-format -i $(C_FILES)

# ---- installing ----

.PHONY: install install-lib uninstall dist clean help
# They are in the pkg-config file, which has a syntax of its own.
ifneq ($(filter install install-lib uninstall,$(MAKECMDGOALS)),)
INSTALLED := $(BINDIR)|$(LIBDIR)|$(INCLUDEDIR)|$(MANDIR)
ifneq ($(strip $(foreach character," $$ \ $(hash),$(findstring $(character),$(INSTALLED)))),)
$(error PREFIX and the folders below it cannot have any of " $$ \ $(hash) in their names: $(INSTALLED))
endif
ifneq ($(strip $(foreach folder,BINDIR LIBDIR INCLUDEDIR MANDIR,$(if $(filter /%,$(firstword $($(folder)))),,$(folder)))),)
$(error PREFIX and the folders below it must begin with /: $(INSTALLED))
endif
endif

define PKGCONFIG
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(INCLUDEDIR)

Name: dualpath
Description: Action recognition in video on a CPU
Version: $(VERSION)
Libs: -L"$${libdir}" -ldualpath
Libs.private: $(LIBS)
Cflags: -I"$${includedir}"
endef
export PKGCONFIG

# What dualpathConfig.cmake cannot know.
define CMAKE_INSTALLED
set(_dualpath_version [[$(VERSION)]])
set(_dualpath_soname [[$(if $(MACOS),@rpath/)$(SHARED_ABI)]])
set(_dualpath_file [[$(SHARED_FILE)]])
set(_dualpath_libraries $(LIBS))
set(_dualpath_installed_lib [[$(LIBDIR)]])
set(_dualpath_installed_include [[$(INCLUDEDIR)]])
endef
export CMAKE_INSTALLED
CMAKE_FILES := dualpathConfig.cmake dualpathConfigVersion.cmake

# Folders as words of the shell, whatever they are called.
quoted     = '$(subst ','\'',$(1))'
TO_BIN     = $(call quoted,$(DESTDIR)$(BINDIR))
TO_LIB     = $(call quoted,$(DESTDIR)$(LIBDIR))
TO_INCLUDE = $(call quoted,$(DESTDIR)$(INCLUDEDIR))
TO_CMAKE   = $(TO_LIB)/cmake/dualpath
TO_MAN     = $(call quoted,$(DESTDIR)$(MANDIR))

install: $(BUILD)/dualpath $(BUILD)/dualpath.1 install-lib ## library and program into $(DESTDIR)$(PREFIX); also BINDIR LIBDIR INCLUDEDIR MANDIR
	$(INSTALL) -d $(TO_BIN) $(TO_MAN)/man1
	$(INSTALL) -m 755 $(BUILD)/dualpath $(TO_BIN)
	$(INSTALL) -m 644 $(BUILD)/dualpath.1 $(TO_MAN)/man1

install-lib: static shared ## only the library, its headers and its files for pkg-config and CMake
	@test $(SYSTEM) != windows || { echo "install does not know Windows: docs/platforms.md says what a program needs"; exit 1; }
	$(INSTALL) -d $(TO_INCLUDE) $(TO_LIB)/pkgconfig $(TO_CMAKE)
	$(INSTALL) -m 644 include/dualpath.h include/dualpath.hpp $(TO_INCLUDE)
	$(INSTALL) -m 644 $(STATIC) $(TO_LIB)
	$(INSTALL) -m 755 $(SHARED) $(TO_LIB)
	ln -sf $(SHARED_FILE) $(TO_LIB)/$(SHARED_ABI)
	ln -sf $(SHARED_ABI) $(TO_LIB)/$(SHARED_NAME)
	printf '%s\n' "$$PKGCONFIG" >$(TO_LIB)/pkgconfig/dualpath.pc
	printf '%s\n' "$$CMAKE_INSTALLED" >$(TO_CMAKE)/dualpathInstalled.cmake
	chmod 644 $(TO_LIB)/pkgconfig/dualpath.pc $(TO_CMAKE)/dualpathInstalled.cmake
	$(INSTALL) -m 644 $(CMAKE_FILES:%=bindings/cmake/%) $(TO_CMAKE)
ifeq ($(DESTDIR),)
	@$(TELL_LOADER)
endif

# Only root can tell the loader of a new library. Where it does not look, programs have to be told.
define TELL_LOADER
PATH="$$PATH:/usr/sbin:/sbin"; \
test "$$(id -u)" != 0 || ldconfig 2>/dev/null || true; \
for found in $$(ldconfig -p 2>/dev/null | sed -n 's/.*libdualpath\.so\.$(ABI) .*=> //p'); do \
    test ! "$$found" -ef $(TO_LIB)/libdualpath.so.$(ABI) || exit 0; done; \
printf '%s\n' 'The loader does not look for libraries in this folder, or was not told (ldconfig, as root).' \
    'Link programs with' $(call quoted,    -Wl$(comma)-rpath$(comma)"$(LIBDIR)") \
    'or run them with' $(call quoted,    $(LOADER_PATH)="$(LIBDIR)")
endef

uninstall: ## removes what install put there
	rm -f $(TO_INCLUDE)/dualpath.h $(TO_INCLUDE)/dualpath.hpp $(TO_LIB)/libdualpath.a \
	    $(TO_LIB)/$(SHARED_NAME) $(TO_LIB)/$(SHARED_ABI) \
	    $(TO_LIB)/$(SHARED_FILE) $(TO_LIB)/pkgconfig/dualpath.pc \
	    $(TO_BIN)/dualpath $(TO_MAN)/man1/dualpath.1 \
	    $(foreach file,$(CMAKE_FILES) dualpathInstalled.cmake,$(TO_CMAKE)/$(file))

# The same bytes of the same commit, whoever makes it, wherever, whenever.
DIST := libdualpath-$(VERSION)
dist: ## $(BUILD)/libdualpath-$(VERSION).tar.gz of what is committed
	@git rev-parse --verify -q HEAD:./include/dualpath.h >/dev/null || { \
	    echo "dist: this is not a git checkout, which is what a distribution is made of" >&2; exit 1; }
	@git diff --quiet HEAD -- include/dualpath.h || { \
	    echo "dist: include/dualpath.h states the version, and is not committed" >&2; exit 1; }
	@git diff --quiet HEAD || echo "dist: changes that are not committed are left out"
	@mkdir -p $(BUILD)
	git -c tar.umask=0022 -c core.autocrlf=false archive --format=tar --prefix=$(DIST)/ -o $(BUILD)/$(DIST).tar HEAD
	gzip -nf9 $(BUILD)/$(DIST).tar

clean: ## removes $(BUILD)
	@test $(BUILD) = build || test ! -e $(BUILD) || test -d $(BUILD)/options || { \
	    echo "clean: nothing was built in $(BUILD), which has no folder options" >&2; exit 1; }
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 16
	@echo
	@echo "Variables: BUILD PREFIX DESTDIR CC CXX AR CFLAGS CPPFLAGS LDFLAGS ZLIB=0 SETUP=no TORCH=1 MODEL BACKBONE CLIP MOTION ARGS ROUNDS REV HEAD VENV"

# ---- options ----

# The variables that commands of a kind depend on. What is found by itself and may be found another
# time (zlib) is among them, as is the list of sources: one that was removed leaves the library.
OPTIONS_compile := CC TARGET LIB_CFLAGS APP_CFLAGS TEST_CFLAGS CPPFLAGS CFLAGS ISA_OPTIONS FIRMWARE_PRODUCTS
OPTIONS_link    := CC TARGET AR OBJCOPY ZLIB CPPFLAGS CFLAGS LDFLAGS LIBS LIB_SOURCES APP_SOURCES
OPTIONS_cxx     := CXX WARNINGS CPPFLAGS CXXFLAGS LDFLAGS LIBS
OPTIONS_clang   := CLANG AMALGAMATION_CFLAGS

# A file has a line for each, as a makefile has: NAME := VALUE.
option_line  = $(strip $(1) := $(subst $(hash),\$(hash),$(subst $$,$$$$,$($(1)))))
option_lines = $(foreach name,$(OPTIONS_$(1)),$(call option_line,$(name)))
recorded     = $(strip $(if $(wildcard $(BUILD)/options/$(1).mk),$(shell cat $(BUILD)/options/$(1).mk)))
is_same      = $(and $(findstring <$(1)>,<$(2)>),$(findstring <$(2)>,<$(1)>))

$(foreach kind,compile link cxx clang,$(eval $(BUILD)/options/$(kind).mk: \
    $(if $(call is_same,$(call option_lines,$(kind)),$(call recorded,$(kind))),,FORCE)))
$(BUILD)/options/%.mk:
	@mkdir -p $(@D)
	@printf '%s\n' $(foreach name,$(OPTIONS_$*),$(call quoted,$(call option_line,$(name)))) >$@
.PHONY: FORCE

.SECONDARY:
.DELETE_ON_ERROR:
-include $(LIB_OBJECTS:.o=.d) $(APP_OBJECTS:.o=.d) $(TEST_SOURCES:%.c=$(BUILD)/%.d) $(TEST_SUPPORT:.o=.d) \
    $(PLAIN_OBJECTS:.o=.d) $(patsubst tests/%.c,$(BUILD)/tests/%.d,$(wildcard tests/instructions/*.c tests/fuzz/*.c tests/unit/bench_*.c)) \
    $(ANSWERS).d $(BUILD)/tests/same-bits/make_vit.d
