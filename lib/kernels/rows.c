/*
 * Products on weights that lie row by row, panels of one column: no SIMD, no repacking, little
 * code. They sum in the order of the plain C products, so that their answers have the same bits.
 * Only for files that are compiled so.
 */
#include "kernels/numbers.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#elif defined(__ARM_FEATURE_SIMD32) && defined(__thumb__)
#include <arm_acle.h>
#endif

#define ROWS ((size_t)4)

/* Adds bias and the old value to a sum and stores it. */
static void store__rows(const dp_tile *tile, size_t i, float sum) {
    float *c = tile->c + i * tile->c_stride;
    float value = sum + (tile->bias != NULL ? tile->bias[0] : 0.0f);
    c[0] = tile->accumulate ? c[0] + value : value;
}

/* Row i of the tile; beyond its rows, the last one again, so that there are always ROWS sums side
 * by side, which do not wait for each other. */
static const uint32_t *row_of__rows(const dp_tile *tile, size_t i) {
    return tile->a + (i < tile->rows ? i : tile->rows - 1) * tile->a_stride;
}

static void f32_tile__rows(const dp_tile *tile) {
    const float *column = (const float *)tile->panel;
    const float *a[ROWS];
    float sum[ROWS] = {0.0f};
    for (size_t i = 0; i < ROWS; i++) {
        a[i] = (const float *)row_of__rows(tile, i);
    }
    for (size_t w = 0; w < tile->words; w++) {
        for (size_t i = 0; i < ROWS; i++) {
            sum[i] += a[i][w] * column[w];
        }
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store__rows(tile, i, sum[i]);
    }
}

static void bf16_tile__rows(const dp_tile *tile) {
    const uint32_t *a[ROWS];
    float sum[ROWS] = {0.0f};
    for (size_t i = 0; i < ROWS; i++) {
        a[i] = row_of__rows(tile, i);
    }
    for (size_t w = 0; w < tile->words; w++) {
        float low = float_of(tile->panel[w] << 16);
        float high = float_of(tile->panel[w] & 0xffff0000u);
        for (size_t i = 0; i < ROWS; i++) {
            sum[i] += float_of(a[i][w] << 16) * low;
            sum[i] += float_of(a[i][w] & 0xffff0000u) * high;
        }
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store__rows(tile, i, sum[i]);
    }
}

/* Sums of ROWS rows with one column, whose offset of 128 is taken out. */
static void dot_rows(const uint32_t *const a[ROWS], const uint32_t *column, size_t words,
                     int32_t sum[ROWS]);

#if defined(__ARM_FEATURE_MVE)

/* Armv8.1-M adds up 16 products of bytes in one instruction, if all are signed. Written out here
 * and below, since compilers that make small code do not unroll. */
static void dot_rows(const uint32_t *const a[ROWS], const uint32_t *column, size_t words,
                     int32_t sum[ROWS]) {
    const uint8x16_t offset = vdupq_n_u8(128);
    const int8_t *a0 = (const int8_t *)a[0];
    const int8_t *a1 = (const int8_t *)a[1];
    const int8_t *a2 = (const int8_t *)a[2];
    const int8_t *a3 = (const int8_t *)a[3];
    const uint8_t *b = (const uint8_t *)column;
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (size_t steps = words / 4; steps > 0; steps--) {
        int8x16_t w = vreinterpretq_s8_u8(veorq_u8(vldrbq_u8(b), offset));
        s0 = vmladavaq_s8(s0, vldrbq_s8(a0), w);
        s1 = vmladavaq_s8(s1, vldrbq_s8(a1), w);
        s2 = vmladavaq_s8(s2, vldrbq_s8(a2), w);
        s3 = vmladavaq_s8(s3, vldrbq_s8(a3), w);
        b += 16;
        a0 += 16;
        a1 += 16;
        a2 += 16;
        a3 += 16;
    }
    mve_pred16_t rest = vctp8q((uint32_t)(words % 4 * 4));
    int8x16_t w = vreinterpretq_s8_u8(veorq_u8(vldrbq_z_u8(b, rest), offset));
    sum[0] = vmladavaq_s8(s0, vldrbq_z_s8(a0, rest), w);
    sum[1] = vmladavaq_s8(s1, vldrbq_z_s8(a1, rest), w);
    sum[2] = vmladavaq_s8(s2, vldrbq_z_s8(a2, rest), w);
    sum[3] = vmladavaq_s8(s3, vldrbq_z_s8(a3, rest), w);
}

