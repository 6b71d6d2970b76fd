# The library on Windows, by gcc of mingw-w64 or by clang for it: a DLL that needs no other than those
# of the system, its import library, and the list of names that other linkers make theirs of.

IMPORT_LIBRARY := $(BUILD)/libdualpath.dll.a
EXPORTED_NAMES := $(BUILD)/libdualpath.def

$(SHARED): $(LIB_OBJECTS) $(EXPORTED_NAMES) $(LINK_OPTIONS)
	$(CC) -shared -static-libgcc -Wl,--no-insert-timestamp -Wl,--out-implib,$(IMPORT_LIBRARY) $(CFLAGS) $(LDFLAGS) \
	    -o $@ $(LIB_OBJECTS) $(EXPORTED_NAMES) $(LIBS)

$(EXPORTED_NAMES): lib/dualpath.map
	@mkdir -p $(@D)
	{ echo 'LIBRARY $(notdir $(SHARED))'; echo EXPORTS; sed -n 's/^ *\(dp_[a-z0-9_]*\);$$/    \1/p' $<; } >$@
