# libdualpath: `make help` lists what there is. Everything that is built goes to $(BUILD).

VERSION := 0.1.0
ABI     := 0

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
CXX     ?= c++
AR      ?= ar
CFLAGS  ?= -O3 -g
CXXFLAGS ?= -O2 -g
INSTALL ?= install
PYTHON  ?= python3

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
DEFINES  :=
LIBS     := -lm -lpthread

# ZLIB=0 builds without gzip-compressed models.
ZLIB ?= 1
ifeq ($(ZLIB),1)
LIBS += -lz
else
DEFINES += -DDP_NO_ZLIB
endif

LIB_CFLAGS := -std=c11 $(WARNINGS) -fPIC -fvisibility=hidden -ffp-contract=off -DDP_BUILD_SHARED \
              $(DEFINES) -Iinclude -Ilib
APP_CFLAGS := -std=c11 $(WARNINGS) -Iinclude

LIB_SOURCES := $(wildcard lib/*/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
APP_SOURCES := $(filter-out examples/minimal.c,$(wildcard examples/*.c))
APP_OBJECTS := $(APP_SOURCES:%.c=$(BUILD)/%.o)

STATIC := $(BUILD)/libdualpath.a
SHARED := $(BUILD)/libdualpath.so.$(VERSION)

.PHONY: all static shared examples help clean
all: static shared examples

static: $(STATIC)
shared: $(SHARED)
examples: $(BUILD)/dualpath $(BUILD)/examples/minimal $(BUILD)/examples/raii

# Instruction sets are chosen at run time; only these files may use them.
TARGET := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64% amd64%,$(TARGET)),)
$(BUILD)/lib/kernels/avx2.o:   ISA_CFLAGS := -mavx2 -mfma -mf16c
$(BUILD)/lib/kernels/avx512.o: ISA_CFLAGS := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl
endif

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(ISA_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/examples/%.o: examples/%.c
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(STATIC): $(LIB_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(SHARED): $(LIB_OBJECTS) lib/dualpath.map
	$(CC) -shared -Wl,-soname,libdualpath.so.$(ABI) -Wl,--version-script=lib/dualpath.map \
	    -Wl,-z,defs $(CFLAGS) $(LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIBS)
	ln -sf libdualpath.so.$(VERSION) $(BUILD)/libdualpath.so.$(ABI)
	ln -sf libdualpath.so.$(ABI) $(BUILD)/libdualpath.so

$(BUILD)/dualpath: $(APP_OBJECTS) $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpng $(LIBS)

$(BUILD)/examples/minimal: examples/minimal.c $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(APP_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/examples/raii: examples/raii.cpp $(STATIC)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(WARNINGS) -Iinclude $(CPPFLAGS) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

clean:
	rm -rf $(BUILD)

-include $(LIB_OBJECTS:.o=.d) $(APP_OBJECTS:.o=.d)
