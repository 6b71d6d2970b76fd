/*
 * Matrix products of bf16 and bytes for AVX-512 with AVX512-BF16 and AVX512-VNNI: tiles of 14 x 32
 * as in f32, with two or four times the numbers in each step.
 */
#include "isa/isa.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)

#define TMPL_SUFFIX avx512_vnni
#include "isa/x86/vector_avx512.h"

#include "isa/vector/vector_store.h"
#include "isa/x86/int16_attention.h"
#include "isa/x86/vector_lowp.h"
#include "isa/x86/vector_rounded.h"

#define TILE_ROWS 14
#define TILE_VECTORS 2
#define STEP 16 /* of AMX, so that both read the same panels */

/* ---- bf16 ---- */

#define KERNEL_TILE bf16_tile__avx512_vnni
#define KERNEL_PEAK bf16_measure_peak__avx512_vnni
#define KERNEL_KR 2
#define KERNEL_EXPANSION 1
#define KERNEL_ROWS TILE_ROWS
#define KERNEL_VECTORS TILE_VECTORS
#define KERNEL_SUM __m512
#define KERNEL_ZERO() v_zero()
#define KERNEL_COLUMNS vu
#define KERNEL_COLUMN(p) u_load(p)
#define KERNEL_FACTOR vu
#define KERNEL_BROADCAST(p) u_set(*(p))
#define KERNEL_DOT(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define KERNEL_HIDE(a) ((void)(a))
#define KERNEL_RESULT(sum, tile, i, j) (sum)
#include "isa/vector/gemm_lowp_tmpl.h"

static void round_row_bf16__avx512_vnni(const float *x, size_t n, dpi_kgroup *groups,
                                        dpi_row_scale *scale) {
    (void)scale;
    v_round_to_bf16(x, n, STEP, groups);
}

/* As bf16; x stays as it is. */
static inline void round_activated_row(const float *x, size_t n, dpi_activation activation,
                                       uint16_t *halves) {
    for (size_t i = 0; i < n; i += 2 * V_LENGTH) {
        __mmask32 mask = v_half_lanes(n - i);
        vf low = _mm512_maskz_loadu_ps((__mmask16)mask, x + i);
        vf high = _mm512_maskz_loadu_ps((__mmask16)(mask >> V_LENGTH), x + i + V_LENGTH);
        __m512i both =
            (__m512i)_mm512_cvtne2ps_pbh(r_activate(activation, high), r_activate(activation, low));
        _mm512_mask_storeu_epi16(halves + i, mask, both);
    }
}

static void round_activated_bf16__avx512_vnni(float *x, size_t n, dpi_activation activation,
                                              dpi_kgroup *groups, dpi_row_scale *scale) {
    (void)scale;
    clear_padding(groups, n, 2, STEP);
    switch (activation) {
    case DPI_ACTIVATION_GELU:
        round_activated_row(x, n, DPI_ACTIVATION_GELU, (uint16_t *)groups);
        break;
    case DPI_ACTIVATION_QUICK_GELU:
        round_activated_row(x, n, DPI_ACTIVATION_QUICK_GELU, (uint16_t *)groups);
        break;
    default:
        round_activated_row(x, n, activation, (uint16_t *)groups);
    }
}

static const dpi_gemm gemm_bf16__avx512_vnni = {
    .name = "avx512-bf16",
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_BF16,
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = STEP, .nr = TILE_VECTORS * V_LENGTH,
               round_row_bf16__avx512_vnni, v_interleave_rows_bf16},
    .lhs = {.expansion = 1,
            .allotted = 1,
            .output_type = DPI_NUMBER_F32,
            .from_f32 = round_row_bf16__avx512_vnni,
            .activated_from_f32 = round_activated_bf16__avx512_vnni},
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = 384, .run = bf16_tile__avx512_vnni},
    .row_block = 14 * TILE_ROWS,
    .run = dpi_gemm_run_tiles,
    .attention = DPI_ATTENTION_TILES,
    .measure_peak = bf16_measure_peak__avx512_vnni,
};

