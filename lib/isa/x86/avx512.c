/*
 * AVX-512. In f32, tiles of 14 x 32 take 28 of 32 registers for accumulators. bf16 and int8 are
 * unpacked, in tiles of 12 x 32. Panels have 32 columns, as DP_TARGET_AVX512 in gemm/target.c says.
 */
#include "isa/isa.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

#define TMPL_SUFFIX avx512
#include "isa/x86/vector_avx512.h"

#define KERNELS_NAME "avx512"
#define KERNELS_CPU (DP_CPU_AVX2 | DP_CPU_AVX512)
#include "isa/vector/nn_tmpl.h"

#define GEMM_NAME KERNELS_NAME
#define GEMM_CPU KERNELS_CPU
#define GEMM_ROWS 14
#define GEMM_VECTORS 2
#define GEMM_KC 384
#include "isa/vector/gemm_f32_tmpl.h"

#define LOWP_ROWS 12
#define LOWP_VECTORS 2
#define LOWP_STEP 16 /* k-groups, as in gemm/target.c */
#include "isa/vector/gemm_unpack_tmpl.h"

const dpi_kernels *dpi_kernels_avx512(void) {
    return &kernels__avx512;
}

const dpi_gemm *dpi_gemm_avx512(dp_precision precision) {
    switch (precision) {
    case DP_PRECISION_F32:
        return &gemm_f32__avx512;
    case DP_PRECISION_BF16:
        return &gemm_bf16__avx512;
    default:
        return &gemm_int8__avx512;
    }
}

#else

const dpi_kernels *dpi_kernels_avx512(void) {
    return NULL;
}

const dpi_gemm *dpi_gemm_avx512(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
