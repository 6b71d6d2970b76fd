# The library where there is no operating system: docs/firmware.md.

# A cross compiler and what it calls the processor, e.g. CROSS=arm-none-eabi- CPU=cortex-m7,
# CROSS=riscv64-unknown-elf- CPU=rv64gc, CROSS=aarch64-linux-gnu- CPU=cortex-a53.
CROSS ?= arm-none-eabi-
CPU   ?= cortex-m55
# A header that says what is left out, as lib/dp_config.h lists it; by default nothing of the library.
CONFIG ?=

FIRMWARE_OPTIMISE ?= -Os
FIRMWARE_OPTIMISE_PRODUCTS ?= -O2
FIRMWARE_CPU_FLAGS_cortex-m4  := -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
FIRMWARE_CPU_FLAGS_cortex-m7  := -mthumb -mfloat-abi=hard -mfpu=fpv5-d16
FIRMWARE_CPU_FLAGS_cortex-m33 := -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16
FIRMWARE_CPU_FLAGS_cortex-m55 := -mthumb -mfloat-abi=hard
ifneq ($(filter riscv%,$(CROSS)),)
FIRMWARE_FLAGS = -march=$(CPU) -mcmodel=medany --specs=picolibc.specs
else ifneq ($(filter aarch64%,$(CROSS)),)
FIRMWARE_FLAGS = -mtune=$(CPU) -mno-outline-atomics
else
FIRMWARE_FLAGS = -mcpu=$(CPU) $(FIRMWARE_CPU_FLAGS_$(CPU))
endif
# Products are worth some bytes of code.
$(BUILD)/lib/isa/cortexm/rows.o: FILE_CFLAGS := $(FIRMWARE_PRODUCTS)
FIRMWARE_CFLAGS = $(FIRMWARE_FLAGS) $(FIRMWARE_OPTIMISE) -ffunction-sections -fdata-sections \
    -fcallgraph-info=su
FIRMWARE_LIB_CFLAGS = -std=c11 $(WARNINGS) -fvisibility=hidden -DDP_BUILD_SHARED -ffp-contract=off -fno-math-errno -DDP_FREESTANDING \
    $(if $(CONFIG),-DDP_CONFIG_FILE='\"$(notdir $(CONFIG))\"' -I$(dir $(CONFIG))) -Iinclude -Ilib
FIRMWARE = $(BUILD)/firmware/$(CPU)$(if $(CONFIG),-$(basename $(notdir $(CONFIG))))

.PHONY: firmware
firmware: ## $(BUILD)/firmware/CPU/libdualpath.a without an operating system; also CROSS CPU CONFIG
	@$(MAKE) --no-print-directory -s BUILD=$(FIRMWARE) CC=$(CROSS)gcc AR=$(CROSS)ar ZLIB=0 DEFINES= \
	    FIRMWARE_PRODUCTS=$(FIRMWARE_OPTIMISE_PRODUCTS) \
	    CFLAGS="$(FIRMWARE_CFLAGS)" LIB_CFLAGS="$(FIRMWARE_LIB_CFLAGS)" static $(FIRMWARE_ALSO)
	@sh tests/firmware/symbols.sh $(CROSS) $(FIRMWARE)/libdualpath.a
	@$(PYTHON) tests/firmware/stack.py $(FIRMWARE)

# ---- the example: examples/firmware ----

# BOARD is one of Arm's that qemu-system-arm knows, PRECISION that of the model. What is linked in is
# a tiny model with random weights and its clip, unless FIRMWARE_MODEL is another one that takes a
# clip of 16 frames of 32 x 32.
BOARD     ?= an547
PRECISION ?= int8
FIRMWARE_MODEL ?= tests/golden/released.gguf
FIRMWARE_CLIP  ?= tests/golden/released.frames.npy
BOARD_CPU_an547     := cortex-m55
BOARD_CLOCK_an547   := 32
BOARD_MACHINE_an547 := mps3-an547
BOARD_CPU_an500     := cortex-m7
BOARD_CLOCK_an500   := 25
BOARD_MACHINE_an500 := mps2-an500
FIRMWARE_CONFIG_int8 := examples/firmware/int8_only.h
FIRMWARE_CONFIG_f32  :=

FIRMWARE_DATA  = -DMODEL_FILE='"$(BUILD)/firmware/model-$(PRECISION).gguf"' -DCLIP_FILE='"$(BUILD)/firmware/clip.rgb"'
# VARIANT=-stream: the example classifies window after window, too.
VARIANT ?=
FIRMWARE_DATA += $(if $(VARIANT),-DWITH_STREAM)
FIRMWARE_IMAGE = $(BUILD)/firmware/$(BOARD)-$(PRECISION)$(VARIANT)
FIRMWARE_ARCHIVE = $(FIRMWARE)/libdualpath.a
FIRMWARE_LINK  = examples/firmware/cortex_m.c $(FIRMWARE_ARCHIVE) -Lexamples/firmware -T $(BOARD).ld \
    -nostartfiles -Wl,--gc-sections -lm

