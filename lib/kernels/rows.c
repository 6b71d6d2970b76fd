/*
 * Products on weights that lie row by row, panels of one column: no SIMD, no repacking, little
 * code. They sum in the order of the plain C products, so that their answers have the same bits.
 * Only for files that are compiled so.
 */
#include "kernels/numbers.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2) /* of floats, too */
#define ROWS_MVE
#elif defined(__ARM_FEATURE_SIMD32) && __ARM_ARCH_PROFILE == 'M'
#define ROWS_DSP
#endif

#define ROWS ((size_t)4)
#define COLUMNS 8 /* of bytes */

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

/* ---- bytes ---- */

/*
 * dot__rows() sums the rows of a tile with one column, whose offset of 128 is taken out, and writes
 * the sums COLUMNS apart. They do not overflow: DP_MAX_BYTE_DEPTH * 127 * 255 < 2^31.
 */
#if defined(ROWS_MVE)
#include "kernels/rows_mve.h"
#elif defined(ROWS_DSP)
#include "kernels/rows_dsp.h"
#else

static void dot__rows(const dp_tile *tile, const uint32_t *column, int32_t *sum) {
    const uint8_t *bytes = (const uint8_t *)column;
    const int8_t *a[ROWS];
    int32_t s[ROWS] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        a[i] = (const int8_t *)row_of__rows(tile, i);
    }
    for (size_t n = 0; n < tile->words * sizeof *column; n++) {
        int32_t w = (int32_t)bytes[n] - 128;
        for (size_t i = 0; i < ROWS; i++) {
            s[i] += a[i][n] * w;
        }
    }
    for (size_t i = 0; i < ROWS; i++) {
        sum[i * COLUMNS] = s[i];
    }
}

#endif

/* A row of a tile from its sums. */
static void store_row__rows(const dp_tile *tile, size_t i, const int32_t *sum) {
    static const float no_bias[COLUMNS];
    const float *bias = tile->bias != NULL ? tile->bias : no_bias;
    const float *scale = tile->column_scale;
    float row_scale = tile->row[i].scale;
    float *c = tile->c + i * tile->c_stride;
    bool accumulate = tile->accumulate;
    for (size_t j = 0; j < tile->columns; j++) {
        float value = (float)sum[j] * (row_scale * scale[j]) + bias[j];
        c[j] = accumulate ? c[j] + value : value;
    }
}

static void int8_tile__rows(const dp_tile *tile) {
    int32_t sum[ROWS * COLUMNS];
    const uint32_t *column = tile->panel;
    for (size_t j = 0; j < tile->columns; j++, column += tile->panel_stride) {
        dot__rows(tile, column, sum + j);
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store_row__rows(tile, i, sum + i * COLUMNS);
    }
}

static void bf16_convert__rows(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, 1, words);
}

#if !defined(ROWS_MVE)
static void int8_convert__rows(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, 1, words, row);
}
#endif

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
    PRODUCT__ROWS,
    .precision = DP_PRECISION_INT8,
    .group = 4,
    .kc = DP_WHOLE_DEPTH,
    .panels = COLUMNS,
    .tile = int8_tile__rows,
    .convert = int8_convert__rows,
#if defined(ROWS_DSP)
    .spread = int8_spread__rows,
    .interleaved = true,
#elif !defined(ROWS_MVE)
    .room = 2,
#endif
};

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
