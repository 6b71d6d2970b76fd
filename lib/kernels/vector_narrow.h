/*
 * Products of bf16 and bytes for instruction sets that have no instruction for them, or a slow one:
 * halves and bytes of a panel are unpacked in registers, bytes of rows, too; rows of bf16 are f32
 * already. A file that includes this has defined the vector words and
 * NARROW_ROWS x (NARROW_VECTORS * V_LENGTH), the tile, and NARROW_STEP.
 */
#include "kernels/numbers.h"
#include "kernels/vector_store.h"

/* ---- bf16 by multiply-adds of f32 ---- */

typedef struct v_halves {
    vf low, high;
} v_halves;

static inline v_halves v_unpack_halves(vw x) {
    return (v_halves){w_as_floats(w_low_half(x)), w_as_floats(w_high_half(x))};
}

/* Of a row, which has its numbers as f32. */
static inline v_halves v_two_floats(const uint32_t *p) {
    return (v_halves){w_as_floats(w_set(p[0])), w_as_floats(w_set(p[1]))};
}

#define PRODUCT_TILE V_NAME(bf16_tile)
#define PRODUCT_BURN V_NAME(bf16_burn)
#define PRODUCT_GROUP 2
#define PRODUCT_SPREAD 2
#define PRODUCT_ROWS NARROW_ROWS
#define PRODUCT_VECTORS NARROW_VECTORS
#define PRODUCT_SUM vf
#define PRODUCT_ZERO() v_zero()
#define PRODUCT_COLUMNS v_halves
#define PRODUCT_COLUMN(p) v_unpack_halves(w_load(p))
#define PRODUCT_FACTOR v_halves
#define PRODUCT_BROADCAST(p) v_two_floats(p)
#define PRODUCT_DOT(sum, a, b) v_fma((a).high, (b).high, v_fma((a).low, (b).low, sum))
#define PRODUCT_RESULT(sum, tile, i, j) (sum)
#include "kernels/vector_product.h"

static void V_NAME(bf16_convert)(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, NARROW_STEP, words);
}

static void V_NAME(bf16_spread)(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    size_t padded = 2 * row_words(n, 2, NARROW_STEP);
    for (size_t i = 0; i < n; i++) {
        words[i] = rounded_to_bf16(x[i]);
    }
    memset(words + n, 0, (padded - n) * sizeof *words);
}

static const dp_product V_NAME(bf16_product) = {
    .name = VECTOR_TABLE_NAME,
    .precision = DP_PRECISION_BF16,
    .cpu = VECTOR_TABLE_CPU,
    .group = 2,
    .step = NARROW_STEP,
    .mr = NARROW_ROWS,
    .nr = NARROW_VECTORS * V_LENGTH,
    .kc = GEMM_DEPTH,
    .piece = 120,
    .tile = V_NAME(bf16_tile),
    .convert = V_NAME(bf16_convert),
    .spread = V_NAME(bf16_spread),
    .burn = V_NAME(bf16_burn),
};

/* ---- bytes by multiply-adds of 16 bits, which cannot overflow ---- */

typedef struct v_bytes {
    vw even, odd;
} v_bytes;

static inline v_bytes v_unpack_bytes(vw x) {
    return (v_bytes){w_even_bytes(x), w_odd_bytes(x)};
}

static inline v_bytes v_unpack_signed(vw x) {
    return (v_bytes){w_even_signed(x), w_odd_signed(x)};
}

static inline vw v_dot_bytes(vw sum, v_bytes a, v_bytes b) {
    return w_add(w_add(sum, w_multiply_pairs(a.even, b.even)), w_multiply_pairs(a.odd, b.odd));
}

#define PRODUCT_TILE V_NAME(int8_tile)
#define PRODUCT_BURN V_NAME(int8_burn)
#define PRODUCT_GROUP 4
#define PRODUCT_SPREAD 1
#define PRODUCT_ROWS NARROW_ROWS
#define PRODUCT_VECTORS NARROW_VECTORS
#define PRODUCT_SUM vw
#define PRODUCT_ZERO() w_zero()
#define PRODUCT_COLUMNS v_bytes
#define PRODUCT_COLUMN(p) v_unpack_bytes(w_load(p))
#define PRODUCT_FACTOR v_bytes
#define PRODUCT_BROADCAST(p) v_unpack_signed(w_set(*(p)))
#define PRODUCT_DOT(sum, a, b) v_dot_bytes(sum, a, b)
#define PRODUCT_RESULT(sum, tile, i, j) v_unscaled(sum, tile, i, j)
#include "kernels/vector_product.h"

static void V_NAME(int8_convert)(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, NARROW_STEP, words, row);
}

static const dp_product V_NAME(int8_product) = {
    .name = VECTOR_TABLE_NAME,
    .precision = DP_PRECISION_INT8,
    .cpu = VECTOR_TABLE_CPU,
    .group = 4,
    .step = NARROW_STEP,
    .mr = NARROW_ROWS,
    .nr = NARROW_VECTORS * V_LENGTH,
    .kc = DP_WHOLE_DEPTH,
    .piece = 120,
    .tile = V_NAME(int8_tile),
    .convert = V_NAME(int8_convert),
    .burn = V_NAME(int8_burn),
};

static const dp_product *V_NAME(narrow_product)(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &V_NAME(bf16_product)
           : precision == DP_PRECISION_INT8 ? &V_NAME(int8_product)
                                            : NULL;
}
