/*
 * Products of bytes for NEON with matrix products of bytes: tiles of 6 x 16 in blocks of 2 x 2.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8)

#include "dualpath.h"

#include "kernels/neon_blocks.h"

static inline void dot_blocks(block_sums *sum, column_blocks columns, vw rows) {
    N_IN_ORDER("usmmla %0.4s, %1.16b, %2.16b", sum->low, columns.low, rows);
    N_IN_ORDER("usmmla %0.4s, %1.16b, %2.16b", sum->high, columns.high, rows);
}

#define PRODUCT_TILE int8_tile__neon_i8mm
#define PRODUCT_BURN int8_burn__neon_i8mm
#define PRODUCT_GROUP 4
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
#define PRODUCT_RESULT(sum, tile, i, j, k) v_unscaled(row_of_blocks(sum, k), tile, i, j)
#include "kernels/neon_product.h"

static const dp_product int8_product = {
    NEON_INT8, .name = "neon-i8mm",          .cpu = DP_CPU_NEON | DP_CPU_I8MM,
    .mr = 6,   .tile = int8_tile__neon_i8mm, .burn = int8_burn__neon_i8mm,
};

const dp_product *dp_products_neon_i8mm(dp_precision precision) {
    return precision == DP_PRECISION_INT8 ? &int8_product : NULL;
}

#else

const dp_product *dp_products_neon_i8mm(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
