/*
 * Products of bf16 and bytes for every machine with NEON, by unpacking: tiles of 4 x 16 and 2 x 16.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__)

#include "dualpath.h"

#include "kernels/neon_common.h"

/* ---- bf16 by multiply-adds of f32 ---- */

typedef struct halves {
    vf low, high;
} halves;

static inline halves unpack_halves(vw x) {
    return (halves){w_as_floats(w_low_half(x)), w_as_floats(w_high_half(x))};
}

#define PRODUCT_TILE bf16_tile__neon
#define PRODUCT_BURN bf16_burn__neon
#define PRODUCT_GROUP 2
#define PRODUCT_ROWS 4
#define PRODUCT_HEIGHT 1
#define PRODUCT_WORDS 4
#define PRODUCT_PARTS 4
#define PRODUCT_SUM vf
#define PRODUCT_ZERO() v_zero()
#define PRODUCT_COLUMNS halves
#define PRODUCT_COLUMN(p) unpack_halves(w_load(p))
#define PRODUCT_FACTOR halves
#define PRODUCT_LOAD(a) unpack_halves(w_load(*(a)))
#define PRODUCT_DOT(sum, b, a, lane)         \
    V_ADD_LANE(sum, (b).low, (a).low, lane); \
    V_ADD_LANE(sum, (b).high, (a).high, lane)
#define PRODUCT_RESULT(sum, tile, i, j, k) (sum)
#include "kernels/neon_product.h"

static const dp_product bf16_product = {
    NEON_BF16, .name = "neon",          .cpu = DP_CPU_NEON,
    .mr = 4,   .tile = bf16_tile__neon, .burn = bf16_burn__neon,
};

/* ---- bytes, two words at a time ---- */

/* Of four columns, the sums of bytes 0 and 1 and of bytes 2 and 3 of their words: columns 0 and 1,
 * and columns 2 and 3. */
typedef struct pair_sums {
    vw low, high;
} pair_sums;

/* Two words of four columns. */
typedef struct two_words {
    vw first, second;
} two_words;

static inline pair_sums zero_sums(void) {
    return (pair_sums){w_set(0), w_set(0)};
}

static inline two_words load_columns(const uint32_t *p) {
    return (two_words){w_flip_bytes(w_load(p)), w_flip_bytes(w_load(p + NEON_COLUMNS))};
}

/* Signed bytes are at least -128 and those of rows at least -127: two products fit 16 bits. */
static inline void dot_bytes(pair_sums *sum, two_words b, vw first, vw second) {
    vw low;
    vw high;
    __asm__ volatile("smull %0.8h, %1.8b, %2.8b" : "=w"(low) : "w"(b.first), "w"(first));
    __asm__ volatile("smull2 %0.8h, %1.16b, %2.16b" : "=w"(high) : "w"(b.first), "w"(first));
    N_IN_ORDER("smlal %0.8h, %1.8b, %2.8b", low, b.second, second);
    N_IN_ORDER("smlal2 %0.8h, %1.16b, %2.16b", high, b.second, second);
    __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(sum->low) : "w"(low));
    __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(sum->high) : "w"(high));
}

#define PRODUCT_TILE int8_tile__neon
#define PRODUCT_BURN int8_burn__neon
#define PRODUCT_GROUP 4
#define PRODUCT_ROWS 2
#define PRODUCT_HEIGHT 1
#define PRODUCT_WORDS 4
#define PRODUCT_PARTS 2
#define PRODUCT_SUM pair_sums
#define PRODUCT_ZERO() zero_sums()
#define PRODUCT_COLUMNS two_words
#define PRODUCT_COLUMN(p) load_columns(p)
#define PRODUCT_FACTOR vw
#define PRODUCT_LOAD(a) w_load(*(a))
#define PRODUCT_DOT(sum, b, a, part) \
    dot_bytes(&(sum), b, vdupq_laneq_u32(a, 2 * (part)), vdupq_laneq_u32(a, 2 * (part) + 1))
#define PRODUCT_RESULT(sum, tile, i, j, k) v_scaled(vpaddq_u32((sum).low, (sum).high), tile, i, j)
#include "kernels/neon_product.h"

static const dp_product int8_product = {
    NEON_INT8, .name = "neon",          .cpu = DP_CPU_NEON,
    .mr = 2,   .tile = int8_tile__neon, .burn = int8_burn__neon,
};

const dp_product *dp_products_neon(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &bf16_product
           : precision == DP_PRECISION_INT8 ? &int8_product
                                            : NULL;
}

#else

const dp_product *dp_products_neon(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
