/*
 * NEON: tiles of 6 x 16 accumulators in 24 of 32 registers, which leaves six for four
 * factors of each row and two for the panel. Four steps of the depth take 22 loads for 96
 * multiply-adds; of the tiles that fit, only 7 x 12 would load a little less, and its columns
 * divide neither heads of 64 nor lines of a cache.
 */
#include "isa/isa.h"

#if defined(__aarch64__)

#define TMPL_SUFFIX neon
#include "isa/arm/vector_neon.h"

#define KERNELS_NAME "neon"
#define KERNELS_CPU DP_CPU_NEON
#include "isa/vector/nn_tmpl.h"

#define GEMM_NAME KERNELS_NAME
#define GEMM_CPU KERNELS_CPU
#define GEMM_ROWS 6
#define GEMM_VECTORS 4
#define GEMM_KC 256 /* 16 kB of a panel: half of a small first-level cache */
#include "isa/vector/gemm_f32_tmpl.h"

const dpi_kernels *dpi_kernels_neon(void) {
    return &kernels__neon;
}

const dpi_gemm *dpi_gemm_neon(dp_precision precision) {
    return precision == DP_PRECISION_F32 ? &gemm_f32__neon : NULL;
}

#else

const dpi_kernels *dpi_kernels_neon(void) {
    return NULL;
}

const dpi_gemm *dpi_gemm_neon(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
