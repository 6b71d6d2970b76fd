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

static const dpi_gemm gemm_bf16__avx512_vnni = {
    .name = "avx512-bf16",
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_BF16,
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = STEP, .nr = TILE_VECTORS * V_LENGTH,
               round_row_bf16__avx512_vnni},
    .lhs = DPI_LHS_ROUNDED(round_row_bf16__avx512_vnni),
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

static const dpi_gemm gemm_int8__avx512_vnni = {
    .name = "avx512-vnni",
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = STEP, .nr = TILE_VECTORS * V_LENGTH,
               round_row_int8__avx512_vnni},
    .lhs = DPI_LHS_ROUNDED(round_row_int8__avx512_vnni),
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = int8_tile__avx512_vnni},
    .row_block = 14 * TILE_ROWS,
    .run = dpi_gemm_run_tiles,
    .attention = {.type = DPI_NUMBER_F32,
                  .for_bytes = true,
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
