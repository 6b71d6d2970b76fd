/*
 * Every kernel in plain C: what the faster ones are held against, and what runs where there is
 * nothing else.
 */
#include "kernels/kernels.h"

#include <math.h>

#define ROWS 4
#define COLUMNS 8

static void f32_gemm_4x8__c(const dp_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++) {
        const float *a = tile->a + i * tile->a_stride;
        float *c = tile->c + i * tile->c_stride;
        float sum[COLUMNS] = {0.0f};
        for (size_t d = 0; d < tile->depth; d++) {
            for (size_t j = 0; j < COLUMNS; j++) {
                sum[j] += a[d] * tile->panel[d * COLUMNS + j];
            }
        }
        for (size_t j = 0; j < tile->columns; j++) {
            float value = sum[j] + (tile->bias != NULL ? tile->bias[j] : 0.0f);
            c[j] = tile->accumulate ? c[j] + value : value;
        }
    }
}

/* x * Phi(x) = x * erfc(-x / sqrt(2)) / 2 keeps its digits where Phi is small. */
static void f32_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value * 0.5 * erfc(value * -0.70710678118654752440));
    }
}

static void f32_quick_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value / (1.0 + exp(-1.702 * value)));
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
        x[i] = expf((x[i] - largest) * scale);
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

static const dp_kernels generic_kernels = {
    .name = "c",
    .cpu = 0,
    .mr = ROWS,
    .nr = COLUMNS,
    .kc = 512,
    .gemm = f32_gemm_4x8__c,
    .activate = {NULL, f32_gelu__c, f32_quick_gelu__c, f32_relu__c},
    .layer_norm = f32_layer_norm__c,
    .softmax = f32_softmax__c,
    .blend_columns = f32_blend_columns__c,
    .blend_rows = f32_blend_rows__c,
    .burn = f32_burn__c,
};

const dp_kernels *dp_kernels_generic(void) {
    return &generic_kernels;
}
