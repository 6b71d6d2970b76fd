/*
 * Matrix products of bytes for AVX2 with AVX-VNNI: tiles of 6 x 16 as in f32.
 */
#include "isa/isa.h"

#if defined(__AVXVNNI__)

#define TMPL_SUFFIX avx_vnni
#include "isa/x86/vector_avx2.h"

#include "gemm/lowp_tmpl.h"
#include "isa/vector/vector_store.h"

#define TILE_ROWS 6
/* Of the layout, as the target AVX2 has them (gemm/target.c). */
#define TILE_VECTORS 2
#define TILE_STEP 1

#define KERNEL_TILE int8_tile__avx_vnni
#define KERNEL_PEAK int8_measure_peak__avx_vnni
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
#define KERNEL_DOT(sum, a, b) _mm256_dpbusd_avx_epi32(sum, b, a)
#define KERNEL_HIDE(a) ((void)(a))
#define KERNEL_RESULT(sum, tile, i, j) v_scale_offset_sum(sum, tile, i, j)
#include "isa/vector/gemm_lowp_tmpl.h"

static void round_row_int8__avx_vnni(const float *x, size_t n, dpi_kgroup *groups,
                                     dpi_row_scale *scale) {
    round_to_int8(x, n, TILE_STEP, groups, scale);
}

static const dpi_gemm gemm_int8__avx_vnni = {
    .name = "avx2-vnni",
    .cpu = DP_CPU_AVX2 | DP_CPU_VNNI,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = TILE_STEP, .nr = TILE_VECTORS * V_LENGTH,
               round_row_int8__avx_vnni},
    .lhs = DPI_LHS_ROUNDED(round_row_int8__avx_vnni),
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = int8_tile__avx_vnni},
    .row_block = 32 * TILE_ROWS,
    .run = dpi_gemm_run_tiles,
    .attention = DPI_ATTENTION_TILES,
    .measure_peak = int8_measure_peak__avx_vnni,
};

const dpi_gemm *dpi_gemm_avx_vnni(dp_precision precision) {
    return precision == DP_PRECISION_INT8 && dpi_cpu_has_avx_vnni() ? &gemm_int8__avx_vnni : NULL;
}

#else

const dpi_gemm *dpi_gemm_avx_vnni(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