/* ---- bytes ---- */

#define KERNEL_TILE int8_tile__avx512_vnni
#define KERNEL_PEAK int8_measure_peak__avx512_vnni
#define KERNEL_KR 4
#define KERNEL_EXPANSION 1
#define KERNEL_ROWS TILE_ROWS
#define KERNEL_VECTORS TILE_VECTORS
#define KERNEL_SUM vu
#define KERNEL_ZERO() u_zero()
#define KERNEL_COLUMNS vu
#define KERNEL_COLUMN(p) u_load(p)
#define KERNEL_FACTOR vu
#define KERNEL_BROADCAST(p) u_set(*(p))
#define KERNEL_DOT(sum, a, b) _mm512_dpbusd_epi32(sum, b, a)
#define KERNEL_HIDE(a) ((void)(a))
#define KERNEL_RESULT(sum, tile, i, j) v_scale_offset_sum(sum, tile, i, j)
#include "isa/vector/gemm_lowp_tmpl.h"

static void round_row_int8__avx512_vnni(const float *x, size_t n, dpi_kgroup *groups,
                                        dpi_row_scale *scale) {
    v_round_to_int8(x, n, STEP, groups, scale, DPI_NUMBER_F32);
}

/* x becomes act(x); returns its largest magnitude. */
static inline float activate_row(float *x, size_t n, dpi_activation activation) {
    vu largest = u_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf y = r_activate(activation, v_load(x + i));
        v_store(x + i, y);
        largest = _mm512_max_epu32(largest, v_magnitudes(y));
    }
    if (i < n) {
        vf y = r_activate(activation, v_load_first(x + i, n - i));
        v_store_first(x + i, n - i, y);
        largest = _mm512_max_epu32(largest, v_magnitudes(y));
    }
    return float_of_bits(_mm512_reduce_max_epu32(largest));
}

/* Activations that models have are compiled one by one: no choice is left in the loop. */
static float activate_row_by(float *x, size_t n, dpi_activation activation) {
    switch (activation) {
    case DPI_ACTIVATION_GELU:
        return activate_row(x, n, DPI_ACTIVATION_GELU);
    case DPI_ACTIVATION_QUICK_GELU:
        return activate_row(x, n, DPI_ACTIVATION_QUICK_GELU);
    default:
        return activate_row(x, n, activation);
    }
}

static void round_activated_int8__avx512_vnni(float *x, size_t n, dpi_activation activation,
                                              dpi_kgroup *groups, dpi_row_scale *scale) {
    float largest = activate_row_by(x, n, activation);
    v_scale_to_int8(x, n, largest, STEP, groups, scale, DPI_NUMBER_F32);
}

static const dpi_gemm gemm_int8__avx512_vnni = {
    .name = "avx512-vnni",
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = STEP, .nr = TILE_VECTORS * V_LENGTH,
               round_row_int8__avx512_vnni},
    .lhs = {.expansion = 1,
            .allotted = 1,
            .output_type = DPI_NUMBER_F32,
            .from_f32 = round_row_int8__avx512_vnni,
            .activated_from_f32 = round_activated_int8__avx512_vnni},
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = int8_tile__avx512_vnni},
    .row_block = 14 * TILE_ROWS,
    .run = dpi_gemm_run_tiles,
    .attention = {.type = DPI_NUMBER_F32,
                  .tokens_of_bytes = DPI_INT16_ATTENTION_TOKENS,
                  .scratch = dpi_int16_attention_scratch,
                  .run = dpi_int16_attention_run},
    .measure_peak = int8_measure_peak__avx512_vnni,
};

const dpi_gemm *dpi_gemm_avx512_vnni(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &gemm_bf16__avx512_vnni
           : precision == DP_PRECISION_INT8 ? &gemm_int8__avx512_vnni
                                            : NULL;
}

#else

const dpi_gemm *dpi_gemm_avx512_vnni(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
