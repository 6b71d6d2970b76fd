/*
 * Attention with the loops and the micro-kernel of a GEMM: keys and values become panels, then each
 * tile of queries has its scores, their softmax and its answer computed without leaving the cache.
 */
#include "gemm/attention.h"

#include "base/size.h"
#include "dp_config.h"
#include "gemm/gemm.h"

/* Scratch memory of one head. */
typedef struct attention_scratch {
    dpi_kgroup *keys, *values; /* panels */
    dpi_kgroup *row;           /* of one key while it is packed */
    dpi_lhs_buffer queries, weights;
    float *scores; /* [mr][score_stride] */
    size_t score_stride;
} attention_scratch;

static dpi_kgroup *take_groups(dpi_arena *arena, size_t count) {
    return dpi_arena_take(arena, count, sizeof(dpi_kgroup));
}

/* Plans (arena->base == NULL) or takes it. */
static attention_scratch take_attention_scratch(dpi_arena *arena, const dpi_gemm *gemm,
                                                size_t tokens, size_t head_size) {
    const dpi_layout *layout = &gemm->layout;
    size_t mr = gemm->kernel.mr;
    attention_scratch s;
    s.keys = take_groups(arena, dpi_layout_size(layout, head_size, tokens));
    s.values = take_groups(arena, dpi_layout_size(layout, tokens, head_size));
    s.row = take_groups(arena, dpi_layout_depth(layout, head_size));
    s.queries = dpi_lhs_buffer_take(arena, gemm, mr, head_size, DPI_LHS_OF_ROWS);
    s.weights = dpi_lhs_buffer_take(arena, gemm, mr, tokens, DPI_LHS_OF_ROWS);
    s.score_stride = dpi_row_stride(dpi_layout_columns(layout, tokens));
    s.scores = dpi_arena_floats(arena, mr, s.score_stride);
    return s;
}

size_t dpi_attention_scratch_tiles(const dpi_gemm *gemm, size_t tokens, size_t head_size) {
    dpi_arena counted = {.base = NULL};
    (void)take_attention_scratch(&counted, gemm, tokens, head_size);
    return dpi_size_div_up(counted.used, sizeof(float));
}

void dpi_attention_run_tiles(const dpi_kernels *kernels, const dpi_gemm *gemm,
                             const dpi_attention *attention, float *scratch) {
    const dpi_layout *layout = &gemm->layout;
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    dpi_rows q = attention->q, k = attention->k, v = attention->v;
    dpi_arena arena = {.base = (uint8_t *)scratch, .size = SIZE_MAX};
    attention_scratch s = take_attention_scratch(&arena, gemm, tokens, size);
    dpi_linear keys = {.gemm = gemm,
                       .inputs = size,
                       .outputs = tokens,
                       .depth = dpi_layout_depth(layout, size),
                       .panels = s.keys};
    dpi_linear values = {.gemm = gemm,
                         .inputs = tokens,
                         .outputs = size,
                         .depth = dpi_layout_depth(layout, tokens),
                         .panels = s.values};
    dpi_rows_prefetch(k, tokens, size);
    dpi_rows_prefetch(v, tokens, size);
    dpi_pack_panels(layout, s.keys, NULL, k.numbers, k.stride, tokens, size, s.row);
    dpi_pack_panels_transposed(layout, s.values, v.numbers, v.stride, size, tokens);
    for (size_t r = 0; r < attention->queries; r += gemm->kernel.mr) {
        size_t rows = dpi_size_min(attention->queries - r, gemm->kernel.mr);
        dpi_rows answer = dpi_rows_from(q, r, 0);
        dpi_rows scores = dpi_rows_f32(s.scores, s.score_stride);
        dpi_lhs queries = dpi_lhs_from_rows(gemm, answer, rows, size, &s.queries);
        dpi_gemm_run(kernels, &keys, rows, queries, scores, (dpi_epilogue){0});
        for (size_t i = 0; i < rows; i++) {
            float *row = s.scores + i * s.score_stride;
            kernels->softmax(row, tokens, attention->scale);
            if (DPI_HAS_ATTENTION && attention->weight_sums != NULL) {
                dpi_attention_add_weights(attention->weight_sums + (r + i) * tokens, row, tokens);
            }
        }
        dpi_lhs weights = dpi_lhs_from_rows(gemm, scores, rows, tokens, &s.weights);
        dpi_gemm_run(kernels, &values, rows, weights, answer, (dpi_epilogue){0});
    }
}
