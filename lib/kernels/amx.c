/*
 * The products of AMX: how they are asked for, how rows become their words, and their peak.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif

#include "kernels/amx.h"

#if defined(HAS_AMX)

#include "dualpath.h"

#include "kernels/vector_rows.h"

#include <sys/syscall.h>
#include <unistd.h>

static void bf16_convert__amx(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, STEP, words);
}

static void bf16_convert_bf16__amx(const uint16_t *x, size_t n, uint32_t *words,
                                   dp_row_scale *row) {
    (void)row;
    copy_bf16(x, n, STEP, words);
}

static void int8_convert__amx(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    numbers_to_bytes(x, n, STEP, words, row, false);
}

static void int8_convert_bf16__amx(const uint16_t *x, size_t n, uint32_t *words,
                                   dp_row_scale *row) {
    numbers_to_bytes(x, n, STEP, words, row, true);
}

/* ---- the peak ---- */

#define TILE_BURN(name, dot, group)                 \
    static uint64_t name(uint64_t rounds) {         \
        amx_begin();                                \
        _tile_zero(0);                              \
        _tile_zero(1);                              \
        _tile_zero(2);                              \
        _tile_zero(3);                              \
        _tile_zero(4);                              \
        _tile_zero(5);                              \
        _tile_zero(6);                              \
        _tile_zero(7);                              \
        for (uint64_t r = 0; r < rounds; r++) {     \
            dot(0, 4, 6);                           \
            dot(1, 4, 7);                           \
            dot(2, 5, 6);                           \
            dot(3, 5, 7);                           \
        }                                           \
        amx_end();                                  \
        return rounds * 4 * 16 * 16 * 16 * (group); \
    }

TILE_BURN(bf16_burn__amx, _tile_dpbf16ps, 2)
TILE_BURN(int8_burn__amx, _tile_dpbsud, 4)

/* ---- products ---- */

#define PRODUCT__AMX                                                                           \
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX, .step = STEP, \
    .mr = ROWS, .nr = COLUMNS, .kc = DP_WHOLE_DEPTH, .piece = 7 * ROWS

static const dp_product bf16_product = {
    PRODUCT__AMX,
    .name = "amx-bf16",
    .precision = DP_PRECISION_BF16,
    .group = 2,
    .apply = dp_amx_linear_bf16,
    .attend = dp_amx_attention,
    .attention_scratch = dp_amx_attention_scratch,
    .convert = bf16_convert__amx,
    .convert_bf16 = bf16_convert_bf16__amx,
    .burn = bf16_burn__amx,
};

static const dp_product int8_product = {
    PRODUCT__AMX,
    .name = "amx-int8",
    .precision = DP_PRECISION_INT8,
    .group = 4,
    .apply = dp_amx_linear_int8,
    .convert = int8_convert__amx,
    .convert_bf16 = int8_convert_bf16__amx,
    .burn = int8_burn__amx,
};

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

/* Linux gives the tile registers to processes that ask, once for all of their threads. */
static bool is_permitted(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const dp_product *dp_products_amx(dp_precision precision) {
    const dp_product *product = precision == DP_PRECISION_BF16   ? &bf16_product
                                : precision == DP_PRECISION_INT8 ? &int8_product
                                                                 : NULL;
    return product != NULL && (dp_cpu_features() & DP_CPU_AMX) != 0 && is_permitted() ? product
                                                                                      : NULL;
}

#else

const dp_product *dp_products_amx(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
