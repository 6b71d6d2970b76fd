/*
 * Rounding rows of f32 to k-groups of bf16 and of bytes, in plain C. (lowp.c) Files for an
 * instruction set have copies of their own: gemm/lowp_tmpl.h.
 */
#ifndef DP_LOWP_H
#define DP_LOWP_H

#include "gemm/layout.h"

/* As dp_round_row_fn, for layouts whose step is 1. */
void dp_round_row_bf16(const float *x, size_t n, dp_kgroup *groups, dp_row_scale *scale);
void dp_round_row_int8(const float *x, size_t n, dp_kgroup *groups, dp_row_scale *scale);

#endif /* DP_LOWP_H */
