/*
 * The kernels for AVX-512: tiles of 14 x 32, which fill 28 of 32 registers.
 */
#include "kernels/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

#include "dualpath.h"

#include "kernels/vector_avx512.h"

#define GEMM_ROWS 14
#define GEMM_VECTORS 2
#define GEMM_DEPTH 384
#define VECTOR_TABLE_NAME "avx512"
#define VECTOR_TABLE_CPU (DP_CPU_AVX2 | DP_CPU_AVX512)

#include "kernels/vector_kernels.h"

const dp_kernels *dp_kernels_avx512(void) {
    return &vector_kernels;
}

#else

const dp_kernels *dp_kernels_avx512(void) {
    return NULL;
}

#endif
