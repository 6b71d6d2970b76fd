/*
 * Products on weights that lie row by row, panels of one column: no SIMD, no repacking, little
 * code. They sum in the order of the plain C products, so that their answers have the same bits.
 * Only for files that are compiled so.
 */
#include "kernels/numbers.h"

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

static void int8_tile__rows(const dp_tile *tile) {
    size_t count = tile->words * sizeof(uint32_t);
    const uint8_t *column = (const uint8_t *)tile->panel;
    for (size_t i = 0; i < tile->rows; i++) {
        const int8_t *a = (const int8_t *)(tile->a + i * tile->a_stride);
        int32_t sum = 0;
        for (size_t n = 0; n < count; n++) {
            sum += a[n] * (int32_t)column[n];
        }
        float scale = tile->row[i].scale * tile->column_scale[0];
        store__rows(tile, i, (float)(sum - tile->row[i].sum) * scale);
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
