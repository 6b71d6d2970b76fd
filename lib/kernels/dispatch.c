/*
 * Chooses the table of kernels: plain C first, then better ones as far as they are allowed.
 */
#include "kernels/kernels.h"

const dp_kernels *dp_kernels_choose(uint32_t cpu_mask) {
    const dp_kernels *const tables[] = {dp_kernels_avx2(), dp_kernels_avx512()};
    uint32_t allowed = dp_cpu_features() & cpu_mask;
    const dp_kernels *best = dp_kernels_generic();
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i] != NULL && (tables[i]->cpu & ~allowed) == 0) {
            best = tables[i];
        }
    }
    return best;
}
