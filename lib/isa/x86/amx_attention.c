/*
 * Attention for AMX, on rows of bf16: keys and values become panels, then each tile of queries has
 * its scores, their softmax and its answer computed without leaving the cache. Weights are rounded
 * before they are divided by their sum; the answer is divided instead.
 */
#define TMPL_SUFFIX amx_attention
#include "isa/x86/amx.h"

#if defined(HAS_AMX)

#include "isa/x86/vector_rounded.h"
#include "isa/x86/vector_transpose.h"

#define LOG2_E 1.44269504f
#define STEP_NUMBERS (2 * STEP) /* bf16 in a step of the depth */

/* ---- scratch memory ---- */

typedef struct amx_attention_scratch {
    dpi_kgroup *keys, *values; /* panels */
    dpi_lhs_buffer queries, weights;
    float *scores, *answer; /* [TILE_ROWS][score_stride], [TILE_ROWS][answer_stride] */
    size_t score_stride, answer_stride;
} amx_attention_scratch;

/* Plans (arena->base == NULL) or takes it. */
static amx_attention_scratch take_amx_scratch(dpi_arena *arena, const dpi_gemm *gemm, size_t tokens,
                                              size_t head_size) {
    const dpi_layout *layout = &gemm->layout;
    amx_attention_scratch s;
    s.keys = dpi_arena_take(arena, dpi_layout_size(layout, head_size, tokens), sizeof(dpi_kgroup));
    s.values =
        dpi_arena_take(arena, dpi_layout_size(layout, tokens, head_size), sizeof(dpi_kgroup));
    s.queries = dpi_lhs_buffer_take(arena, gemm, TILE_ROWS, head_size, DPI_LHS_OF_ROWS);
    s.weights = dpi_lhs_buffer_take(arena, gemm, TILE_ROWS, tokens, DPI_LHS_OF_ROWS);
    s.score_stride = dpi_row_stride(dpi_layout_columns(layout, tokens));
    s.answer_stride = dpi_row_stride(dpi_layout_columns(layout, head_size));
    s.scores = dpi_arena_floats(arena, TILE_ROWS, s.score_stride);
    s.answer = dpi_arena_floats(arena, TILE_ROWS, s.answer_stride);
    return s;
}

size_t dpi_amx_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size) {
    dpi_arena counted = {.base = NULL};
    (void)take_amx_scratch(&counted, gemm, tokens, head_size);
    return (counted.used + sizeof(float) - 1) / sizeof(float);
}

/* ---- panels ---- */

/* One step of the depth of 16 keys as 16 rows of a panel. Keys beyond the last are 0, as are
 * numbers after a key. */
static void pack_keys(const uint16_t *k, size_t stride, size_t keys, __mmask32 numbers,
                      dpi_kgroup *panel) {
    vf x[V_LENGTH];
    _Pragma("GCC unroll 16") for (size_t i = 0; i < V_LENGTH; i++) {
        __m512i groups = _mm512_maskz_loadu_epi16(i < keys ? numbers : 0, k + i * stride);
        x[i] = u_as_floats(groups);
    }
    v_transpose(x);
    _Pragma("GCC unroll 16") for (size_t i = 0; i < V_LENGTH; i++) {
        v_store((float *)panel + i * TILE_COLUMNS, x[i]);
    }
}

static void pack_all_keys(const dpi_attention *attention, size_t depth, dpi_kgroup *panels) {
    size_t panel_count = (attention->tokens + TILE_COLUMNS - 1) / TILE_COLUMNS;
    for (size_t t = 0; t < panel_count * TILE_COLUMNS; t += V_LENGTH) {
        const uint16_t *k = (const uint16_t *)attention->k.numbers + t * attention->k.stride;
        dpi_kgroup *panel = panels + t / TILE_COLUMNS * TILE_COLUMNS * depth + t % TILE_COLUMNS;
        size_t keys = attention->tokens > t ? attention->tokens - t : 0;
        for (size_t w = 0; w < depth; w += STEP) {
            pack_keys(k + 2 * w, attention->k.stride, keys,
                      v_half_lanes(attention->head_size - 2 * w), panel + w * TILE_COLUMNS);
        }
    }
}

/* 32 columns of two values as one row of a panel. */
static inline void pack_pair(__m512i first, __m512i second, dpi_kgroup *panel) {
    const __m512i left =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i right = _mm512_add_epi16(left, _mm512_set1_epi16(16));
    _mm512_storeu_si512(panel, _mm512_permutex2var_epi16(first, left, second));
    _mm512_storeu_si512(panel + V_LENGTH, _mm512_permutex2var_epi16(first, right, second));
}

static void pack_all_values(const dpi_attention *attention, size_t depth, dpi_kgroup *panels) {
    size_t tokens = attention->tokens;
    for (size_t column = 0; column < attention->head_size; column += TILE_COLUMNS) {
        const uint16_t *v = (const uint16_t *)attention->v.numbers + column;
        dpi_kgroup *panel = panels + column * depth;
        __mmask32 columns = v_half_lanes(attention->head_size - column);
        for (size_t t = 0; t < 2 * depth; t += 2) {
            const uint16_t *row = v + t * attention->v.stride;
            __m512i first = _mm512_maskz_loadu_epi16(t < tokens ? columns : 0, row);
            __m512i second =
                _mm512_maskz_loadu_epi16(t + 1 < tokens ? columns : 0, row + attention->v.stride);
            pack_pair(first, second, panel + t / 2 * TILE_COLUMNS);
        }
    }
}

/* ---- a tile of queries ---- */

