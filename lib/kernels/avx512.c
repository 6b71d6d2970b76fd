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

#define NARROW_ROWS 12
#define NARROW_VECTORS 2
#define NARROW_STEP 16

#include "kernels/vector_narrow.h"

const dp_kernels *dp_kernels_avx512(void) {
    return &vector_kernels;
}

const dp_product *dp_products_avx512(dp_precision precision) {
    return V_NAME(narrow_product)(precision);
}

#else

const dp_kernels *dp_kernels_avx512(void) {
    return NULL;
}

const dp_product *dp_products_avx512(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
