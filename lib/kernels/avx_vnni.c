/*
 * Products of bytes for AVX2 with AVX-VNNI: tiles of 6 x 16 as in f32.
 */
#include "kernels/kernels.h"

#if defined(__AVXVNNI__)

#include "dualpath.h"

#include "kernels/vector_avx2.h"

#include "kernels/numbers.h"
#include "kernels/vector_store.h"

#define ROWS 6
#define VECTORS 2
#define STEP 1

#define PRODUCT_TILE int8_tile__avx_vnni
#define PRODUCT_BURN int8_burn__avx_vnni
#define PRODUCT_GROUP 4
#define PRODUCT_SPREAD 1
#define PRODUCT_ROWS ROWS
#define PRODUCT_VECTORS VECTORS
#define PRODUCT_SUM vw
#define PRODUCT_ZERO() w_zero()
#define PRODUCT_COLUMNS vw
#define PRODUCT_COLUMN(p) w_load(p)
#define PRODUCT_FACTOR vw
#define PRODUCT_BROADCAST(p) w_set(*(p))
#define PRODUCT_DOT(sum, a, b) _mm256_dpbusd_avx_epi32(sum, b, a)
#define PRODUCT_RESULT(sum, tile, i, j) v_unscaled(sum, tile, i, j)
#include "kernels/vector_product.h"

static void int8_convert__avx_vnni(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, STEP, words, row);
}

static const dp_product int8_product = {
    .name = "avx2-vnni",
    .precision = DP_PRECISION_INT8,
    .cpu = DP_CPU_AVX2 | DP_CPU_VNNI,
    .group = 4,
    .step = STEP,
    .mr = ROWS,
    .nr = VECTORS * V_LENGTH,
    .kc = DP_WHOLE_DEPTH,
    .piece = 32 * ROWS,
    .tile = int8_tile__avx_vnni,
    .convert = int8_convert__avx_vnni,
    .burn = int8_burn__avx_vnni,
};

const dp_product *dp_products_avx_vnni(dp_precision precision) {
    return precision == DP_PRECISION_INT8 && dp_cpu_has_avx_vnni() ? &int8_product : NULL;
}

#else

const dp_product *dp_products_avx_vnni(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
