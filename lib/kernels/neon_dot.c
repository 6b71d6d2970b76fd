/*
 * Products of bytes for NEON with dot products: tiles of 6 x 16 as in f32. There is no instruction
 * for signed times unsigned bytes; the columns of a panel become signed in registers.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)

#include "dualpath.h"

#include "kernels/neon_common.h"

#define PRODUCT_TILE int8_tile__neon_dot
#define PRODUCT_BURN int8_burn__neon_dot
#define PRODUCT_GROUP 4
#define PRODUCT_ROWS 6
#define PRODUCT_HEIGHT 1
#define PRODUCT_WORDS 4
#define PRODUCT_PARTS 4
#define PRODUCT_SUM vw
#define PRODUCT_ZERO() w_set(0)
#define PRODUCT_COLUMNS vw
#define PRODUCT_COLUMN(p) w_flip_bytes(w_load(p))
#define PRODUCT_FACTOR vw
#define PRODUCT_LOAD(a) w_load(*(a))
#define PRODUCT_DOT(sum, b, a, lane) N_IN_ORDER("sdot %0.4s, %1.16b, %2.4b[" #lane "]", sum, b, a)
#define PRODUCT_RESULT(sum, tile, i, j, k) v_scaled(sum, tile, i, j)
#include "kernels/neon_product.h"

static const dp_product int8_product = {
    NEON_INT8, .name = "neon-dot",          .cpu = DP_CPU_NEON | DP_CPU_DOTPROD,
    .mr = 6,   .tile = int8_tile__neon_dot, .burn = int8_burn__neon_dot,
};

const dp_product *dp_products_neon_dot(dp_precision precision) {
    return precision == DP_PRECISION_INT8 ? &int8_product : NULL;
}

#else

const dp_product *dp_products_neon_dot(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
