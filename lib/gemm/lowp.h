/*
 * Rounding rows of f32 to k-groups of bf16 and of bytes, in plain C. (lowp.c) Files for an
 * instruction set have copies of their own: gemm/lowp_tmpl.h.
 */
#ifndef DPI_LOWP_H
#define DPI_LOWP_H

#include "gemm/layout.h"

/* As dpi_round_row_fn, for layouts whose step is 1. */
void dpi_round_row_bf16(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale);
void dpi_round_row_int8(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale);

#endif /* DPI_LOWP_H */
