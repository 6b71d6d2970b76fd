/*
 * GEMMs of bf16 and bytes for instruction sets that cannot multiply them, or only slowly: panels
 * are unpacked in registers, and the lhs beforehand: bf16 to f32, bytes to 16 bits. A file
 * that includes this has defined the vector operations (vector_*.h), GEMM_NAME, GEMM_CPU and
 * GEMM_KC as for gemm_f32_tmpl.h, the tile LOWP_ROWS x (LOWP_VECTORS * V_LENGTH), and the step
 * of its layouts LOWP_STEP. It gets TMPL_NAME(gemm_bf16) and TMPL_NAME(gemm_int8).
 */
#include "base/size.h"
#include "gemm/gemm.h"
#include "gemm/lowp_tmpl.h"
#include "isa/vector/vector_store.h"

/* ---- bf16 by multiply-adds of f32 ---- */

typedef struct v_halves {
    vf low, high;
} v_halves;

static inline v_halves v_unpack_halves(vu x) {
    return (v_halves){u_as_floats(u_low_half(x)), u_as_floats(u_high_half(x))};
}

/* Of the lhs, whose two k-groups are f32. */
static inline v_halves v_two_floats(const dpi_kgroup *p) {
    return (v_halves){u_as_floats(u_set(p[0])), u_as_floats(u_set(p[1]))};
}

#define KERNEL_TILE TMPL_NAME(bf16_tile)
#define KERNEL_PEAK TMPL_NAME(bf16_measure_peak)
#define KERNEL_KR 2
#define KERNEL_EXPANSION 2
#define KERNEL_ROWS LOWP_ROWS
#define KERNEL_VECTORS LOWP_VECTORS
#define KERNEL_SUM vf
#define KERNEL_ZERO() v_zero()
#define KERNEL_COLUMNS v_halves
#define KERNEL_COLUMN(p) v_unpack_halves(u_load(p))
#define KERNEL_FACTOR v_halves
#define KERNEL_BROADCAST(p) v_two_floats(p)
#define KERNEL_DOT(sum, a, b) v_fma((a).high, (b).high, v_fma((a).low, (b).low, sum))
#define KERNEL_HIDE(a) ((void)(a)) /* the sum goes through both */
#define KERNEL_RESULT(sum, tile, i, j) (sum)
#include "isa/vector/gemm_lowp_tmpl.h"

/* For panels. */
static void TMPL_NAME(round_row_bf16)(const float *x, size_t n, dpi_kgroup *groups,
                                      dpi_row_scale *scale) {
    (void)scale;
    round_to_bf16(x, n, LOWP_STEP, groups);
}

/* For the lhs: rounded to bf16, and f32 all the same. */
static void TMPL_NAME(round_row_bf16_as_f32)(const float *x, size_t n, dpi_kgroup *groups,
                                             dpi_row_scale *scale) {
    (void)scale;
    size_t padded = dpi_size_round_up(n, 2 * LOWP_STEP);
    for (size_t i = 0; i < n; i++) {
        groups[i] = bf16_bits(x[i]);
    }
    memset(groups + n, 0, (padded - n) * sizeof *groups);
}

static const dpi_gemm TMPL_NAME(gemm_bf16) = {
    .name = GEMM_NAME,
    .cpu = GEMM_CPU,
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = LOWP_STEP, .nr = LOWP_VECTORS * V_LENGTH,
               TMPL_NAME(round_row_bf16), interleave_rows_bf16},
    .lhs = DPI_LHS_UNPACKED(TMPL_NAME(round_row_bf16_as_f32)),
    .kernel = {.mr = LOWP_ROWS, .panels = 1, .kc = GEMM_KC, .run = TMPL_NAME(bf16_tile)},
    .row_block = 120,
    .run = dpi_gemm_run_tiles,
    .attention = DPI_ATTENTION_TILES,
    .measure_peak = TMPL_NAME(bf16_measure_peak),
};

/* ---- bytes by multiply-adds of 16 bits, which cannot overflow ---- */

typedef struct v_bytes {
    vu even, odd;
} v_bytes;

