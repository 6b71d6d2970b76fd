/*
 * AVX2 with FMA: tiles of 6 x 16, which fill 12 of 16 registers.
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

#define UNPACK_ROWS 4
#define UNPACK_VECTORS 2
#define UNPACK_STEP 1
#include "isa/vector/gemm_unpack_tmpl.h"

const dpi_kernels *dpi_kernels_avx2(void) {
    return &kernels__avx2;
}

const dpi_gemm *dpi_gemm_avx2(dp_precision precision) {
    return precision == DP_PRECISION_F32    ? &gemm_f32__avx2
           : precision == DP_PRECISION_BF16 ? &gemm_bf16__avx2
                                            : &gemm_int8__avx2;
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
