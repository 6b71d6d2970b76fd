/*
 * Chooses kernels and GEMMs: plain C first, then each better one that is allowed.
 */
#include "isa/isa.h"

/* DP_CPU_* that the processor has and the caller allows. */
static uint32_t usable_features(uint32_t cpu_mask) {
    return dp_cpu_features() & cpu_mask;
}

const dp_kernels *dp_kernels_choose(uint32_t cpu_mask) {
    const dp_kernels *const tables[] = {dp_kernels_generic(), dp_kernels_avx2(),
                                        dp_kernels_avx512(), dp_kernels_neon()};
    uint32_t usable = usable_features(cpu_mask);
    const dp_kernels *best = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i] != NULL && (tables[i]->cpu & ~usable) == 0) {
            best = tables[i];
        }
    }
    return best;
}

/* AVX512-BF16 where f32 is faster; that of AMX is not meant. */
static bool is_slow_bf16(const dp_gemm *gemm) {
    return (gemm->cpu & (DP_CPU_BF16 | DP_CPU_AMX)) == DP_CPU_BF16 && dp_cpu_has_slow_bf16();
}

static bool is_usable(const dp_gemm *gemm, uint32_t usable) {
    return gemm != NULL && (gemm->cpu & ~usable) == 0 && !is_slow_bf16(gemm);
}

/* The next GEMM of a precision from *index on that may be used; NULL: there is none. Better ones
 * come later. */
static const dp_gemm *next_usable(dp_precision precision, uint32_t cpu_mask, size_t *index) {
    static const dp_gemm *(*const families[])(dp_precision) = {
        dp_gemm_generic,     dp_gemm_avx2,      dp_gemm_avx_vnni,  dp_gemm_avx512,
        dp_gemm_avx512_vnni, dp_gemm_amx,       dp_gemm_neon,      dp_gemm_neon_unpack,
        dp_gemm_neon_dot,    dp_gemm_neon_i8mm, dp_gemm_neon_bf16,
    };
    uint32_t usable = usable_features(cpu_mask);
    while (*index < sizeof families / sizeof families[0]) {
        const dp_gemm *gemm = families[(*index)++](precision);
        if (is_usable(gemm, usable)) {
            return gemm;
        }
    }
    return NULL;
}

const dp_gemm *dp_gemm_choose(dp_precision precision, uint32_t cpu_mask) {
    const dp_gemm *best = NULL;
    size_t index = 0;
    for (const dp_gemm *gemm; (gemm = next_usable(precision, cpu_mask, &index)) != NULL;) {
        best = gemm;
    }
    return best;
}

const dp_gemm *dp_gemm_choose_for_target(dp_target number, dp_precision precision,
                                         uint32_t cpu_mask) {
    const dp_gemm *packing = dp_target_packing(number, precision);
    const dp_gemm *best = NULL;
    size_t index = 0;
    if (packing == NULL || number == DP_TARGET_ROWS) {
        return packing != NULL ? dp_gemm_rows(precision) : NULL;
    }
    for (const dp_gemm *gemm; (gemm = next_usable(precision, cpu_mask, &index)) != NULL;) {
        best = dp_layout_equals(&gemm->layout, &packing->layout) ? gemm : best;
    }
    return best;
}

/* Whether attention reads the rows that the GEMMs of the blocks write. */
static bool reads_rows_of(const dp_gemm *attention, const dp_gemm *blocks) {
    return attention->attention.type == DP_NUMBER_F32 ||
           attention->attention.type == blocks->lhs.source;
}

const dp_gemm *dp_gemm_choose_for_attention(const dp_gemm *blocks, uint32_t cpu_mask) {
    dp_precision precision = blocks->layout.precision == DP_PRECISION_F32
                                 ? DP_PRECISION_F32
                                 : dp_precision_auto(cpu_mask);
    const dp_gemm *best = NULL;
    size_t index = 0;
    for (const dp_gemm *gemm; (gemm = next_usable(precision, cpu_mask, &index)) != NULL;) {
        best = reads_rows_of(gemm, blocks) ? gemm : best;
    }
    return best;
}

dp_precision dp_precision_auto(uint32_t cpu_mask) {
    const dp_gemm *bf16 = dp_gemm_choose(DP_PRECISION_BF16, cpu_mask);
    bool fast = bf16 != NULL && (bf16->cpu & (DP_CPU_BF16 | DP_CPU_ARM_BF16)) != 0;
    return fast ? DP_PRECISION_BF16 : DP_PRECISION_F32;
}
