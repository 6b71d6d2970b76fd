/*
 * Matrix products of bytes for NEON with dot products: tiles of 6 x 16 as in f32. There is no
 * instruction for signed times unsigned bytes; the columns of a panel become signed in registers.
 */
#include "isa/isa.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)

#define TMPL_SUFFIX neon_dot
#include "isa/arm/neon_common.h"

#define KERNEL_TILE int8_tile__neon_dot
#define KERNEL_PEAK int8_measure_peak__neon_dot
#define KERNEL_KR 4
#define KERNEL_ROWS 6
#define KERNEL_HEIGHT 1
#define KERNEL_DEPTH 4
#define KERNEL_PARTS 4
#define KERNEL_SUM vu
#define KERNEL_ZERO() u_set(0)
#define KERNEL_COLUMNS vu
#define KERNEL_COLUMN(p) u_flip_bytes(u_load(p))
#define KERNEL_FACTOR vu
#define KERNEL_LOAD(a) u_load(*(a))
#define KERNEL_DOT(sum, b, a, lane) N_IN_ORDER("sdot %0.4s, %1.16b, %2.4b[" #lane "]", sum, b, a)
#define KERNEL_RESULT(sum, tile, i, j, k) v_scale_sum(sum, tile, i, j)
#include "isa/arm/neon_lowp_tmpl.h"

static const dpi_gemm gemm_int8__neon_dot = {
    GEMM_OF_INT8(6, int8_tile__neon_dot),
    .name = "neon-dot",
    .cpu = DP_CPU_NEON | DP_CPU_DOTPROD,
    .measure_peak = int8_measure_peak__neon_dot,
};

const dpi_gemm *dpi_gemm_neon_dot(dp_precision precision) {
    return precision == DP_PRECISION_INT8 ? &gemm_int8__neon_dot : NULL;
}

#else

const dpi_gemm *dpi_gemm_neon_dot(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
