/*
 * Targets: the layouts that compiled files are written for, one line each. Any machine packs
 * weights for any of them, with the same bits.
 */
#include "dp_config.h"
#include "gemm/gemm.h"
#include "gemm/lowp.h"

/* Columns of a panel, and the step of bf16 and bytes in k-groups: f32, bf16, int8. */
#define TARGET_LAYOUTS(columns, k_groups)                                                        \
    (const dpi_gemm[3]) {                                                                        \
        {.name = "none", .layout = {DP_PRECISION_F32, 1, 1, (columns), NULL, NULL}},             \
            {.name = "none",                                                                     \
             .layout = {DP_PRECISION_BF16, 2, (k_groups), (columns), dpi_round_row_bf16, NULL}}, \
            {.name = "none",                                                                     \
             .layout = {DP_PRECISION_INT8, 4, (k_groups), (columns), dpi_round_row_int8, NULL}}, \
    }

#if defined(DP_NO_PANELS)
#define PANEL_LAYOUTS(columns, k_groups) NULL
#else
#define PANEL_LAYOUTS TARGET_LAYOUTS
#endif

typedef struct target_entry {
    uint32_t cpu;            /* DP_CPU_* that make the family */
    const dpi_gemm *packing; /* [3]; NULL: the build does not have the target */
} target_entry;

static const target_entry targets[DPI_TARGET_COUNT] = {
    [DP_TARGET_PLAIN] = {0, PANEL_LAYOUTS(8, 1)},
    [DP_TARGET_ROWS] = {0, TARGET_LAYOUTS(1, 1)},
    [DP_TARGET_AVX2] = {DP_CPU_AVX2, PANEL_LAYOUTS(16, 1)},
    [DP_TARGET_AVX512] = {DP_CPU_AVX512, PANEL_LAYOUTS(32, 16)},
    [DP_TARGET_NEON] = {DP_CPU_NEON, PANEL_LAYOUTS(16, 4)},
};

const dpi_gemm *dpi_target_packing(dp_target number, dp_precision precision) {
    /* Compiled files for rows have no others. */
    const dpi_gemm *packing = DPI_HAS_CANONICAL || DPI_HAS_PANELS ? targets[number].packing : NULL;
    return packing != NULL ? packing + (precision - DP_PRECISION_F32) : NULL;
}

/* Whether a GEMM reads the panels of a target. */
static bool reads_target(const dpi_gemm *gemm, dp_target number) {
    const dpi_gemm *packing = dpi_target_packing(number, gemm->layout.precision);
    return packing != NULL && dpi_layout_equals(&gemm->layout, &packing->layout);
}

dp_target dpi_target_of(const dpi_gemm *f32, const dpi_gemm *gemm) {
    for (int number = DP_TARGET_PLAIN; number < DPI_TARGET_COUNT; number++) {
        dp_target found = (dp_target)number;
        if ((targets[number].cpu & ~f32->cpu) == 0 && reads_target(f32, found) &&
            reads_target(gemm, found)) {
            return found;
        }
    }
    return DP_TARGET_NATIVE;
}
