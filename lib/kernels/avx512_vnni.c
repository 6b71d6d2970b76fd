/*
 * Products of bf16 and bytes for AVX-512 with AVX512-BF16 and AVX512-VNNI: tiles of 14 x 32 as in
 * f32, with two or four times the numbers in each step.
 */
#include "kernels/kernels.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)

#include "dualpath.h"

#include "kernels/vector_avx512.h"

#include "kernels/vector_rows.h"
#include "kernels/vector_store.h"

#define ROWS 14
#define VECTORS 2
#define STEP 16 /* of AMX, so that both read the same panels */

#define PRODUCT_TILE bf16_tile__avx512_vnni
#define PRODUCT_BURN bf16_burn__avx512_vnni
#define PRODUCT_GROUP 2
#define PRODUCT_SPREAD 1
#define PRODUCT_ROWS ROWS
#define PRODUCT_VECTORS VECTORS
#define PRODUCT_SUM __m512
#define PRODUCT_ZERO() v_zero()
#define PRODUCT_COLUMNS vw
#define PRODUCT_COLUMN(p) w_load(p)
#define PRODUCT_FACTOR vw
#define PRODUCT_BROADCAST(p) w_set(*(p))
#define PRODUCT_DOT(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define PRODUCT_RESULT(sum, tile, i, j) (sum)
#include "kernels/vector_product.h"

static void bf16_convert__avx512_vnni(const float *x, size_t n, uint32_t *words,
                                      dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, STEP, words);
}

static const dp_product bf16_product = {
    .name = "avx512-bf16",
    .precision = DP_PRECISION_BF16,
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_BF16,
    .group = 2,
    .step = STEP,
    .mr = ROWS,
    .nr = VECTORS * V_LENGTH,
    .kc = 384,
    .piece = 14 * ROWS,
    .tile = bf16_tile__avx512_vnni,
    .convert = bf16_convert__avx512_vnni,
    .burn = bf16_burn__avx512_vnni,
};

#define PRODUCT_TILE int8_tile__avx512_vnni
#define PRODUCT_BURN int8_burn__avx512_vnni
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
#define PRODUCT_DOT(sum, a, b) _mm512_dpbusd_epi32(sum, b, a)
#define PRODUCT_RESULT(sum, tile, i, j) v_unscaled(sum, tile, i, j)
#include "kernels/vector_product.h"

static void int8_convert__avx512_vnni(const float *x, size_t n, uint32_t *words,
                                      dp_row_scale *row) {
    numbers_to_bytes(x, n, STEP, words, row, false);
}

static const dp_product int8_product = {
    .name = "avx512-vnni",
    .precision = DP_PRECISION_INT8,
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI,
    .group = 4,
    .step = STEP,
    .mr = ROWS,
    .nr = VECTORS * V_LENGTH,
    .kc = DP_WHOLE_DEPTH,
    .piece = 14 * ROWS,
    .tile = int8_tile__avx512_vnni,
    .convert = int8_convert__avx512_vnni,
    .burn = int8_burn__avx512_vnni,
};

const dp_product *dp_products_avx512_vnni(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &bf16_product
           : precision == DP_PRECISION_INT8 ? &int8_product
                                            : NULL;
}

#else

const dp_product *dp_products_avx512_vnni(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