static inline v_bytes v_unpack_bytes(vu x) {
    return (v_bytes){u_even_bytes(x), u_odd_bytes(x)};
}

/* Of the lhs, whose two k-groups are pairs. */
static inline v_bytes v_two_pairs(const dpi_kgroup *p) {
    return (v_bytes){u_set(p[0]), u_set(p[1])};
}

/* The sum is hidden, or the compiler keeps products of several sums and runs out of registers. */
static inline vu v_dot_bytes(vu sum, v_bytes a, v_bytes b) {
    sum = u_add(sum, u_multiply_pairs(a.even, b.even));
    sum = u_add(sum, u_multiply_pairs(a.odd, b.odd));
    V_HIDE(sum);
    return sum;
}

#define KERNEL_TILE TMPL_NAME(int8_tile)
#define KERNEL_PEAK TMPL_NAME(int8_measure_peak)
#define KERNEL_KR 4
#define KERNEL_EXPANSION 2
#define KERNEL_ROWS LOWP_ROWS
#define KERNEL_VECTORS LOWP_VECTORS
#define KERNEL_SUM vu
#define KERNEL_ZERO() u_zero()
#define KERNEL_COLUMNS v_bytes
#define KERNEL_COLUMN(p) v_unpack_bytes(u_load(p))
#define KERNEL_FACTOR v_bytes
#define KERNEL_BROADCAST(p) v_two_pairs(p)
#define KERNEL_DOT(sum, a, b) v_dot_bytes(sum, a, b)
#define KERNEL_HIDE(a)    \
    {                     \
        V_HIDE((a).even); \
        V_HIDE((a).odd);  \
    }
#define KERNEL_RESULT(sum, tile, i, j) v_scale_offset_sum(sum, tile, i, j)
#include "isa/vector/gemm_lowp_tmpl.h"

/* For panels. */
static void TMPL_NAME(round_row_int8)(const float *x, size_t n, dpi_kgroup *groups,
                                      dpi_row_scale *scale) {
    round_to_int8(x, n, LOWP_STEP, groups, scale);
}

/* V_LENGTH k-groups of bytes become twice as many of 16 bits. */
static inline void v_store_pairs(dpi_kgroup *pairs, const dpi_kgroup *bytes) {
    vu groups = u_load(bytes);
    u_store_alternately(pairs, u_even_signed(groups), u_odd_signed(groups));
}

/* For the lhs: the same bytes, as pairs of 16 bits. The bytes are first in the upper half of the
 * row; pairs never reach those that are still to be read. */
static void TMPL_NAME(round_row_int8_as_pairs)(const float *x, size_t n, dpi_kgroup *groups,
                                               dpi_row_scale *scale) {
    size_t depth = dpi_size_round_up(dpi_size_div_up(n, 4), LOWP_STEP), k = 0;
    const dpi_kgroup *bytes = groups + depth;
    round_to_int8(x, n, LOWP_STEP, groups + depth, scale);
    for (; k + V_LENGTH <= depth; k += V_LENGTH) {
        v_store_pairs(groups + 2 * k, bytes + k);
    }
    if (k < depth) {
        dpi_kgroup last[V_LENGTH] = {0}, pairs[2 * V_LENGTH];
        memcpy(last, bytes + k, (depth - k) * sizeof *last);
        v_store_pairs(pairs, last);
        memcpy(groups + 2 * k, pairs, 2 * (depth - k) * sizeof *pairs);
    }
}

static const dpi_gemm TMPL_NAME(gemm_int8) = {
    .name = GEMM_NAME,
    .cpu = GEMM_CPU,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = LOWP_STEP, .nr = LOWP_VECTORS * V_LENGTH,
               TMPL_NAME(round_row_int8)},
    .lhs = DPI_LHS_UNPACKED(TMPL_NAME(round_row_int8_as_pairs)),
    .kernel = {.mr = LOWP_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = TMPL_NAME(int8_tile)},
    .row_block = 120,
    .run = dpi_gemm_run_tiles,
    .attention = DPI_ATTENTION_TILES,
    .measure_peak = TMPL_NAME(int8_measure_peak),
};
