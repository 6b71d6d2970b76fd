/*
 * What the class token attends to, for those who want to see it: the scores of one query, beside
 * the attention that the block computes with it.
 */
#include "base/bytes.h"
#include "gemm/attention.h"

static float number_at(dpi_rows rows, size_t i) {
    if (rows.type == DPI_NUMBER_BF16) {
        return dpi_float_from_bits((uint32_t)((const uint16_t *)rows.numbers)[i] << 16);
    }
    return ((const float *)rows.numbers)[i];
}

static float dot(dpi_rows a, dpi_rows b, size_t count) {
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        sum += number_at(a, i) * number_at(b, i);
    }
    return sum;
}

void dpi_attention_weights(const dpi_kernels *kernels, const dpi_attention *attention, float *out) {
    for (size_t t = 0; t < attention->tokens; t++) {
        out[t] = dot(attention->q, dpi_rows_from(attention->k, t, 0), attention->head_size);
    }
    kernels->softmax(out, attention->tokens, attention->scale);
}

void dpi_attention_add_weights(float *sums, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sums[i] += x[i];
    }
}