static void copy_queries(const dpi_attention *attention, size_t first, size_t rows,
                         dpi_lhs queries) {
    for (size_t i = 0; i < rows; i++) {
        const uint16_t *q =
            (const uint16_t *)attention->q.numbers + (first + i) * attention->q.stride;
        dpi_kgroup *groups = queries.groups + i * queries.stride;
        for (size_t n = 0; n < attention->head_size; n += STEP_NUMBERS) {
            __mmask32 numbers = v_half_lanes(attention->head_size - n);
            _mm512_storeu_si512(groups + n / 2, _mm512_maskz_loadu_epi16(numbers, q + n));
        }
    }
}

/* out [TILE_ROWS][columns] = rows * panels */
static void multiply_by_panels(dpi_lhs rows, const dpi_kgroup *panels, size_t depth, size_t columns,
                               float *out, size_t out_stride) {
    size_t stride = rows.stride * sizeof(dpi_kgroup);
    for (size_t column = 0; column < columns; column += TILE_COLUMNS) {
        const uint8_t *panel = (const uint8_t *)(panels + column * depth);
        const uint8_t *a = (const uint8_t *)rows.groups;
        amx_clear();
        for (size_t w = 0; w < depth; w += STEP) {
            AMX_STEP(_tile_dpbf16ps, a, stride, panel);
            a += STEP * sizeof(dpi_kgroup);
            panel += STEP * TILE_ROW_BYTES;
        }
        amx_store(out + column, out_stride * sizeof(float));
    }
}

/* exp(scale * (score - largest)) of each token as bf16, with zeros after the last; returns their
 * sum. */
static float softmax_to_bf16(const float *scores, size_t tokens, float scale, dpi_kgroup *groups) {
    vf largest = v_set(r_largest_score(scores, tokens));
    vf factor = v_set(scale * LOG2_E);
    vf sum = v_zero();
    for (size_t i = 0; i < tokens; i += STEP_NUMBERS) {
        __mmask32 mask = v_half_lanes(tokens - i);
        vf a = r_softmax_term(v_load(scores + i), largest, factor);
        vf b = r_softmax_term(v_load(scores + i + V_LENGTH), largest, factor);
        a = _mm512_maskz_mov_ps((__mmask16)mask, a);
        b = _mm512_maskz_mov_ps((__mmask16)(mask >> V_LENGTH), b);
        sum = v_add(sum, v_add(a, b));
        _mm512_storeu_si512(groups + i / 2, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
    return v_sum(sum);
}

/* sums += the weights before they are rounded: they add up to 1, as in all other GEMMs. Who asks
 * has each exponential computed twice; who does not pays nothing. */
static void add_weights(float *sums, const float *scores, size_t tokens, float scale, float sum) {
    vf largest = v_set(r_largest_score(scores, tokens));
    vf factor = v_set(scale * LOG2_E);
    vf share = v_set(1.0f / sum);
    for (size_t i = 0; i < tokens; i += V_LENGTH) {
        __mmask16 mask = v_lanes(tokens - i);
        vf weights = r_softmax_term(v_load(scores + i), largest, factor);
        vf added = _mm512_fmadd_ps(weights, share, _mm512_maskz_loadu_ps(mask, sums + i));
        _mm512_mask_storeu_ps(sums + i, mask, added);
    }
}

/* q = answer * factor */
static void store_answer(const float *answer, float factor, size_t n, uint16_t *q) {
    vf f = v_set(factor);
    for (size_t i = 0; i < n; i += STEP_NUMBERS) {
        vf a = v_mul(v_load(answer + i), f);
        vf b = v_mul(v_load(answer + i + V_LENGTH), f);
        _mm512_mask_storeu_epi16(q + i, v_half_lanes(n - i), (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
}

void dpi_amx_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                           const dpi_attention *attention, float *scratch) {
    (void)kernels;
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    dpi_arena arena = {.base = (uint8_t *)scratch, .size = SIZE_MAX};
    amx_attention_scratch s = take_amx_scratch(&arena, gemm, tokens, size);
    size_t key_depth = dpi_layout_depth(&gemm->layout, size);
    size_t value_depth = dpi_layout_depth(&gemm->layout, tokens);
    dpi_lhs queries = dpi_lhs_reserve(gemm, TILE_ROWS, size, &s.queries);
    dpi_lhs weights = dpi_lhs_reserve(gemm, TILE_ROWS, tokens, &s.weights);
    pack_all_keys(attention, key_depth, s.keys);
    pack_all_values(attention, value_depth, s.values);
    amx_configure();
    for (size_t r = 0; r < attention->queries; r += TILE_ROWS) {
        size_t left = attention->queries - r;
        size_t rows = left < TILE_ROWS ? left : TILE_ROWS;
        float sum[TILE_ROWS];
        copy_queries(attention, r, rows, queries);
        multiply_by_panels(queries, s.keys, key_depth, tokens, s.scores, s.score_stride);
        for (size_t i = 0; i < rows; i++) {
            const float *scores = s.scores + i * s.score_stride;
            sum[i] = softmax_to_bf16(scores, tokens, attention->scale,
                                     weights.groups + i * weights.stride);
            if (attention->weight_sums != NULL) {
                add_weights(attention->weight_sums + (r + i) * tokens, scores, tokens,
                            attention->scale, sum[i]);
            }
        }
        multiply_by_panels(weights, s.values, value_depth, size, s.answer, s.answer_stride);
        for (size_t i = 0; i < rows; i++) {
            store_answer(s.answer + i * s.answer_stride, 1.0f / sum[i], size,
                         dpi_rows_from(attention->q, r + i, 0).numbers);
        }
    }
    amx_release();
}

#endif
