/*
 * Attention of models of bytes, for AVX512-VNNI: queries, keys, values and weights are rounded to
 * int16 with a scale. Their products are twice as fast as those of f32, and lose less than those of
 * bf16 as long as there are not too many tokens. Keys and values become panels, then each tile of
 * queries has its scores, their softmax and its answer computed without leaving the cache.
 *
 * Sums of 32 bits never overflow: of a score, all numbers are at most int16_limit(head_size); of an
 * answer, values are at most LARGEST_VALUE, and weights add up to LARGEST_SUM at most.
 */
#include "isa/x86/int16_attention.h"

#include "isa/isa.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__) /* as avx512_vnni.c, which uses it */

#define TMPL_SUFFIX int16_attention
#include "isa/x86/vector_avx512.h"

#include "base/size.h"
#include "isa/vector/vector_store.h"
#include "isa/x86/vector_lowp.h"
#include "isa/x86/vector_rounded.h"
#include "isa/x86/vector_transpose.h"

#include <math.h>

#define TILE_ROWS 14
#define TILE_VECTORS 2
#define TILE_COLUMNS ((size_t)TILE_VECTORS * V_LENGTH)
#define LARGEST_INT16 32767.0f
#define LARGEST_VALUE 8191.0f
#define LARGEST_SUM 262000.0f /* of weights: times LARGEST_VALUE less than 2^31 */
#define LOG2_E 1.44269504f

/* The value of a sum is hidden from the compiler, which otherwise converts it within the loop. */
static inline vf scale_sum(vu sum, const dpi_tile *tile, size_t i, size_t j) {
    V_HIDE(sum);
    return v_scale_sum(sum, tile, i, j);
}

#define KERNEL_TILE int16_tile
#define KERNEL_KR 2
#define KERNEL_EXPANSION 1
#define KERNEL_ROWS TILE_ROWS
#define KERNEL_VECTORS TILE_VECTORS
#define KERNEL_SUM vu
#define KERNEL_ZERO() u_zero()
#define KERNEL_COLUMNS vu
#define KERNEL_COLUMN(p) u_load(p)
#define KERNEL_FACTOR vu
#define KERNEL_BROADCAST(p) u_set(*(p))
#define KERNEL_DOT(sum, a, b) _mm512_dpwssd_epi32(sum, b, a)
#define KERNEL_HIDE(a) ((void)(a))
#define KERNEL_RESULT(sum, tile, i, j) scale_sum(sum, tile, i, j)
#include "isa/vector/gemm_lowp_tmpl.h"

/* ---- scratch memory ---- */

typedef struct int16_scratch {
    size_t key_depth, value_depth; /* k-groups of two numbers */
    dpi_kgroup *keys, *values;     /* panels [depth][TILE_COLUMNS] */
    float *key_scale, *value_scale;
    dpi_kgroup *rows;    /* [V_LENGTH][row_stride] of keys, later of queries */
    dpi_kgroup *weights; /* [TILE_ROWS][weight_stride] */
    float *scores;       /* [TILE_ROWS][score_stride] */
    size_t row_stride, weight_stride, score_stride;
} int16_scratch;

/* k-groups from a row to the next: an odd number of cache lines spreads rows over all sets. */
static size_t group_stride(size_t depth) {
    return (dpi_size_div_up(depth, V_LENGTH) | 1) * V_LENGTH;
}

/* Plans (arena->base == NULL) or takes it. */
static int16_scratch take_int16_scratch(dpi_arena *arena, size_t tokens, size_t head_size) {
    size_t token_columns = dpi_size_round_up(tokens, TILE_COLUMNS);
    size_t head_columns = dpi_size_round_up(head_size, TILE_COLUMNS);
    int16_scratch s = {.key_depth = dpi_size_div_up(head_size, 2),
                       .value_depth = dpi_size_div_up(tokens, 2)};
    s.row_stride = group_stride(s.key_depth);
    s.weight_stride = group_stride(s.value_depth);
    s.score_stride = dpi_row_stride(token_columns);
    s.keys = dpi_arena_take(arena, s.key_depth * token_columns, sizeof(dpi_kgroup));
    s.values = dpi_arena_take(arena, s.value_depth * head_columns, sizeof(dpi_kgroup));
    s.key_scale = dpi_arena_floats(arena, 1, token_columns);
    s.value_scale = dpi_arena_floats(arena, 1, head_columns);
    s.rows = dpi_arena_take(arena, V_LENGTH * s.row_stride, sizeof(dpi_kgroup));
    s.weights = dpi_arena_take(arena, TILE_ROWS * s.weight_stride, sizeof(dpi_kgroup));
    s.scores = dpi_arena_floats(arena, TILE_ROWS, s.score_stride);
    return s;
}

