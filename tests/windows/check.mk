# The library, its tests and the command line program for Windows, built here by mingw-w64 and run by
# Wine.

ifeq ($(SYSTEM),windows)
# Macros of its headers convert numbers as they like.
TEST_CFLAGS += -Itests/windows -Itests/machines -include posix.h -Wno-conversion
CHECK_LIBS  := -l:libwinpthread.a -l:libz.a
endif

$(BUILD)/tests/test_windows: $(BUILD)/tests/windows/test_windows.o $(BUILD)/tests/support.a $(INTERNAL)
	$(LINK_TEST)
