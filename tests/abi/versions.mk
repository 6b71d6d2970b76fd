# Programs and libraries of different versions: structs that begin with struct_size grow. A program
# of the first version, of this one and of a later one runs with this library and with a later one.
# One that needs a symbol of a later library is not loaded with this one, by glibc's loader, which knows
# symbol versions, nor by musl's, which misses the symbol; where programs are static there is none. On
# another machine TEST_WRAPPER runs them.

VERSIONS := $(BUILD)/tests/abi/versions
VERSION_CALLERS := this first later
VERSION_MODEL := tests/golden/crops-first.gguf
HEADER_OF_first := $(VERSIONS)/first
HEADER_OF_this  := include
HEADER_OF_later := $(VERSIONS)/later

.PHONY: check-versions
check-versions: $(VERSION_CALLERS:%=$(VERSIONS)/%-with-this) $(VERSION_CALLERS:%=$(VERSIONS)/%-with-later) \
    $(if $(filter -static,$(LDFLAGS)),,check-symbol-versions)
	@echo "== versions"
	@set -e; for program in $(filter-out check-%,$^); do \
	    case $$program in *later-with-this) refused=refused;; *) refused=;; esac; \
	    $(TEST_WRAPPER) $$program $(VERSION_MODEL) $$refused >$$program.txt || { cat $$program.txt; exit 1; }; \
	    cmp $(VERSIONS)/this-with-this.txt $$program.txt; done

$(VERSIONS)/first/dualpath.h $(VERSIONS)/later/dualpath.h: tests/abi/other_header.py include/dualpath.h lib/api/options.c
	$(PYTHON) tests/abi/other_header.py $(notdir $(@D)) $(@D)

# This library, compiled against the header of a later version.
.PHONY: library-of-later
library-of-later: $(VERSIONS)/later/dualpath.h
	@$(MAKE) --no-print-directory -s BUILD=$(VERSIONS)/with-later CFLAGS=-O1 \
	    LIB_CFLAGS="$(subst -Iinclude,-I$(HEADER_OF_later),$(LIB_CFLAGS))" static
$(VERSIONS)/with-later/libdualpath.a: library-of-later ;

$(VERSIONS)/%.o: tests/abi/caller.c $(VERSIONS)/first/dualpath.h $(VERSIONS)/later/dualpath.h include/dualpath.h $(COMPILE_OPTIONS)
	$(CC) -std=c11 $(WARNINGS) -I$(HEADER_OF_$*) $(if $(filter later,$*),-DLATER) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(VERSIONS)/%-with-this: $(VERSIONS)/%.o $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(VERSIONS)/%-with-later: $(VERSIONS)/%.o $(VERSIONS)/with-later/libdualpath.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# A later shared library with one more symbol, in the node of its release, and a program that calls it.
LATER_SHARED := $(VERSIONS)/shared/libdualpath.so.$(ABI)

.PHONY: check-symbol-versions
check-symbol-versions: $(VERSIONS)/later_symbol $(SHARED)
	@echo "== symbol versions"
	@set -e; \
	LD_LIBRARY_PATH=$(VERSIONS)/shared $(TEST_WRAPPER) $<; \
	getconf GNU_LIBC_VERSION >/dev/null 2>&1 || { echo "symbol versions: skipped: this is not glibc"; exit 0; }; \
	! LD_LIBRARY_PATH=$(BUILD) $(TEST_WRAPPER) $< >$<.txt 2>&1 || { echo "loaded without a symbol it needs"; exit 1; }; \
	grep -oE "version .DUALPATH_LATER. not found|dp_later_symbol: symbol not found" $<.txt || { cat $<.txt; exit 1; }

$(VERSIONS)/later_symbol: tests/abi/later_symbol.c $(LATER_SHARED)
	$(CC) -std=c11 $(WARNINGS) -Iinclude $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(LATER_SHARED): tests/abi/later_symbol.c $(LIB_OBJECTS) lib/dualpath.map
	@mkdir -p $(@D)
	{ cat lib/dualpath.map; echo 'DUALPATH_LATER { global: dp_later_symbol; } DUALPATH_0.2;'; } >$(@D)/later.map
	$(CC) -std=c11 $(WARNINGS) -DLATER_LIBRARY -Iinclude -fPIC -shared -Wl,-soname,$(@F) \
	    -Wl,--version-script=$(@D)/later.map $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS)
