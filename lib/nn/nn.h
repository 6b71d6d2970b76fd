/*
 * The kernels other than GEMMs: activations, layer norm, softmax and the two halves of a
 * resize, in f32. A table of them is chosen once for an instruction set (isa/isa.h).
 */
#ifndef DPI_NN_H
#define DPI_NN_H

#include <stddef.h>
#include <stdint.h>

typedef enum dpi_activation {
    DPI_ACTIVATION_NONE = 0,
    DPI_ACTIVATION_GELU = 1,       /* x * Phi(x), exact */
    DPI_ACTIVATION_QUICK_GELU = 2, /* x * sigmoid(1.702 x) */
    DPI_ACTIVATION_RELU = 3
} dpi_activation;

#define DPI_ACTIVATION_COUNT 4

/* How pixels between two pixels are found. */
typedef enum dpi_filter { DPI_FILTER_BILINEAR, DPI_FILTER_BICUBIC } dpi_filter;

/* n values each. */
typedef struct dpi_kernels {
    const char *name;
    uint32_t cpu; /* DP_CPU_* it needs */

    /* x = activation(x), n values. */
    void (*activate[DPI_ACTIVATION_COUNT])(float *x, size_t n);

    /* out = (x - mean) / sqrt(variance + epsilon), then * weight + bias unless these are NULL. */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon,
                       float *out, size_t n);

    /* x = softmax(scale * x). */
    void (*softmax)(float *x, size_t n, float scale);

    /* row += (right - row) * weight, column by column: the horizontal half of a bilinear resize. */
    void (*blend_columns)(float *row, const float *right, const float *weight, size_t n);

    /* out = (a + (b - a) * weight) * scale + offset: the vertical half of a bilinear resize,
     * and the normalisation of pixels. */
    void (*blend_rows)(const float *a, const float *b, float weight, float scale, float offset,
                       float *out, size_t n);
} dpi_kernels;

#endif /* DPI_NN_H */
