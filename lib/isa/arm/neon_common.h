/*
 * What the GEMMs of bf16 and bytes for NEON have in common: all of them read the same lhs and the
 * same panels. TMPL_SUFFIX is defined before.
 */
#ifndef DPI_NEON_COMMON_H
#define DPI_NEON_COMMON_H

#include "gemm/gemm.h"
#include "isa/arm/vector_neon.h"

#include "gemm/lowp_tmpl.h"
#include "isa/vector/vector_store.h"

#define NEON_VECTORS 4
#define NEON_COLUMNS (NEON_VECTORS * V_LENGTH)
#define NEON_STEP 4 /* k-groups: a vector of a row */

#define round_row_bf16 TMPL_NAME(round_row_bf16)
#define round_row_int8 TMPL_NAME(round_row_int8)

static inline void round_row_bf16(const float *x, size_t n, dpi_kgroup *groups,
                                  dpi_row_scale *scale) {
    (void)scale;
    round_to_bf16(x, n, NEON_STEP, groups);
}

static inline void round_row_int8(const float *x, size_t n, dpi_kgroup *groups,
                                  dpi_row_scale *scale) {
    round_to_int8(x, n, NEON_STEP, groups, scale);
}

#define GEMM_OF_NEON .row_block = 120, .run = dpi_gemm_run_tiles, .attention = DPI_ATTENTION_TILES

#define GEMM_OF_BF16(rows, tile)                                                      \
    GEMM_OF_NEON,                                                                     \
        .layout = {DP_PRECISION_BF16, .kr = 2, .step = NEON_STEP, .nr = NEON_COLUMNS, \
                   round_row_bf16},                                                   \
        .lhs = DPI_LHS_ROUNDED(round_row_bf16),                                       \
        .kernel = {.mr = (rows), .panels = 1, .kc = 256, .run = (tile)}

#define GEMM_OF_INT8(rows, tile)                                                      \
    GEMM_OF_NEON,                                                                     \
        .layout = {DP_PRECISION_INT8, .kr = 4, .step = NEON_STEP, .nr = NEON_COLUMNS, \
                   round_row_int8},                                                   \
        .lhs = DPI_LHS_ROUNDED(round_row_int8),                                       \
        .kernel = {.mr = (rows), .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = (tile)}

#endif /* DPI_NEON_COMMON_H */
