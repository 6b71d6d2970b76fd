# The library for browsers: WebAssembly with SIMD, with and without threads, by emscripten. The compiler makes
# vectors of plain C: the answers are those of `--cpu c`, bit for bit.
WEB        := $(BUILD)/web
WEB_FILES  := $(patsubst bindings/web/%,$(WEB)/%,$(wildcard $(addprefix bindings/web/*.,js d.ts html css)))
WEB_MODELS := $(patsubst examples/models/%,$(WEB)/models/%,$(wildcard examples/models/*.gguf))
EMCC       ?= emcc

# emscripten of Debian looks for acorn where Debian's node does, whichever node there is.
WEB_EMCC    = NODE_PATH=/usr/share/nodejs $(EMCC)
WEB_CFLAGS := -std=gnu11 -O3 -msimd128 -ffp-contract=off -DDP_NO_ZLIB -DDP_NO_FILES -DDP_NO_ENVIRONMENT
WEB_LINK   := --no-entry -sMODULARIZE -sEXPORT_ES6 -sFILESYSTEM=0 -sENVIRONMENT=web,worker -sIMPORTED_MEMORY \
    -sALLOW_MEMORY_GROWTH -sMAXIMUM_MEMORY=2GB -Wno-pthreads-mem-growth
empty      :=
space      := $(empty) $(empty)

# What JavaScript calls of dualpath.h; what it calls of shim.c says so there.
WEB_CALLS   = $(sort malloc free $(shell sed -n 's/.*wasm\._\(dp_[a-z_]*\).*/\1/p' bindings/web/*.js))
WEB_EXPORTS = -sEXPORTED_FUNCTIONS=$(subst $(space),$(comma),$(WEB_CALLS:%=_%))

.PHONY: web check-web
web: $(WEB)/single.mjs $(WEB)/threads.mjs $(WEB_FILES) $(WEB_MODELS) ## $(BUILD)/web: the library as WebAssembly, and a page that shows what it does

$(WEB)/single.mjs:  WEB_THREADS := -DDP_NO_THREADS
$(WEB)/threads.mjs: WEB_THREADS := -pthread -sPTHREAD_POOL_SIZE=Module.workers
$(WEB)/single.mjs $(WEB)/threads.mjs: $(AMALGAMATION) bindings/web/shim.c bindings/web/engine.js bindings/web/dualpath.js bindings/web/web.mk
	@mkdir -p $(@D)
	$(WEB_EMCC) $(WEB_CFLAGS) $(WEB_LINK) $(WEB_EXPORTS) $(WEB_THREADS) -I$(dir $(AMALGAMATION)) $(AMALGAMATION) bindings/web/shim.c -o $@

$(WEB_FILES): $(WEB)/%: bindings/web/%
	@mkdir -p $(@D)
	cp $< $@

$(WEB_MODELS): $(WEB)/models/%: examples/models/%
	@mkdir -p $(@D)
	cp $< $@

# ARGS=--time measures milliseconds, too. Pictures of the page are left in $(BUILD)/web-pictures.
WEB_VENV := $(abspath $(BUILD))/venv-web
check-web: ## the library for browsers, in node and Chromium: size, bits, errors, memory, and the page with a file and a camera
	@.ci/setup build check video web
	@$(MAKE) --no-print-directory web $(BUILD)/dualpath $(BUILD)/examples/scene
	@PYTHON="$(PYTHON)" sh .ci/venv-setup "$(WEB_VENV)" bindings/web/tests/requirements.txt
	@echo "== web"
	@! command -v tsc >/dev/null || NODE_PATH=/usr/share/nodejs tsc --noEmit --strict --target es2022 --moduleResolution node bindings/web/tests/types.ts
	@"$(WEB_VENV)/bin/python" bindings/web/tests/web_test.py $(BUILD) $(ARGS)
