/*
 * What the products of bf16 and bytes for NEON have in common: all of them read the same rows and
 * the same panels.
 */
#ifndef DP_NEON_COMMON_H
#define DP_NEON_COMMON_H

#include "kernels/kernels.h"
#include "kernels/vector_neon.h"

#include "kernels/numbers.h"
#include "kernels/vector_store.h"

#define NEON_VECTORS 4
#define NEON_COLUMNS (NEON_VECTORS * V_LENGTH)
#define NEON_STEP 4 /* words: a vector of a row */

#define NEON_BF16                                                                                 \
    .precision = DP_PRECISION_BF16, .group = 2, .step = NEON_STEP, .nr = NEON_COLUMNS, .kc = 256, \
    .piece = 120, .convert = bf16_convert__neon
#define NEON_INT8                                                                      \
    .precision = DP_PRECISION_INT8, .group = 4, .step = NEON_STEP, .nr = NEON_COLUMNS, \
    .kc = DP_WHOLE_DEPTH, .piece = 120, .convert = int8_convert__neon

static inline void bf16_convert__neon(const float *x, size_t n, uint32_t *words,
                                      dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, NEON_STEP, words);
}

static inline void int8_convert__neon(const float *x, size_t n, uint32_t *words,
                                      dp_row_scale *row) {
    convert_to_bytes(x, n, NEON_STEP, words, row);
}

#endif /* DP_NEON_COMMON_H */
