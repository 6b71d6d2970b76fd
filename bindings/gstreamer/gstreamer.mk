# The plugin for GStreamer 1.x: one file with the library in it. pkg-config is asked only where
# something of this is made.
GST_BUILD    := $(BUILD)/gstreamer
GST_PLUGIN   := $(GST_BUILD)/libgstdualpath.so
GST_OVERLAY  := $(GST_BUILD)/overlay
GST_SOURCES  := $(filter-out bindings/gstreamer/overlay.c,$(wildcard bindings/gstreamer/*.c))
GST_OBJECTS  := $(GST_SOURCES:bindings/gstreamer/%.c=$(GST_BUILD)/%.o)
GST_PLUGINDIR ?= $(shell pkg-config --variable=pluginsdir gstreamer-1.0)

# Metadata for answers is in GStreamer 1.24 and later. Headers of others are not ours to warn about.
GST_ANALYTICS = $(shell pkg-config --exists gstreamer-analytics-1.0 && echo gstreamer-analytics-1.0)
GST_PACKAGES  = gstreamer-1.0 gstreamer-video-1.0 $(GST_ANALYTICS)
GST_CFLAGS    = -std=c11 $(WARNINGS) -fPIC -fvisibility=hidden -Iinclude $(if $(GST_ANALYTICS),-DHAVE_GST_ANALYTICS) \
    $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(GST_PACKAGES)))
GST_TESTS     = $(patsubst %,$(GST_BUILD)/tests/test_%,element time $(if $(GST_ANALYTICS),analytics))
GST_LIBS      = $(shell pkg-config --libs $(GST_PACKAGES))

.PHONY: gstreamer needs-gstreamer install-gstreamer uninstall-gstreamer check-gstreamer
gstreamer: $(GST_PLUGIN) $(GST_OVERLAY) ## $(BUILD)/gstreamer: the plugin for GStreamer 1.x, and its example

needs-gstreamer:
	@pkg-config --exists gstreamer-video-1.0 || { echo "the plugin needs pkg-config and the headers of GStreamer 1.x"; \
	    echo "(Debian: libgstreamer-plugins-base1.0-dev, or .ci/setup gstreamer)"; exit 1; }
$(GST_OBJECTS) $(GST_BUILD)/overlay.o: | needs-gstreamer

$(GST_OBJECTS) $(GST_BUILD)/overlay.o: $(GST_BUILD)/%.o: bindings/gstreamer/%.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(GST_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# The library's names stay inside: a program may have another one of it.
$(GST_PLUGIN): $(GST_OBJECTS) $(STATIC) $(LINK_OPTIONS)
	$(CC) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL $(CFLAGS) $(LDFLAGS) -o $@ $(GST_OBJECTS) $(STATIC) $(GST_LIBS) $(LIBS)

$(GST_OVERLAY): $(GST_BUILD)/overlay.o $(LINK_OPTIONS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(GST_LIBS)

install-gstreamer: $(GST_PLUGIN) ## the plugin into $(DESTDIR)$(GST_PLUGINDIR), by default where GStreamer looks
	$(INSTALL) -d $(call quoted,$(DESTDIR)$(GST_PLUGINDIR))
	$(INSTALL) -m 755 $(GST_PLUGIN) $(call quoted,$(DESTDIR)$(GST_PLUGINDIR))

uninstall-gstreamer: ## removes what install-gstreamer put there
	rm -f $(call quoted,$(DESTDIR)$(GST_PLUGINDIR))/libgstdualpath.so

# Check is the one that GStreamer brings along, with a harness for elements.
$(GST_BUILD)/tests/%: GST_PACKAGES += gstreamer-check-1.0
$(GST_BUILD)/tests/%.o: bindings/gstreamer/tests/%.c $(COMPILE_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(GST_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(GST_BUILD)/tests/test_%: $(GST_BUILD)/tests/test_%.o $(GST_BUILD)/tests/support.o $(STATIC) $(LINK_OPTIONS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(GST_LIBS) $(LIBS)

# What is tested was installed. The registry is one of ours, so that GStreamer's own never learns of it.
GST_INSTALLED       := $(abspath $(GST_BUILD))/installed
GST_TEST_ENVIRONMENT = env GOLDEN="$(abspath tests/golden)" GST_PLUGIN_PATH="$(GST_INSTALLED)" \
    GST_REGISTRY="$(abspath $(GST_BUILD))/registry.bin" LC_ALL=C.UTF-8
GST_VALGRIND = env CK_FORK=no CK_DEFAULT_TIMEOUT=0 G_SLICE=always-malloc valgrind -q --error-exitcode=9 \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --suppressions=bindings/gstreamer/tests/valgrind.supp
check-gstreamer: ## the plugin in GStreamer's harness, also under valgrind, and in pipelines, against dualpath watch
	@.ci/setup build gstreamer
	@$(MAKE) --no-print-directory gstreamer $(GST_TESTS) $(BUILD)/dualpath $(BUILD)/examples/scene
	@$(MAKE) --no-print-directory install-gstreamer DESTDIR= GST_PLUGINDIR="$(GST_INSTALLED)"
	@echo "== GStreamer"
	@test -n "$(GST_ANALYTICS)" || echo "skipped: answers on buffers, which need gstreamer-analytics-1.0 (GStreamer 1.24, libgstreamer-plugins-bad1.0-dev)"
	@set -e; for test in $(GST_TESTS); do $(GST_TEST_ENVIRONMENT) $$test; done
	@$(GST_TEST_ENVIRONMENT) BUILD="$(abspath $(BUILD))" sh bindings/gstreamer/tests/pipelines.sh
	@set -e; for test in $(GST_TESTS); do echo "== $$(basename $$test) under valgrind"; \
	    $(GST_TEST_ENVIRONMENT) $(GST_VALGRIND) $$test; done
	@$(MAKE) --no-print-directory uninstall-gstreamer DESTDIR= GST_PLUGINDIR="$(GST_INSTALLED)"
	@test -z "$$(ls "$(GST_INSTALLED)")"

-include $(GST_OBJECTS:.o=.d) $(GST_BUILD)/overlay.d $(wildcard $(GST_BUILD)/tests/*.d)
