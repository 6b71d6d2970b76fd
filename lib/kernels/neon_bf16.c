/*
 * Products of bf16 for NEON with matrix products of bf16: tiles of 6 x 16 in blocks of 2 x 2.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)

#include "dualpath.h"

#include "kernels/neon_blocks.h"

static inline void dot_blocks(block_sums *sum, column_blocks columns, vw rows) {
    N_IN_ORDER("bfmmla %0.4s, %1.8h, %2.8h", sum->low, columns.low, rows);
    N_IN_ORDER("bfmmla %0.4s, %1.8h, %2.8h", sum->high, columns.high, rows);
}

#define PRODUCT_TILE bf16_tile__neon_bf16
#define PRODUCT_BURN bf16_burn__neon_bf16
#define PRODUCT_GROUP 2
#define PRODUCT_ROWS 6
#define PRODUCT_HEIGHT 2
#define PRODUCT_WORDS 2
#define PRODUCT_PARTS 1
#define PRODUCT_SUM block_sums
#define PRODUCT_ZERO() zero_blocks()
#define PRODUCT_COLUMNS column_blocks
#define PRODUCT_COLUMN(p) load_column_blocks(p)
#define PRODUCT_FACTOR vw
#define PRODUCT_LOAD(a) load_row_block(a)
#define PRODUCT_DOT(sum, b, a, part) dot_blocks(&(sum), b, a)
#define PRODUCT_RESULT(sum, tile, i, j, k) w_as_floats(row_of_blocks(sum, k))
#include "kernels/neon_product.h"

static const dp_product bf16_product = {
    NEON_BF16, .name = "neon-bf16",          .cpu = DP_CPU_NEON | DP_CPU_ARM_BF16,
    .mr = 6,   .tile = bf16_tile__neon_bf16, .burn = bf16_burn__neon_bf16,
};

const dp_product *dp_products_neon_bf16(dp_precision precision) {
    return precision == DP_PRECISION_BF16 ? &bf16_product : NULL;
}

#else

const dp_product *dp_products_neon_bf16(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
