/*
 * Activations, layer norm, softmax and resize in plain C: what the faster ones are tested against,
 * and what runs where there is nothing else.
 */
#include "isa/isa.h"
#include "nn/exp_erfc.h"

#include <math.h>

/* x * Phi(x) = x * erfc(-x / sqrt(2)) / 2 keeps its digits where Phi is small. */
static void f32_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value * 0.5 * dpi_erfc(value * -0.70710678118654752440));
    }
}

static void f32_quick_gelu__c(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        x[i] = (float)(value / (1.0 + dpi_exp(-1.702 * value)));
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
        x[i] = (float)dpi_exp((double)((x[i] - largest) * scale));
        sum += x[i];
    }
    float inverse = 1.0f / sum;
    for (size_t i = 0; i < n; i++) {
        x[i] *= inverse;
    }
}

static void f32_multiply_add__c(float *sum, const float *x, const float *weight, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sum[i] += x[i] * weight[i];
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

static const dpi_kernels kernels__c = {
    .name = "c",
    .cpu = 0,
    .activate = {NULL, f32_gelu__c, f32_quick_gelu__c, f32_relu__c},
    .layer_norm = f32_layer_norm__c,
    .multiply_add = f32_multiply_add__c,
    .softmax = f32_softmax__c,
    .blend_columns = f32_blend_columns__c,
    .blend_rows = f32_blend_rows__c,
};

const dpi_kernels *dpi_kernels_generic(void) {
    return &kernels__c;
}