size_t dpi_int16_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size) {
    dpi_arena counted = {.base = NULL};
    (void)gemm;
    (void)take_int16_scratch(&counted, tokens, head_size);
    return dpi_size_div_up(counted.used, sizeof(float));
}

/* ---- rounding ---- */

/* The largest numbers of which n products fit a sum of 32 bits. */
static float int16_limit(size_t n) {
    float limit = __builtin_floorf(__builtin_sqrtf(0x7fffff00p0f / (float)n));
    return limit < LARGEST_INT16 ? limit : LARGEST_INT16;
}

/* As whole numbers of 32 bits, the nearest ones whatever the mode of rounding is: limits hold. */
static inline vu to_whole(vf x, vf per_unit) {
    return _mm512_cvt_roundps_epi32(v_mul(x, per_unit),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* The lower halves of a, then those of b. */
static inline vu join_int16(vu a, vu b) {
    const __m512i even =
        _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26,
                         24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutex2var_epi16(a, even, b);
}

/* A row of n numbers, with zeros to the end of its last vector; returns its scale. */
static float round_to_int16(const float *x, size_t n, float limit, dpi_kgroup *groups) {
    float largest = v_largest_magnitude(x, n, DPI_NUMBER_F32);
    vf per_unit = v_set(largest > SMALLEST_SCALED ? limit / largest : 0.0f);
    for (size_t i = 0; i < n; i += 2 * V_LENGTH) {
        __mmask32 mask = v_half_lanes(n - i);
        vf a = _mm512_maskz_loadu_ps((__mmask16)mask, x + i);
        vf b = _mm512_maskz_loadu_ps((__mmask16)(mask >> V_LENGTH), x + i + V_LENGTH);
        _mm512_storeu_si512(groups + i / 2,
                            join_int16(to_whole(a, per_unit), to_whole(b, per_unit)));
    }
    return largest / limit;
}

/* ---- panels ---- */

/* 16 keys from t on, those beyond the last as zeros. */
static void pack_16_keys(const dpi_attention *attention, size_t t, const int16_scratch *s,
                         dpi_kgroup *panel) {
    float limit = int16_limit(attention->head_size);
    for (size_t i = 0; i < V_LENGTH; i++) {
        dpi_kgroup *row = s->rows + i * s->row_stride;
        if (t + i < attention->tokens) {
            const float *key = dpi_rows_from(attention->k, t + i, 0).numbers;
            s->key_scale[t + i] = round_to_int16(key, attention->head_size, limit, row);
        } else {
            memset(row, 0, s->row_stride * sizeof *row);
            s->key_scale[t + i] = 0.0f;
        }
    }
    for (size_t w = 0; w < s->key_depth; w += V_LENGTH) {
        vf x[V_LENGTH];
        for (size_t i = 0; i < V_LENGTH; i++) {
            x[i] = u_as_floats(u_load(s->rows + i * s->row_stride + w));
        }
        v_transpose(x);
        for (size_t i = 0; i < V_LENGTH && w + i < s->key_depth; i++) {
            v_store((float *)panel + (w + i) * TILE_COLUMNS, x[i]);
        }
    }
}

static void pack_int16_keys(const dpi_attention *attention, const int16_scratch *s) {
    size_t columns = dpi_size_round_up(attention->tokens, TILE_COLUMNS);
    for (size_t t = 0; t < columns; t += V_LENGTH) {
        pack_16_keys(attention, t, s,
                     s->keys + t / TILE_COLUMNS * TILE_COLUMNS * s->key_depth + t % TILE_COLUMNS);
    }
}

/* The largest magnitude of each of 16 columns of the values; that of a NaN is a NaN. */
static vf largest_of_columns(const dpi_attention *attention, size_t column, __mmask16 mask) {
    vu largest = u_zero();
    for (size_t t = 0; t < attention->tokens; t++) {
        const float *row = dpi_rows_from(attention->v, t, column).numbers;
        vu bits = _mm512_castps_si512(_mm512_maskz_loadu_ps(mask, row));
        largest = _mm512_max_epu32(largest, u_and(bits, u_set(0x7fffffffu)));
    }
    return u_as_floats(largest);
}

/* 16 columns of the values, with those of two tokens in each k-group. */
static void pack_16_columns(const dpi_attention *attention, size_t column, float *scale,
                            dpi_kgroup *panel) {
    __mmask16 mask = v_lanes(attention->head_size > column ? attention->head_size - column : 0);
    vf largest = largest_of_columns(attention, column, mask);
    vf per_unit = v_positive(v_sub(largest, v_set(SMALLEST_SCALED)),
                             v_div(v_set(LARGEST_VALUE), largest), v_zero());
    v_store(scale, v_div(largest, v_set(LARGEST_VALUE)));
    for (size_t t = 0; t < attention->tokens; t += 2) {
        const float *row = dpi_rows_from(attention->v, t, column).numbers;
        __mmask16 second = t + 1 < attention->tokens ? mask : 0;
        vu a = to_whole(_mm512_maskz_loadu_ps(mask, row), per_unit);
        vu b = to_whole(_mm512_maskz_loadu_ps(second, row + attention->v.stride), per_unit);
        vu pair = u_add(u_and(a, u_set(0xffffu)), u_low_half(b));
        _mm512_storeu_si512(panel + t / 2 * TILE_COLUMNS, pair);
    }
}

static void pack_int16_values(const dpi_attention *attention, const int16_scratch *s) {
    size_t columns = dpi_size_round_up(attention->head_size, TILE_COLUMNS);
    for (size_t c = 0; c < columns; c += V_LENGTH) {
        pack_16_columns(attention, c, s->value_scale + c,
                        s->values + c / TILE_COLUMNS * TILE_COLUMNS * s->value_depth +
                            c % TILE_COLUMNS);
    }
}

/* ---- a tile of queries ---- */

/* x becomes exp(scale * (x - largest)), with zeros to the end of its last two vectors; returns the
 * sum. */
static float exponentiate(float *x, size_t n, float scale) {
    vf largest = v_set(r_largest_score(x, n));
    vf factor = v_set(scale * LOG2_E);
    vf sum = v_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf term = r_softmax_term(v_load(x + i), largest, factor);
        sum = v_add(sum, term);
        v_store(x + i, term);
    }
    for (; i < dpi_size_round_up(n, TILE_COLUMNS); i += V_LENGTH) {
        __mmask16 mask = v_lanes(n > i ? n - i : 0);
        vf term = _mm512_maskz_mov_ps(mask, r_softmax_term(v_load(x + i), largest, factor));
        sum = v_add(sum, term);
        v_store(x + i, term);
    }
    return v_sum(sum);
}

/* Weights of which the largest is 1 and that add up to `sum`; returns their scale, with which they
 * add up to 1. It is a NaN, and so is the answer, where queries or keys are not finite. */
static float round_weights(const float *weights, size_t n, float sum, dpi_kgroup *groups) {
    if (!(sum < INFINITY)) {
        memset(groups, 0, dpi_size_round_up(n, 2 * V_LENGTH) / 2 * sizeof *groups);
        return sum - sum;
    }
    float largest = (LARGEST_SUM - (float)n) / sum; /* n: rounding */
    vf per_unit = v_set(largest < LARGEST_INT16 ? largest : LARGEST_INT16);
    vu total = u_zero();
    for (size_t i = 0; i < n; i += 2 * V_LENGTH) {
        vu a = to_whole(v_load(weights + i), per_unit);
        vu b = to_whole(v_load(weights + i + V_LENGTH), per_unit);
        total = u_add(total, u_add(a, b));
        _mm512_storeu_si512(groups + i / 2, join_int16(a, b));
    }
    return 1.0f / (float)_mm512_reduce_add_epi32(total);
}

/* sums += weights / sum */
static void add_shares(float *sums, const float *weights, size_t n, float sum) {
    vf share = v_set(1.0f / sum);
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __mmask16 mask = v_lanes(n - i);
        vf added = v_fma(v_load(weights + i), share, _mm512_maskz_loadu_ps(mask, sums + i));
        _mm512_mask_storeu_ps(sums + i, mask, added);
    }
}

