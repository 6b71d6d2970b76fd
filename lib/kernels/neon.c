/*
 * The kernels for NEON: tiles of 6 x 16 sums in 24 of 32 registers, which leaves six for four
 * factors of each row and two for the panel. Four steps of the depth take 22 loads for 96
 * multiply-adds; of the tiles that fit, only 7 x 12 would load a little less, and its columns
 * divide neither heads of 64 nor lines of a cache.
 */
#include "kernels/kernels.h"

#if defined(__aarch64__)

#include "dualpath.h"

#include "kernels/vector_neon.h"

#define GEMM_ROWS 6
#define GEMM_VECTORS 4
#define GEMM_DEPTH 256 /* 16 kB of a panel: half of a small first-level cache */
#define VECTOR_TABLE_NAME "neon"
#define VECTOR_TABLE_CPU DP_CPU_NEON

#include "kernels/vector_kernels.h"

const dp_kernels *dp_kernels_neon(void) {
    return &vector_kernels;
}

#else

const dp_kernels *dp_kernels_neon(void) {
    return NULL;
}

#endif
