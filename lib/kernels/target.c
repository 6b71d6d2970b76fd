/*
 * Targets: the layouts of panels that compiled files come in, one line each. Any machine can pack
 * any of them, with the same bits.
 */
#include "kernels/numbers.h"

static void bf16_convert__packing(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, 1, words);
}

static void int8_convert__packing(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, 1, words, row);
}

/* Columns of a panel, and what a depth in words of bf16 and bytes is padded to a multiple of. */
#define LAYOUT(columns, depth)                                                                   \
    {                                                                                            \
        {.name = "none", .precision = DP_PRECISION_F32, .group = 1, .step = 1, .nr = (columns)}, \
            {.name = "none",                                                                     \
             .precision = DP_PRECISION_BF16,                                                     \
             .group = 2,                                                                         \
             .step = (depth),                                                                    \
             .nr = (columns),                                                                    \
             .convert = bf16_convert__packing},                                                  \
            {.name = "none",                                                                     \
             .precision = DP_PRECISION_INT8,                                                     \
             .group = 4,                                                                         \
             .step = (depth),                                                                    \
             .nr = (columns),                                                                    \
             .convert = int8_convert__packing},                                                  \
    }

typedef struct target {
    const char *name;
    uint32_t cpu;          /* DP_CPU_* that make the family */
    dp_product packing[3]; /* f32, bf16, int8 */
} target;

static const target targets[DP_TARGET_COUNT] = {
    [DP_TARGET_NATIVE] = {.name = "native"},
    [DP_TARGET_PLAIN] = {"plain", 0, LAYOUT(8, 1)},
    [DP_TARGET_ROWS] = {"rows", 0, LAYOUT(1, 1)},
    [DP_TARGET_AVX2] = {"avx2", DP_CPU_AVX2, LAYOUT(16, 1)},
    [DP_TARGET_AVX512] = {"avx512", DP_CPU_AVX512, LAYOUT(32, 16)},
    [DP_TARGET_NEON] = {"neon", DP_CPU_NEON, LAYOUT(16, 4)},
};

const char *dp_target_name(int32_t number) {
    return number >= 0 && number < DP_TARGET_COUNT ? targets[number].name : NULL;
}

const dp_product *dp_target_packing(dp_target number, dp_precision precision) {
    return &targets[number].packing[precision - DP_PRECISION_F32];
}

const dp_product *dp_target_product(dp_target number, dp_precision precision, uint32_t cpu_mask) {
    return number == DP_TARGET_ROWS
               ? dp_products_rows(precision)
               : dp_product_reading(dp_target_packing(number, precision), cpu_mask);
}

dp_target dp_target_of(const dp_product *f32, const dp_product *product) {
    for (int number = DP_TARGET_PLAIN; number < DP_TARGET_COUNT; number++) {
        dp_target found = (dp_target)number;
        if ((targets[number].cpu & ~f32->cpu) == 0 &&
            dp_same_layout(f32, dp_target_packing(found, DP_PRECISION_F32)) &&
            dp_same_layout(product, dp_target_packing(found, product->precision))) {
            return found;
        }
    }
    return DP_TARGET_NATIVE;
}