/* The micro-kernel along all panels of `tile`, of which the first is given. */
static void multiply_by_int16_panels(dpi_tile tile, size_t columns) {
    for (size_t column = 0; column < columns; column += TILE_COLUMNS) {
        tile.columns = dpi_size_min(columns - column, TILE_COLUMNS);
        int16_tile(&tile);
        tile.panel += TILE_COLUMNS * tile.depth;
        tile.panel_scale += TILE_COLUMNS;
        tile.c += TILE_COLUMNS;
    }
}

static void score_queries(const dpi_attention *attention, size_t first, size_t rows,
                          const int16_scratch *s) {
    dpi_row_scale scale[TILE_ROWS];
    float limit = int16_limit(attention->head_size);
    for (size_t i = 0; i < rows; i++) {
        size_t next = first + i + TILE_ROWS; /* of the next tile */
        if (next < attention->queries) {
            dpi_rows_prefetch(dpi_rows_from(attention->q, next, 0), 1, attention->head_size);
        }
        const float *query = dpi_rows_from(attention->q, first + i, 0).numbers;
        scale[i] = (dpi_row_scale){
            round_to_int16(query, attention->head_size, limit, s->rows + i * s->row_stride), 0};
    }
    multiply_by_int16_panels((dpi_tile){.rows = rows,
                                        .depth = s->key_depth,
                                        .lhs = s->rows,
                                        .lhs_stride = s->row_stride,
                                        .lhs_scale = scale,
                                        .panel = s->keys,
                                        .panel_scale = s->key_scale,
                                        .c = s->scores,
                                        .c_stride = s->score_stride},
                             attention->tokens);
}

