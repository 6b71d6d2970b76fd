/*
 * Rounding rows of f32 to bf16 and bytes for packing, the same bits on every machine.
 */
#include "gemm/lowp.h"

#define TMPL_SUFFIX lowp
#include "gemm/lowp_tmpl.h"

void dpi_round_row_bf16(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale) {
    (void)scale;
    round_to_bf16(x, n, 1, groups);
}

void dpi_round_row_int8(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale) {
    round_to_int8(x, n, 1, groups, scale);
}
