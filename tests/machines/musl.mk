# The library with musl in the place of glibc: what Alpine and static programs have. All C tests run
# twice, with musl as a shared library and as a static one, where calls of the C library cannot be
# replaced by a program's own. zlib, libpng and Check are made from Debian's sources.
MUSL        := $(BUILD)/musl
MUSL_STATIC := $(MUSL)/static
MUSL_ROOT   := $(MUSL)/root
MUSL_MAKE    = $(SANITIZED) CC=musl-gcc CLANG= ZLIB=1 CFLAGS="-O3 -g -Werror" CPPFLAGS=-I$(MUSL_ROOT)/include \
    CHECK_LIBS="-lcheck -lz"
MUSL_LDFLAGS := -L$(MUSL_ROOT)/lib -Wl,-rpath,$(abspath $(MUSL_ROOT))/lib
NOT_STATIC   := test_failures test_stacks # they find calls of the C library with dlsym()

.PHONY: check-musl check-musl-answers
check-musl: ## all C tests, the ABI and the command line with musl (Debian's musl-tools), shared and static (minutes)
	@.ci/setup build check musl
	@.ci/debian-sources $(BUILD)/sources zlib libpng1.6 check
	@CC=musl-gcc AR="$(AR)" sh tests/machines/libraries.sh $(BUILD)/sources $(MUSL_ROOT) zlib zlib-shared libpng check
	@$(MUSL_MAKE) BUILD=$(MUSL) LDFLAGS="$(MUSL_LDFLAGS)" check-c check-abi check-versions check-amalgamation check-cli
	@$(MUSL_MAKE) BUILD=$(MUSL_STATIC) LDFLAGS="-L$(MUSL_ROOT)/lib -static" \
	    TEST_NAMES="$(filter-out $(NOT_STATIC),$(TEST_NAMES))" check-c
	@$(SANITIZED) check-musl-answers

# glibc's answers, and musl's of the static library, the shared one, and a static program.
check-musl-answers: $(ANSWERS)
	@echo "== answers with glibc and musl"
	@$(MUSL_MAKE) BUILD=$(MUSL) LDFLAGS="$(MUSL_LDFLAGS)" $(MUSL)/tests/same-bits/answers_shared
	@$(MUSL_MAKE) BUILD=$(MUSL_STATIC) LDFLAGS="-L$(MUSL_ROOT)/lib -static" $(MUSL_STATIC)/tests/same-bits/answers
	@sh tests/same-bits/answers.sh "$(KERNEL_LEVELS)" $(ANSWERS) \
	    $(MUSL)/tests/same-bits/answers $(MUSL)/tests/same-bits/answers_shared $(MUSL_STATIC)/tests/same-bits/answers
