/*
 * Chooses tables of kernels and products: plain C first, then better ones as far as they are
 * allowed.
 */
#include "kernels/kernels.h"

const dp_kernels *dp_kernels_choose(uint32_t cpu_mask) {
    const dp_kernels *const tables[] = {dp_kernels_avx2(), dp_kernels_avx512(), dp_kernels_neon()};
    uint32_t allowed = dp_cpu_features() & cpu_mask;
    const dp_kernels *best = dp_kernels_generic();
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i] != NULL && (tables[i]->cpu & ~allowed) == 0) {
            best = tables[i];
        }
    }
    return best;
}

const dp_product *dp_product_choose(dp_precision precision, uint32_t cpu_mask) {
    typedef const dp_product *(*products)(dp_precision);
    static const products better[] = {
        dp_products_avx2,        dp_products_avx_vnni,  dp_products_avx512,
        dp_products_avx512_vnni, dp_products_amx,       dp_products_neon,
        dp_products_neon_dot,    dp_products_neon_i8mm, dp_products_neon_bf16};
    uint32_t allowed = dp_cpu_features() & cpu_mask;
    if (precision == DP_PRECISION_F32) {
        return &dp_kernels_choose(cpu_mask)->f32;
    }
    const dp_product *best = dp_products_generic(precision);
    for (size_t i = 0; i < sizeof better / sizeof better[0]; i++) {
        const dp_product *product = better[i](precision);
        if (product != NULL && (product->cpu & ~allowed) == 0) {
            best = product;
        }
    }
    return best;
}

dp_precision dp_precision_auto(uint32_t cpu_mask) {
    const dp_product *bf16 = dp_product_choose(DP_PRECISION_BF16, cpu_mask);
    return (bf16->cpu & (DP_CPU_BF16 | DP_CPU_ARM_BF16)) != 0 ? DP_PRECISION_BF16
                                                              : DP_PRECISION_F32;
}

const char *dp_precision_name(dp_precision precision) {
    static const char *const names[] = {"f32", "bf16", "int8"};
    return names[precision];
}
