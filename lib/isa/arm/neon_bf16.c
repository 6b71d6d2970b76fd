/*
 * The bf16 GEMM for NEON with the bf16 matrix instruction (BFMMLA): tiles of 6 x 16 in blocks of 2
 * x 2.
 */
#include "isa/isa.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)

#define TMPL_SUFFIX neon_bf16
#include "isa/arm/neon_blocks.h"

static inline void dot_bf16_blocks(block_sums *sum, column_blocks columns, vu rows) {
    N_IN_ORDER("bfmmla %0.4s, %1.8h, %2.8h", sum->low, columns.low, rows);
    N_IN_ORDER("bfmmla %0.4s, %1.8h, %2.8h", sum->high, columns.high, rows);
}

#define KERNEL_TILE bf16_tile__neon_bf16
#define KERNEL_PEAK bf16_measure_peak__neon_bf16
#define KERNEL_KR 2
#define KERNEL_ROWS 6
#define KERNEL_HEIGHT 2
#define KERNEL_DEPTH 2
#define KERNEL_PARTS 1
#define KERNEL_SUM block_sums
#define KERNEL_ZERO() zero_blocks()
#define KERNEL_COLUMNS column_blocks
#define KERNEL_COLUMN(p) load_column_blocks(p)
#define KERNEL_FACTOR vu
#define KERNEL_LOAD(a) load_row_block(a)
#define KERNEL_DOT(sum, b, a, part) dot_bf16_blocks(&(sum), b, a)
#define KERNEL_RESULT(sum, tile, i, j, k) u_as_floats(row_of_blocks(sum, k))
#include "isa/arm/neon_lowp_tmpl.h"

static const dpi_gemm gemm_bf16__neon_bf16 = {
    GEMM_OF_BF16(6, bf16_tile__neon_bf16),
    .name = "neon-bf16",
    .cpu = DP_CPU_NEON | DP_CPU_ARM_BF16,
    .measure_peak = bf16_measure_peak__neon_bf16,
};

const dpi_gemm *dpi_gemm_neon_bf16(dp_precision precision) {
    return precision == DP_PRECISION_BF16 ? &gemm_bf16__neon_bf16 : NULL;
}

#else

const dpi_gemm *dpi_gemm_neon_bf16(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
