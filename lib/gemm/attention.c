/*
 * Attention with the loops and the micro-kernel of a GEMM: keys and values become panels, then each
 * tile of queries has its scores, their softmax and its answer computed without leaving the cache.
 */
#include "gemm/attention.h"

#include "base/size.h"
#include "gemm/gemm.h"

/* Scratch memory of one head. */
typedef struct attention_scratch {
    dp_kgroup *keys, *values; /* panels */
    dp_kgroup *row;           /* of one key while it is packed */
    dp_lhs_buffer queries, weights;
    float *scores; /* [mr][score_stride] */
    size_t score_stride;
} attention_scratch;

static dp_kgroup *take_groups(dp_arena *arena, size_t count) {
    return dp_arena_take(arena, count, sizeof(dp_kgroup));
}

/* Plans (arena->base == NULL) or takes it. */
static attention_scratch take_attention_scratch(dp_arena *arena, const dp_gemm *gemm, size_t tokens,
                                                size_t head_size) {
    const dp_layout *layout = &gemm->layout;
    size_t mr = gemm->kernel.mr;
    attention_scratch s;
    s.keys = take_groups(arena, dp_layout_size(layout, head_size, tokens));
    s.values = take_groups(arena, dp_layout_size(layout, tokens, head_size));
    s.row = take_groups(arena, dp_layout_depth(layout, head_size));
    s.queries = dp_lhs_buffer_take(arena, gemm, mr, head_size, DP_LHS_OF_ROWS);
    s.weights = dp_lhs_buffer_take(arena, gemm, mr, tokens, DP_LHS_OF_ROWS);
    s.score_stride = dp_row_stride(dp_layout_columns(layout, tokens));
    s.scores = dp_arena_floats(arena, mr, s.score_stride);
    return s;
}

size_t dp_attention_scratch_tiles(const dp_gemm *gemm, size_t tokens, size_t head_size) {
    dp_arena counted = {.base = NULL};
    (void)take_attention_scratch(&counted, gemm, tokens, head_size);
    return dp_size_div_up(counted.used, sizeof(float));
}

void dp_attention_run_tiles(const dp_kernels *kernels, const dp_gemm *gemm,
                            const dp_attention *attention, float *scratch) {
    const dp_layout *layout = &gemm->layout;
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    dp_rows q = attention->q, k = attention->k, v = attention->v;
    dp_arena arena = {.base = (uint8_t *)scratch, .size = SIZE_MAX};
    attention_scratch s = take_attention_scratch(&arena, gemm, tokens, size);
    dp_linear keys = {.gemm = gemm,
                      .inputs = size,
                      .outputs = tokens,
                      .depth = dp_layout_depth(layout, size),
                      .panels = s.keys};
    dp_linear values = {.gemm = gemm,
                        .inputs = tokens,
                        .outputs = size,
                        .depth = dp_layout_depth(layout, tokens),
                        .panels = s.values};
    dp_pack_panels(layout, s.keys, NULL, k.numbers, k.stride, tokens, size, s.row);
    dp_pack_panels_transposed(layout, s.values, v.numbers, v.stride, size, tokens);
    for (size_t r = 0; r < attention->queries; r += gemm->kernel.mr) {
        size_t rows = dp_size_min(attention->queries - r, gemm->kernel.mr);
        dp_rows answer = dp_rows_from(q, r, 0);
        dp_rows scores = dp_rows_f32(s.scores, s.score_stride);
        dp_lhs queries = dp_lhs_from_rows(gemm, answer, rows, size, &s.queries);
        dp_gemm_run(kernels, &keys, rows, queries, scores, (dp_epilogue){0});
        for (size_t i = 0; i < rows; i++) {
            kernels->softmax(s.scores + i * s.score_stride, tokens, attention->scale);
        }
        dp_lhs weights = dp_lhs_from_rows(gemm, scores, rows, tokens, &s.weights);
        dp_gemm_run(kernels, &values, rows, weights, answer, (dp_epilogue){0});
    }
}