static void answer_queries(const dpi_attention *attention, size_t first, size_t rows,
                           const int16_scratch *s) {
    dpi_row_scale scale[TILE_ROWS];
    size_t tokens = attention->tokens;
    for (size_t i = 0; i < rows; i++) {
        float *weights = s->scores + i * s->score_stride;
        float sum = exponentiate(weights, tokens, attention->scale);
        scale[i] = (dpi_row_scale){
            round_weights(weights, tokens, sum, s->weights + i * s->weight_stride), 0};
        if (attention->weight_sums != NULL) {
            add_shares(attention->weight_sums + (first + i) * tokens, weights, tokens, sum);
        }
    }
    multiply_by_int16_panels((dpi_tile){.rows = rows,
                                        .depth = s->value_depth,
                                        .lhs = s->weights,
                                        .lhs_stride = s->weight_stride,
                                        .lhs_scale = scale,
                                        .panel = s->values,
                                        .panel_scale = s->value_scale,
                                        .c = dpi_rows_from(attention->q, first, 0).numbers,
                                        .c_stride = attention->q.stride},
                             attention->head_size);
}

void dpi_int16_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                             const dpi_attention *attention, float *scratch) {
    dpi_arena arena = {.base = (uint8_t *)scratch, .size = SIZE_MAX};
    int16_scratch s = take_int16_scratch(&arena, attention->tokens, attention->head_size);
    (void)kernels;
    (void)gemm;
    dpi_rows_prefetch(attention->k, attention->tokens, attention->head_size);
    dpi_rows_prefetch(attention->v, attention->tokens, attention->head_size);
    pack_int16_keys(attention, &s);
    pack_int16_values(attention, &s);
    for (size_t r = 0; r < attention->queries; r += TILE_ROWS) {
        size_t rows = dpi_size_min(attention->queries - r, TILE_ROWS);
        score_queries(attention, r, rows, &s);
        answer_queries(attention, r, rows, &s);
    }
}

#endif