.PHONY: firmware-data firmware-image firmware-products firmware-host check-firmware check-firmware-builds record-firmware
# A header of 128 bytes, then pixels.
firmware-data: $(BUILD)/dualpath
	@mkdir -p $(BUILD)/firmware
	@$(BUILD)/dualpath compile $(FIRMWARE_MODEL) -o $(BUILD)/firmware/model-$(PRECISION).gguf --quiet \
	    --target rows --precision $(PRECISION) --report >$(BUILD)/firmware/model-$(PRECISION).report
	@tail -c +129 $(FIRMWARE_CLIP) >$(BUILD)/firmware/clip.rgb

firmware-image: CPU = $(BOARD_CPU_$(BOARD))
firmware-image: CONFIG = $(FIRMWARE_CONFIG_$(PRECISION))
firmware-image: firmware-data ## $(BUILD)/firmware/BOARD-PRECISION.elf, an example that classifies a clip
	@$(MAKE) --no-print-directory -s firmware CPU=$(CPU) CONFIG=$(CONFIG)
	@$(CROSS)gcc $(FIRMWARE_CFLAGS) -std=c11 $(WARNINGS) -Iinclude $(FIRMWARE_DATA) \
	    -DCLOCK_MHZ=$(BOARD_CLOCK_$(BOARD)) examples/firmware/classify.c examples/firmware/data.S \
	    $(FIRMWARE_LINK) -Wl,-Map=$(FIRMWARE_IMAGE).map -o $(FIRMWARE_IMAGE).elf

# The int8 products beside what they are for a processor that has nothing for them.
firmware-products: CPU = $(BOARD_CPU_$(BOARD))
firmware-products: FIRMWARE_ARCHIVE = $(FIRMWARE)/tests/libdualpath-internal.a
firmware-products:
	@$(MAKE) --no-print-directory -s firmware CPU=$(CPU) FIRMWARE_ALSO=$(FIRMWARE_ARCHIVE)
	@$(CROSS)gcc $(FIRMWARE_CFLAGS) $(FIRMWARE_OPTIMISE_PRODUCTS) $(FIRMWARE_LIB_CFLAGS) \
	    -U__ARM_FEATURE_MVE -U__ARM_FEATURE_SIMD32 -Ddpi_gemm_rows=plain_gemm_rows \
	    -c lib/isa/cortexm/rows.c -o $(FIRMWARE)/plain_rows.o
	@$(CROSS)gcc $(FIRMWARE_CFLAGS) $(FIRMWARE_LIB_CFLAGS) -DCLOCK_MHZ=$(BOARD_CLOCK_$(BOARD)) \
	    tests/firmware/products.c $(FIRMWARE)/plain_rows.o $(FIRMWARE_LINK) -o $(BUILD)/firmware/$(BOARD)-products.elf

firmware-host: firmware-data $(STATIC)
	@$(CC) $(APP_CFLAGS) $(CFLAGS) $(FIRMWARE_DATA) examples/firmware/classify.c examples/firmware/host.c \
	    examples/firmware/data.S $(STATIC) $(LDFLAGS) $(LIBS) -o $(BUILD)/firmware/host-$(PRECISION)$(VARIANT)

FIRMWARE_KINDS := int8 f32 int8-stream
check-firmware: ## builds the example for two boards, runs it in an emulator, compares it with this machine
	@.ci/setup build firmware
	@set -e; for kind in $(FIRMWARE_KINDS); do \
	    what="PRECISION=$${kind%%-*} VARIANT=$$(expr $$kind : '[^-]*\(.*\)' || true)"; \
	    $(MAKE) --no-print-directory -s firmware-host $$what; \
	    for board in an547 an500; do \
	        $(MAKE) --no-print-directory -s firmware-image BOARD=$$board $$what; \
	    done; done
	@for board in an547:$(BOARD_MACHINE_an547) an500:$(BOARD_MACHINE_an500); do \
	    for kind in $(FIRMWARE_KINDS); do \
	        BUILD=$(BUILD)/firmware CROSS=$(CROSS) RECORD="$(RECORD)" \
	            sh tests/firmware/check.sh $${board%:*} $${board#*:} $$kind || exit 1; \
	    done; done
	@set -e; for board in an547:$(BOARD_MACHINE_an547):250 an500:$(BOARD_MACHINE_an500):1000; do \
	    $(MAKE) --no-print-directory -s firmware-products BOARD=$${board%%:*}; \
	    BUILD=$(BUILD)/firmware sh tests/firmware/products.sh $$(echo $$board | tr : ' '); done

# What these cannot run here is checked for what it asks for and for its stack.
FIRMWARE_OTHERS := arm-none-eabi-:cortex-m4 arm-none-eabi-:cortex-m33 aarch64-linux-gnu-:cortex-a53 \
    riscv64-unknown-elf-:rv64gc
check-firmware-builds: ## builds the library for the other processors of docs/firmware.md
	@.ci/setup build firmware bare
	@set -e; for each in $(FIRMWARE_OTHERS); do \
	    $(MAKE) --no-print-directory -s firmware CROSS=$${each%:*} CPU=$${each#*:}; done

record-firmware: ## writes down what the example takes now, which check-firmware compares with
	@rm -f tests/firmware/recorded.txt
	@$(MAKE) --no-print-directory -s check-firmware RECORD=tests/firmware/recorded.txt
