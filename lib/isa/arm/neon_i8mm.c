/*
 * The int8 GEMM for NEON with the byte matrix instruction (i8mm): tiles of 6 x 16 in blocks of 2
 * x 2.
 */
#include "isa/isa.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8)

#define TMPL_SUFFIX neon_i8mm
#include "isa/arm/neon_blocks.h"

static inline void dot_int8_blocks(block_sums *sum, column_blocks columns, vu rows) {
    N_IN_ORDER("usmmla %0.4s, %1.16b, %2.16b", sum->low, columns.low, rows);
    N_IN_ORDER("usmmla %0.4s, %1.16b, %2.16b", sum->high, columns.high, rows);
}

#define KERNEL_TILE int8_tile__neon_i8mm
#define KERNEL_PEAK int8_measure_peak__neon_i8mm
#define KERNEL_KR 4
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
#define KERNEL_DOT(sum, b, a, part) dot_int8_blocks(&(sum), b, a)
#define KERNEL_RESULT(sum, tile, i, j, k) v_scale_offset_sum(row_of_blocks(sum, k), tile, i, j)
#include "isa/arm/neon_lowp_tmpl.h"

static const dpi_gemm gemm_int8__neon_i8mm = {
    GEMM_OF_INT8(6, int8_tile__neon_i8mm),
    .name = "neon-i8mm",
    .cpu = DP_CPU_NEON | DP_CPU_I8MM,
    .measure_peak = int8_measure_peak__neon_i8mm,
};

const dpi_gemm *dpi_gemm_neon_i8mm(dp_precision precision) {
    return precision == DP_PRECISION_INT8 ? &gemm_int8__neon_i8mm : NULL;
}

#else

const dpi_gemm *dpi_gemm_neon_i8mm(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