#elif defined(__ARM_FEATURE_SIMD32) && defined(__thumb__)

/* Armv7E-M adds up two products of halves of a word: bytes 0 and 2, and bytes 1 and 3. */
static inline uint32_t rotated(uint32_t word) {
    return word >> 8 | word << 24;
}

static inline int32_t add_word(int32_t sum, uint32_t a, int16x2_t even, int16x2_t odd) {
    sum = __smlad(__sxtb16((int8x4_t)a), even, sum);
    return __smlad(__sxtb16((int8x4_t)rotated(a)), odd, sum);
}

static void dot_rows(const uint32_t *const a[ROWS], const uint32_t *column, size_t words,
                     int32_t sum[ROWS]) {
    const uint32_t *a0 = a[0];
    const uint32_t *a1 = a[1];
    const uint32_t *a2 = a[2];
    const uint32_t *a3 = a[3];
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (const uint32_t *end = column + words; column < end;) {
        uint32_t w = *column++ ^ 0x80808080u;
        int16x2_t even = __sxtb16((int8x4_t)w);
        int16x2_t odd = __sxtb16((int8x4_t)rotated(w));
        s0 = add_word(s0, *a0++, even, odd);
        s1 = add_word(s1, *a1++, even, odd);
        s2 = add_word(s2, *a2++, even, odd);
        s3 = add_word(s3, *a3++, even, odd);
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

#else

static void dot_rows(const uint32_t *const a[ROWS], const uint32_t *column, size_t words,
                     int32_t sum[ROWS]) {
    const uint8_t *bytes = (const uint8_t *)column;
    int32_t s[ROWS] = {0};
    for (size_t n = 0; n < words * sizeof *column; n++) {
        int32_t w = (int32_t)bytes[n] - 128;
        for (size_t i = 0; i < ROWS; i++) {
            s[i] += ((const int8_t *)a[i])[n] * w;
        }
    }
    memcpy(sum, s, sizeof s);
}

#endif

static void int8_tile__rows(const dp_tile *tile) {
    const uint32_t *a[ROWS];
    int32_t sum[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        a[i] = row_of__rows(tile, i);
    }
    dot_rows(a, tile->panel, tile->words, sum);
    for (size_t i = 0; i < tile->rows; i++) {
        float scale = tile->row[i].scale * tile->column_scale[0];
        store__rows(tile, i, (float)sum[i] * scale);
    }
}

static void bf16_convert__rows(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, 1, words);
}

static void int8_convert__rows(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, 1, words, row);
}

static uint64_t burn__rows(uint64_t rounds) {
    return dp_kernels_generic()->f32.burn(rounds);
}

#define PRODUCT__ROWS \
    .name = "rows", .step = 1, .mr = ROWS, .nr = 1, .piece = 2 * ROWS, .burn = burn__rows

static const dp_product f32_product = {PRODUCT__ROWS, .precision = DP_PRECISION_F32, .group = 1,
                                       .kc = 512, .tile = f32_tile__rows};

static const dp_product bf16_product = {
    PRODUCT__ROWS, .precision = DP_PRECISION_BF16, .group = 2,
    .kc = 512,     .tile = bf16_tile__rows,        .convert = bf16_convert__rows};

static const dp_product int8_product = {
    PRODUCT__ROWS,        .precision = DP_PRECISION_INT8, .group = 4,
    .kc = DP_WHOLE_DEPTH, .tile = int8_tile__rows,        .convert = int8_convert__rows};

const dp_product *dp_products_rows(dp_precision precision) {
    switch (precision) {
    case DP_PRECISION_F32:
        return &f32_product;
    case DP_PRECISION_BF16:
        return DP_HAS_BF16 ? &bf16_product : NULL;
    default:
        return DP_HAS_INT8 ? &int8_product : NULL;
    }
}
