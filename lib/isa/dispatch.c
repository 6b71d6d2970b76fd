/*
 * Chooses kernels and GEMMs: plain C first, then each better one that is allowed.
 */
#include "isa/isa.h"

/* DP_CPU_* that the processor has and the caller allows. */
static uint32_t usable_features(uint32_t cpu_mask) {
    return dpi_cpu_features() & cpu_mask;
}

const dpi_kernels *dpi_kernels_choose(uint32_t cpu_mask) {
    const dpi_kernels *const tables[] = {dpi_kernels_generic(), dpi_kernels_avx2(),
                                         dpi_kernels_avx512(), dpi_kernels_neon()};
    uint32_t usable = usable_features(cpu_mask);
    const dpi_kernels *best = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i] != NULL && (tables[i]->cpu & ~usable) == 0) {
            best = tables[i];
        }
    }
    return best;
}

/* Whether a GEMM (other than AMX) uses AVX512-BF16 where f32 is faster. */
static bool is_slow_bf16(const dpi_gemm *gemm) {
    return (gemm->cpu & (DP_CPU_BF16 | DP_CPU_AMX)) == DP_CPU_BF16 && dpi_cpu_has_slow_bf16();
}

static bool is_usable(const dpi_gemm *gemm, uint32_t usable) {
    return gemm != NULL && (gemm->cpu & ~usable) == 0 && !is_slow_bf16(gemm);
}

/* The next GEMM of a precision from *index on that may be used; NULL: there is none. Better ones
 * come later. */
static const dpi_gemm *next_usable(dp_precision precision, uint32_t usable, size_t *index) {
    static const dpi_gemm *(*const families[])(dp_precision) = {
        dpi_gemm_generic,     dpi_gemm_avx2,      dpi_gemm_avx_vnni,  dpi_gemm_avx512,
        dpi_gemm_avx512_vnni, dpi_gemm_amx,       dpi_gemm_neon,      dpi_gemm_neon_unpack,
        dpi_gemm_neon_dot,    dpi_gemm_neon_i8mm, dpi_gemm_neon_bf16,
    };
    while (*index < sizeof families / sizeof families[0]) {
        const dpi_gemm *gemm = families[(*index)++](precision);
        if (is_usable(gemm, usable)) {
            return gemm;
        }
    }
    return NULL;
}

const dpi_gemm *dpi_gemm_choose(dp_precision precision, uint32_t cpu_mask) {
    uint32_t usable = usable_features(cpu_mask);
    const dpi_gemm *best = NULL;
    size_t index = 0;
    for (const dpi_gemm *gemm; (gemm = next_usable(precision, usable, &index)) != NULL;) {
        best = gemm;
    }
    return best;
}

const dpi_gemm *dpi_gemm_choose_for_target(dp_target number, dp_precision precision,
                                           uint32_t cpu_mask) {
    const dpi_gemm *packing = dpi_target_packing(number, precision);
    uint32_t usable = usable_features(cpu_mask);
    const dpi_gemm *best = NULL;
    size_t index = 0;
    if (number == DP_TARGET_ROWS) {
        return dpi_gemm_rows(precision);
    }
    if (packing == NULL) {
        return NULL;
    }
    for (const dpi_gemm *gemm; (gemm = next_usable(precision, usable, &index)) != NULL;) {
        best = dpi_layout_equals(&gemm->layout, &packing->layout) ? gemm : best;
    }
    return best;
}

/* Whether attention reads the rows that the GEMMs of the blocks write. */
static bool reads_rows_of(const dpi_gemm *attention, const dpi_gemm *blocks) {
    return attention->attention.type == DPI_NUMBER_F32 ||
           attention->attention.type == blocks->lhs.output_type;
}

const dpi_gemm *dpi_gemm_choose_for_attention(const dpi_gemm *blocks, size_t tokens,
                                              uint32_t cpu_mask) {
    dp_precision precision = blocks->layout.precision == DP_PRECISION_F32
                                 ? DP_PRECISION_F32
                                 : dpi_precision_auto(cpu_mask);
    uint32_t usable = usable_features(cpu_mask);
    const dpi_gemm *best = NULL;
    size_t index = 0;
    if (tokens <= blocks->attention.tokens_of_bytes) {
        return blocks;
    }
    for (const dpi_gemm *gemm; (gemm = next_usable(precision, usable, &index)) != NULL;) {
        best = reads_rows_of(gemm, blocks) ? gemm : best;
    }
    return best;
}

dp_precision dpi_precision_auto(uint32_t cpu_mask) {
    const dpi_gemm *bf16 = dpi_gemm_choose(DP_PRECISION_BF16, cpu_mask);
    bool fast = bf16 != NULL && (bf16->cpu & (DP_CPU_BF16 | DP_CPU_ARM_BF16)) != 0;
    return fast ? DP_PRECISION_BF16 : DP_PRECISION_F32;
}
