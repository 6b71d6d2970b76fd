/*
 * Multi-head attention, one head of one image at a time: keys and values become panels, then each
 * tile of queries has its scores, their softmax and its answer computed without leaving the cache.
 */
#include "kernels/kernels.h"

#include <string.h>

static size_t round_up(size_t n, size_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

static size_t score_stride(const dp_kernels *kernels, size_t tokens) {
    return dp_row_stride(round_up(tokens, kernels->nr));
}

size_t dp_attention_scratch(const dp_kernels *kernels, size_t tokens, size_t head_size) {
    size_t keys = dp_panel_floats(kernels, head_size, tokens);
    size_t values = dp_panel_floats(kernels, tokens, head_size);
    return round_up(keys, 16) + round_up(values, 16) + kernels->mr * score_stride(kernels, tokens);
}

static void pack_keys(const dp_kernels *kernels, const dp_attention *attention, float *panels) {
    size_t tokens = attention->tokens;
    size_t tail = tokens / kernels->nr * kernels->nr * attention->head_size;
    size_t end = dp_panel_floats(kernels, attention->head_size, tokens);
    memset(panels + tail, 0, (end - tail) * sizeof(float));
    dp_panel_put(kernels, panels, attention->head_size, 0, 0, attention->k, attention->stride,
                 tokens, attention->head_size);
}

void dp_attention_run(const dp_kernels *kernels, const dp_attention *attention, float *scratch) {
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    float *keys = scratch;
    float *values = keys + round_up(dp_panel_floats(kernels, size, tokens), 16);
    float *scores = values + round_up(dp_panel_floats(kernels, tokens, size), 16);
    size_t stride = score_stride(kernels, tokens);
    dp_linear against_keys = {.inputs = size, .outputs = tokens, .depth = size, .panels = keys};
    dp_linear against_values = {
        .inputs = tokens, .outputs = size, .depth = tokens, .panels = values};
    pack_keys(kernels, attention, keys);
    dp_panel_put_rows(kernels, values, attention->v, attention->stride, size, tokens);
    for (size_t r = 0; r < attention->queries; r += kernels->mr) {
        size_t left = attention->queries - r;
        size_t rows = left < kernels->mr ? left : kernels->mr;
        float *q = attention->q + r * attention->stride;
        dp_linear_apply(kernels, &against_keys, rows, q, attention->stride, scores, stride,
                        (dp_epilogue){0});
        for (size_t i = 0; i < rows; i++) {
            kernels->softmax(scores + i * stride, tokens, attention->scale);
        }
        dp_linear_apply(kernels, &against_values, rows, scores, stride, q, attention->stride,
                        (dp_epilogue){0});
    }
}
