/*
 * Chooses tables of kernels and products: plain C first, then better ones as far as they are
 * allowed.
 */
#include "kernels/kernels.h"

bool dp_same_layout(const dp_product *a, const dp_product *b) {
    return a->precision == b->precision && a->step == b->step && a->nr == b->nr;
}

static bool fits(const dp_product *product, const dp_product *layout) {
    return layout == NULL || dp_same_layout(product, layout);
}

/* Here and below, a layout of NULL stands for any. */
static const dp_kernels *choose_table(const dp_product *layout, uint32_t cpu_mask) {
    const dp_kernels *const tables[] = {dp_kernels_generic(), dp_kernels_avx2(),
                                        dp_kernels_avx512(), dp_kernels_neon()};
    uint32_t allowed = dp_cpu_features() & cpu_mask;
    const dp_kernels *best = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i] != NULL && (tables[i]->cpu & ~allowed) == 0 &&
            fits(&tables[i]->f32, layout)) {
            best = tables[i];
        }
    }
    return best;
}

/* AVX512-BF16 where f32 is faster; that of AMX is not meant. */
static bool is_slow(const dp_product *product) {
    return (product->cpu & (DP_CPU_BF16 | DP_CPU_AMX)) == DP_CPU_BF16 && dp_cpu_has_slow_bf16();
}

static const dp_product *choose_product(dp_precision precision, const dp_product *layout,
                                        uint32_t cpu_mask) {
    typedef const dp_product *(*products)(dp_precision);
    static const products families[] = {
        dp_products_generic,     dp_products_avx2,     dp_products_avx_vnni, dp_products_avx512,
        dp_products_avx512_vnni, dp_products_amx,      dp_products_neon,     dp_products_neon_dot,
        dp_products_neon_i8mm,   dp_products_neon_bf16};
    uint32_t allowed = dp_cpu_features() & cpu_mask;
    const dp_product *best = NULL;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const dp_product *product = families[i](precision);
        if (product != NULL && (product->cpu & ~allowed) == 0 && fits(product, layout) &&
            !is_slow(product)) {
            best = product;
        }
    }
    return best;
}

const dp_kernels *dp_kernels_choose(uint32_t cpu_mask) {
    return choose_table(NULL, cpu_mask);
}

const dp_product *dp_product_choose(dp_precision precision, uint32_t cpu_mask) {
    return precision == DP_PRECISION_F32 ? &dp_kernels_choose(cpu_mask)->f32
                                         : choose_product(precision, NULL, cpu_mask);
}

const dp_product *dp_product_reading(const dp_product *layout, uint32_t cpu_mask) {
    if (layout->precision != DP_PRECISION_F32) {
        return choose_product(layout->precision, layout, cpu_mask);
    }
    const dp_kernels *table = choose_table(layout, cpu_mask);
    return table != NULL ? &table->f32 : NULL;
}

dp_precision dp_precision_auto(uint32_t cpu_mask) {
    const dp_product *bf16 = dp_product_choose(DP_PRECISION_BF16, cpu_mask);
    return bf16 != NULL && (bf16->cpu & (DP_CPU_BF16 | DP_CPU_ARM_BF16)) != 0 ? DP_PRECISION_BF16
                                                                              : DP_PRECISION_F32;
}

const char *dp_precision_name(dp_precision precision) {
    static const char *const names[] = {"f32", "bf16", "int8"};
    return names[precision - DP_PRECISION_F32];
}
