/*
 * The kernels for AVX2 with FMA: tiles of 6 x 16, which fill 12 of 16 registers.
 */
#include "kernels/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include "dualpath.h"

#include "kernels/vector_avx2.h"

#define GEMM_ROWS 6
#define GEMM_VECTORS 2
#define GEMM_DEPTH 512
#define VECTOR_TABLE_NAME "avx2"
#define VECTOR_TABLE_CPU DP_CPU_AVX2

#include "kernels/vector_kernels.h"

#define NARROW_ROWS 4
#define NARROW_VECTORS 2
#define NARROW_STEP 1

#include "kernels/vector_narrow.h"

const dp_kernels *dp_kernels_avx2(void) {
    return &vector_kernels;
}

const dp_product *dp_products_avx2(dp_precision precision) {
    return V_NAME(narrow_product)(precision);
}

#else

const dp_kernels *dp_kernels_avx2(void) {
    return NULL;
}

const dp_product *dp_products_avx2(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
