/*
 * AVX2 with FMA. In f32, tiles of 6 x 16 take 12 of 16 registers for accumulators. bf16 and int8
 * are unpacked, in tiles of 4 x 16. Panels have 16 columns, as DP_TARGET_AVX2 in gemm/target.c
 * says.
 */
#include "isa/isa.h"

#if defined(__AVX2__) && defined(__FMA__)

#define TMPL_SUFFIX avx2
#include "isa/x86/vector_avx2.h"

#define KERNELS_NAME "avx2"
#define KERNELS_CPU DP_CPU_AVX2
#include "isa/vector/nn_tmpl.h"

#define GEMM_NAME KERNELS_NAME
#define GEMM_CPU KERNELS_CPU
#define GEMM_ROWS 6
#define GEMM_VECTORS 2
#define GEMM_KC 512
#include "isa/vector/gemm_f32_tmpl.h"

#define LOWP_ROWS 4
#define LOWP_VECTORS 2
#define LOWP_STEP 1 /* k-groups, as in gemm/target.c */
#include "isa/vector/gemm_unpack_tmpl.h"

const dpi_kernels *dpi_kernels_avx2(void) {
    return &kernels__avx2;
}

const dpi_gemm *dpi_gemm_avx2(dp_precision precision) {
    switch (precision) {
    case DP_PRECISION_F32:
        return &gemm_f32__avx2;
    case DP_PRECISION_BF16:
        return &gemm_bf16__avx2;
    default:
        return &gemm_int8__avx2;
    }
}

#else

const dpi_kernels *dpi_kernels_avx2(void) {
    return NULL;
}

const dpi_gemm *dpi_gemm_avx2(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
