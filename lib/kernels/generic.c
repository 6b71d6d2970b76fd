/*
 * Every kernel in plain C: what the faster ones are held against, and what runs where there is
 * nothing else.
 */
#include "kernels/functions.h"
#include "kernels/numbers.h"

#include <math.h>

#define ROWS 4
#define COLUMNS 8

/* Adds bias and the old values to a row of sums and stores its columns. */
static void store_row__c(const dp_tile *tile, size_t i, const float *sum) {
    float *c = tile->c + i * tile->c_stride;
    for (size_t j = 0; j < tile->columns; j++) {
        float value = sum[j] + (tile->bias != NULL ? tile->bias[j] : 0.0f);
        c[j] = tile->accumulate ? c[j] + value : value;
    }
}

static void f32_tile__c(const dp_tile *tile) {
    const float *panel = (const float *)tile->panel;
    for (size_t i = 0; i < tile->rows; i++) {
        const float *a = (const float *)tile->a + i * tile->a_stride;
        float sum[COLUMNS] = {0.0f};
        for (size_t w = 0; w < tile->words; w++) {
            for (size_t j = 0; j < COLUMNS; j++) {
                sum[j] += a[w] * panel[w * COLUMNS + j];
            }
        }
        store_row__c(tile, i, sum);
    }
}

static void bf16_tile__c(const dp_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++) {
        const uint32_t *a = tile->a + i * tile->a_stride;
        float sum[COLUMNS] = {0.0f};
        for (size_t w = 0; w < tile->words; w++) {
            float low = float_of(a[w] << 16);
            float high = float_of(a[w] & 0xffff0000u);
            for (size_t j = 0; j < COLUMNS; j++) {
                uint32_t b = tile->panel[w * COLUMNS + j];
                sum[j] += low * float_of(b << 16);
                sum[j] += high * float_of(b & 0xffff0000u);
            }
        }
        store_row__c(tile, i, sum);
    }
}

/* Four products of a signed and an unsigned byte. */
static int32_t dot_bytes(uint32_t a, uint32_t b) {
    int32_t sum = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        sum += (int8_t)(uint8_t)(a >> shift) * (int32_t)((b >> shift) & 0xffu);
    }
    return sum;
}

static void int8_tile__c(const dp_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++) {
        const uint32_t *a = tile->a + i * tile->a_stride;
        int32_t exact[COLUMNS] = {0};
        float sum[COLUMNS];
        for (size_t w = 0; w < tile->words; w++) {
            for (size_t j = 0; j < COLUMNS; j++) {
                exact[j] += dot_bytes(a[w], tile->panel[w * COLUMNS + j]);
            }
        }
        for (size_t j = 0; j < COLUMNS; j++) {
            float scale = tile->row[i].scale * tile->column_scale[j];
            sum[j] = (float)(exact[j] - tile->row[i].sum) * scale;
        }
        store_row__c(tile, i, sum);
    }
}

static void bf16_convert__c(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, 1, words);
}

static void int8_convert__c(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, 1, words, row);
}

/* x * Phi(x) = x * erfc(-x / sqrt(2)) / 2 keeps its digits where Phi is small. */
static void f32_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value * 0.5 * dp_erfc(value * -0.70710678118654752440));
    }
}

static void f32_quick_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value / (1.0 + dp_exp(-1.702 * value)));
    }
}

static void f32_relu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        x[i] = x[i] < 0.0f ? 0.0f : x[i];
    }
}

static void f32_layer_norm__c(const float *x, const float *weight, const float *bias, float epsilon,
                              float *out, size_t n) {
    float mean = 0.0f;
    for (size_t i = 0; i < n; i++) {
        mean += x[i];
    }
    mean /= (float)n;
    float variance = 0.0f;
    for (size_t i = 0; i < n; i++) {
        variance += (x[i] - mean) * (x[i] - mean);
    }
    float factor = 1.0f / sqrtf(variance / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) {
        float y = (x[i] - mean) * factor;
        out[i] = weight != NULL ? y * weight[i] + bias[i] : y;
    }
}

static void f32_softmax__c(float *x, size_t n, float scale) {
    float largest = x[0];
    for (size_t i = 1; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)dp_exp((double)((x[i] - largest) * scale));
        sum += x[i];
    }
    float inverse = 1.0f / sum;
    for (size_t i = 0; i < n; i++) {
        x[i] *= inverse;
    }
}

static void f32_blend_columns__c(float *row, const float *right, const float *weight, size_t n) {
    for (size_t i = 0; i < n; i++) {
        row[i] += (right[i] - row[i]) * weight[i];
    }
}

static void f32_blend_rows__c(const float *a, const float *b, float weight, float scale,
                              float offset, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (a[i] + (b[i] - a[i]) * weight) * scale + offset;
    }
}

static uint64_t f32_burn__c(uint64_t rounds) {
    float x[COLUMNS] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f};
    for (uint64_t r = 0; r < rounds; r++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            x[j] = x[j] * 0.5f + 0.25f;
        }
    }
    float total = 0.0f;
    for (size_t j = 0; j < COLUMNS; j++) {
        total += x[j];
    }
    /* total is finite, so that this adds nothing; the compiler does not know */
    return rounds * COLUMNS + (total > 1e30f ? 1u : 0u);
}

/* The other precisions, too, are multiplied one number at a time. */
#define PRODUCT__C .name = "c", .step = 1, .mr = ROWS, .nr = COLUMNS, .piece = (size_t)8 * ROWS

static const dp_kernels generic_kernels = {
    .name = "c",
    .cpu = 0,
    .f32 = {PRODUCT__C, .precision = DP_PRECISION_F32, .group = 1, .kc = 512, .tile = f32_tile__c,
            .burn = f32_burn__c},
    .activate = {NULL, f32_gelu__c, f32_quick_gelu__c, f32_relu__c},
    .layer_norm = f32_layer_norm__c,
    .softmax = f32_softmax__c,
    .blend_columns = f32_blend_columns__c,
    .blend_rows = f32_blend_rows__c,
};

static const dp_product bf16_product = {
    PRODUCT__C,           .precision = DP_PRECISION_BF16, .group = 2,         .kc = 512,
    .tile = bf16_tile__c, .convert = bf16_convert__c,     .burn = f32_burn__c};

static const dp_product int8_product = {
    PRODUCT__C,           .precision = DP_PRECISION_INT8, .group = 4,         .kc = DP_WHOLE_DEPTH,
    .tile = int8_tile__c, .convert = int8_convert__c,     .burn = f32_burn__c};

const dp_kernels *dp_kernels_generic(void) {
    return &generic_kernels;
}

const dp_product *dp_products_generic(dp_precision precision) {
    if (precision == DP_PRECISION_BF16) {
        return DP_HAS_PANELS && DP_HAS_BF16 ? &bf16_product : NULL;
    }
    return DP_HAS_PANELS && DP_HAS_INT8 ? &int8_product : NULL;
}
