/*
 * Attention for AMX, on rows of bf16: keys and values become panels, then each tile of queries has
 * its scores, their softmax and its answer computed without leaving the cache. Weights are rounded
 * before they are divided by their sum, which is done to the answer.
 */
#include "kernels/amx.h"

#if defined(HAS_AMX)

#include "kernels/vector_rounded.h"

#define LOG2_E 1.44269504f
#define HALVES 32 /* numbers in a step of the depth */

/* ---- scratch memory ---- */

/* Where everything lies, in words. */
typedef struct places {
    size_t keys, values, queries, weights, scores, answer, end;
    size_t score_stride, answer_stride;
} places;

static places plan(const dp_product *product, size_t tokens, size_t head_size) {
    places at;
    at.score_stride = dp_row_stride(dp_panel_columns(product, tokens));
    at.answer_stride = dp_row_stride(dp_panel_columns(product, head_size));
    at.keys = 0;
    at.values = dp_panel_words(product, head_size, tokens);
    at.queries = at.values + dp_panel_words(product, tokens, head_size);
    at.weights = at.queries + dp_operand_size(product, ROWS, head_size);
    at.scores = at.weights + dp_operand_size(product, ROWS, tokens);
    at.answer = at.scores + ROWS * at.score_stride;
    at.end = at.answer + ROWS * at.answer_stride;
    return at;
}

size_t dp_amx_attention_scratch(const dp_product *product, size_t tokens, size_t head_size) {
    return plan(product, tokens, head_size).end;
}

/* ---- panels ---- */

