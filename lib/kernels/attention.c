/*
 * Multi-head attention, one head of one image at a time: keys and values become panels, then each
 * tile of queries has its scores, their softmax and its answer computed without leaving the cache.
 */
#include "kernels/kernels.h"

static size_t round_up(size_t n, size_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

static size_t score_stride(const dp_product *product, size_t tokens) {
    return dp_row_stride(round_up(tokens, product->nr));
}

/* Where everything lies in scratch memory, in words. */
typedef struct places {
    size_t keys, values, row, queries, weights, scores, end;
} places;

static places plan(const dp_product *product, size_t tokens, size_t head_size) {
    size_t mr = product->mr;
    places at;
    at.keys = 0;
    at.values = round_up(dp_panel_words(product, head_size, tokens), 16);
    at.row = at.values + round_up(dp_panel_words(product, tokens, head_size), 16);
    at.queries = at.row + round_up(dp_panel_depth(product, head_size), 16);
    at.weights = at.queries + dp_operand_size(product, mr, head_size);
    at.scores = at.weights + dp_operand_size(product, mr, tokens);
    at.end = at.scores + mr * score_stride(product, tokens);
    return at;
}

size_t dp_attention_scratch(const dp_product *product, size_t tokens, size_t head_size) {
    if (product->attend != NULL) {
        return product->attention_scratch(product, tokens, head_size);
    }
    return plan(product, tokens, head_size).end;
}

void dp_attention_run(const dp_kernels *kernels, const dp_product *product,
                      const dp_attention *attention, float *scratch) {
    if (product->attend != NULL) {
        product->attend(product, attention, scratch);
        return;
    }
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    size_t stride = score_stride(product, tokens);
    places at = plan(product, tokens, size);
    uint32_t *memory = (uint32_t *)scratch;
    float *scores = scratch + at.scores;
    dp_linear against_keys = {.product = product,
                              .inputs = size,
                              .outputs = tokens,
                              .depth = dp_panel_depth(product, size),
                              .panels = memory + at.keys};
    dp_linear against_values = {.product = product,
                                .inputs = tokens,
                                .outputs = size,
                                .depth = dp_panel_depth(product, tokens),
                                .panels = memory + at.values};
    dp_pack_outputs(product, memory + at.keys, NULL, attention->k, attention->stride, tokens, size,
                    memory + at.row);
    dp_pack_inputs(product, memory + at.values, attention->v, attention->stride, size, tokens);
    for (size_t r = 0; r < attention->queries; r += product->mr) {
        size_t left = attention->queries - r;
        size_t rows = left < product->mr ? left : product->mr;
        float *q = (float *)attention->q + r * attention->stride;
        dp_operand queries =
            dp_operand_make(product, q, attention->stride, rows, size, memory + at.queries);
        dp_linear_apply(kernels, &against_keys, rows, queries, scores, stride, (dp_epilogue){0});
        for (size_t i = 0; i < rows; i++) {
            kernels->softmax(scores + i * stride, tokens, attention->scale);
        }
        dp_operand weights =
            dp_operand_make(product, scores, stride, rows, tokens, memory + at.weights);
        dp_linear_apply(kernels, &against_values, rows, weights, q, attention->stride,
                        (dp_epilogue){0});
    }
}