/* Columns of 16 words become rows, and rows columns. */
static inline void transpose(vf x[V_LENGTH]) {
    vf a[V_LENGTH];
    _Pragma("GCC unroll 8") for (size_t i = 0; i < V_LENGTH; i += 2) {
        a[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < V_LENGTH; i += 4) {
        x[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        x[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        x[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        x[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        x[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
        x[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
    }
}

/* Words of 16 keys from one step of their depth, as 16 rows of a panel. Keys beyond the last are
 * 0, as are numbers behind a key. */
static void pack_keys(const uint16_t *k, size_t stride, size_t keys, __mmask32 numbers,
                      uint32_t *panel) {
    vf x[V_LENGTH];
    _Pragma("GCC unroll 16") for (size_t i = 0; i < V_LENGTH; i++) {
        __m512i words = _mm512_maskz_loadu_epi16(i < keys ? numbers : 0, k + i * stride);
        x[i] = w_as_floats(words);
    }
    transpose(x);
    _Pragma("GCC unroll 16") for (size_t i = 0; i < V_LENGTH; i++) {
        v_store((float *)panel + i * COLUMNS, x[i]);
    }
}

static void pack_all_keys(const dp_attention *attention, size_t depth, uint32_t *panels) {
    size_t panel_count = (attention->tokens + COLUMNS - 1) / COLUMNS;
    for (size_t t = 0; t < panel_count * COLUMNS; t += V_LENGTH) {
        const uint16_t *k = (const uint16_t *)attention->k + t * attention->stride;
        uint32_t *panel = panels + t / COLUMNS * COLUMNS * depth + t % COLUMNS;
        size_t keys = attention->tokens > t ? attention->tokens - t : 0;
        for (size_t w = 0; w < depth; w += STEP) {
            pack_keys(k + 2 * w, attention->stride, keys,
                      v_half_lanes(attention->head_size - 2 * w), panel + w * COLUMNS);
        }
    }
}

/* 32 columns of two values as one row of a panel. */
static inline void pack_pair(__m512i first, __m512i second, uint32_t *panel) {
    const __m512i left =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i right = _mm512_add_epi16(left, _mm512_set1_epi16(16));
    _mm512_storeu_si512(panel, _mm512_permutex2var_epi16(first, left, second));
    _mm512_storeu_si512(panel + V_LENGTH, _mm512_permutex2var_epi16(first, right, second));
}

static void pack_all_values(const dp_attention *attention, size_t depth, uint32_t *panels) {
    size_t tokens = attention->tokens;
    for (size_t column = 0; column < attention->head_size; column += COLUMNS) {
        const uint16_t *v = (const uint16_t *)attention->v + column;
        uint32_t *panel = panels + column * depth;
        __mmask32 columns = v_half_lanes(attention->head_size - column);
        for (size_t t = 0; t < 2 * depth; t += 2) {
            const uint16_t *row = v + t * attention->stride;
            __m512i first = _mm512_maskz_loadu_epi16(t < tokens ? columns : 0, row);
            __m512i second =
                _mm512_maskz_loadu_epi16(t + 1 < tokens ? columns : 0, row + attention->stride);
            pack_pair(first, second, panel + t / 2 * COLUMNS);
        }
    }
}

/* ---- a tile of queries ---- */

static void copy_queries(const dp_attention *attention, size_t first, size_t rows,
                         dp_operand queries) {
    for (size_t i = 0; i < rows; i++) {
        const uint16_t *q = (const uint16_t *)attention->q + (first + i) * attention->stride;
        uint32_t *words = queries.words + i * queries.stride;
        for (size_t n = 0; n < attention->head_size; n += HALVES) {
            __mmask32 numbers = v_half_lanes(attention->head_size - n);
            _mm512_storeu_si512(words + n / 2, _mm512_maskz_loadu_epi16(numbers, q + n));
        }
    }
}

/* out [ROWS][columns] = rows * panels */
static void multiply(dp_operand rows, const uint32_t *panels, size_t depth, size_t columns,
                     float *out, size_t out_stride) {
    size_t stride = rows.stride * sizeof(uint32_t);
    for (size_t column = 0; column < columns; column += COLUMNS) {
        const uint8_t *panel = (const uint8_t *)(panels + column * depth);
        const uint8_t *a = (const uint8_t *)rows.words;
        amx_clear();
        for (size_t w = 0; w < depth; w += STEP) {
            AMX_STEP(_tile_dpbf16ps, a, stride, panel);
            a += STEP * sizeof(uint32_t);
            panel += STEP * ROW_BYTES;
        }
        amx_store(out + column, out_stride * sizeof(float));
    }
}

static float largest_of(const float *x, size_t n) {
    vf largest = v_set(x[0]);
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __mmask16 mask = v_lanes(n - i);
        largest = _mm512_mask_max_ps(largest, mask, largest, _mm512_maskz_loadu_ps(mask, x + i));
    }
    return v_largest(largest);
}

/* exp(scale * (score - largest)) of each token as bf16, with zeros behind the last; returns their
 * sum. */
static float weigh(const float *scores, size_t tokens, float scale, uint32_t *words) {
    vf largest = v_set(largest_of(scores, tokens));
    vf factor = v_set(scale * LOG2_E);
    vf sum = v_zero();
    for (size_t i = 0; i < tokens; i += HALVES) {
        __mmask32 mask = v_half_lanes(tokens - i);
        vf a = r_softmax_term(v_load(scores + i), largest, factor);
        vf b = r_softmax_term(v_load(scores + i + V_LENGTH), largest, factor);
        a = _mm512_maskz_mov_ps((__mmask16)mask, a);
        b = _mm512_maskz_mov_ps((__mmask16)(mask >> V_LENGTH), b);
        sum = v_add(sum, v_add(a, b));
        _mm512_storeu_si512(words + i / 2, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
    return v_sum(sum);
}

/* q = answer * factor */
static void store_answer(const float *answer, float factor, size_t n, uint16_t *q) {
    vf f = v_set(factor);
    for (size_t i = 0; i < n; i += HALVES) {
        vf a = v_mul(v_load(answer + i), f);
        vf b = v_mul(v_load(answer + i + V_LENGTH), f);
        _mm512_mask_storeu_epi16(q + i, v_half_lanes(n - i), (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
}

void dp_amx_attention(const dp_product *product, const dp_attention *attention, float *scratch) {
    size_t tokens = attention->tokens;
    size_t size = attention->head_size;
    places at = plan(product, tokens, size);
    uint32_t *memory = (uint32_t *)scratch;
    size_t key_depth = dp_panel_depth(product, size);
    size_t value_depth = dp_panel_depth(product, tokens);
    dp_operand queries = dp_operand_in(product, ROWS, size, memory + at.queries);
    dp_operand weights = dp_operand_in(product, ROWS, tokens, memory + at.weights);
    float *scores = scratch + at.scores;
    float *answer = scratch + at.answer;
    pack_all_keys(attention, key_depth, memory + at.keys);
    pack_all_values(attention, value_depth, memory + at.values);
    amx_begin();
    for (size_t r = 0; r < attention->queries; r += ROWS) {
        size_t left = attention->queries - r;
        size_t rows = left < ROWS ? left : ROWS;
        float sum[ROWS];
        copy_queries(attention, r, rows, queries);
        multiply(queries, memory + at.keys, key_depth, tokens, scores, at.score_stride);
        for (size_t i = 0; i < rows; i++) {
            sum[i] = weigh(scores + i * at.score_stride, tokens, attention->scale,
                           weights.words + i * weights.stride);
        }
        multiply(weights, memory + at.values, value_depth, size, answer, at.answer_stride);
        for (size_t i = 0; i < rows; i++) {
            store_answer(answer + i * at.answer_stride, 1.0f / sum[i], size,
                         (uint16_t *)attention->q + (r + i) * attention->stride);
        }
    }
    amx_end();
}

#endif
