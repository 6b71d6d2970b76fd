/*
 * The GEMMs of AMX: permission to use them, how rows become their lhs, and their peak.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif

#include "isa/isa.h"

#define TMPL_SUFFIX amx
#include "isa/x86/amx.h"

#if defined(HAS_AMX)

#include "isa/x86/vector_lowp.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- rows to k-groups ---- */

static void round_row_bf16__amx(const float *x, size_t n, dpi_kgroup *groups,
                                dpi_row_scale *scale) {
    (void)scale;
    v_round_to_bf16(x, n, STEP, groups);
}

static void copy_row_bf16__amx(const uint16_t *x, size_t n, dpi_kgroup *groups,
                               dpi_row_scale *scale) {
    (void)scale;
    clear_padding(groups, n, 2, STEP);
    memcpy(groups, x, n * sizeof *x);
}

static void round_row_int8__amx(const float *x, size_t n, dpi_kgroup *groups,
                                dpi_row_scale *scale) {
    v_round_to_int8(x, n, STEP, groups, scale, DPI_NUMBER_F32);
}

static void round_bf16_row_to_int8__amx(const uint16_t *x, size_t n, dpi_kgroup *groups,
                                        dpi_row_scale *scale) {
    v_round_to_int8(x, n, STEP, groups, scale, DPI_NUMBER_BF16);
}

/* ---- the peak ---- */

#define MEASURE_PEAK(name, dot, kr)              \
    static uint64_t name(uint64_t rounds) {      \
        amx_configure();                         \
        _tile_zero(0);                           \
        _tile_zero(1);                           \
        _tile_zero(2);                           \
        _tile_zero(3);                           \
        _tile_zero(4);                           \
        _tile_zero(5);                           \
        _tile_zero(6);                           \
        _tile_zero(7);                           \
        for (uint64_t r = 0; r < rounds; r++) {  \
            dot(0, 4, 6);                        \
            dot(1, 4, 7);                        \
            dot(2, 5, 6);                        \
            dot(3, 5, 7);                        \
        }                                        \
        amx_release();                           \
        return rounds * 4 * 16 * 16 * 16 * (kr); \
    }

MEASURE_PEAK(bf16_measure_peak__amx, _tile_dpbf16ps, 2)
MEASURE_PEAK(int8_measure_peak__amx, _tile_dpbsud, 4)

/* ---- GEMMs; neither has a micro-kernel for the loops of tiles.c ---- */

#define GEMM_OF_AMX                                                              \
    .cpu = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX, \
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH}, .row_block = 7 * TILE_ROWS

static const dpi_gemm gemm_bf16__amx = {
    GEMM_OF_AMX,
    .name = "amx-bf16",
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = STEP, .nr = TILE_COLUMNS, round_row_bf16__amx},
    .lhs = {.expansion = 1,
            .allotted = 1,
            .output_type = DPI_NUMBER_BF16,
            .output_is_lhs = true,
            .from_f32 = round_row_bf16__amx,
            .from_bf16 = copy_row_bf16__amx},
    .run = dpi_amx_gemm_run_bf16,
    .attention = {.type = DPI_NUMBER_BF16,
                  .scratch = dpi_amx_attention_scratch,
                  .run = dpi_amx_attention_run},
    .measure_peak = bf16_measure_peak__amx,
};

static const dpi_gemm gemm_int8__amx = {
    GEMM_OF_AMX,
    .name = "amx-int8",
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = STEP, .nr = TILE_COLUMNS, round_row_int8__amx},
    .lhs = {.expansion = 1,
            .allotted = 1,
            .output_type = DPI_NUMBER_BF16,
            .from_f32 = round_row_int8__amx,
            .from_bf16 = round_bf16_row_to_int8__amx},
    .run = dpi_amx_gemm_run_int8,
    .measure_peak = int8_measure_peak__amx,
};

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

/* Linux gives the tile registers to processes that ask, once for all of their threads and for good.
 * A refusal may pass: it is one as long as any thread has an alternate signal stack that is too
 * small for them. */
bool dpi_amx_request(void) {
    static atomic_bool granted;
    if (!atomic_load_explicit(&granted, memory_order_relaxed)) {
        bool is_granted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
        atomic_store_explicit(&granted, is_granted, memory_order_relaxed);
    }
    return atomic_load_explicit(&granted, memory_order_relaxed);
}

const dpi_gemm *dpi_gemm_amx(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &gemm_bf16__amx
           : precision == DP_PRECISION_INT8 ? &gemm_int8__amx
                                            : NULL;
}

#else

bool dpi_amx_request(void) {
    return false;
}

const dpi_gemm *dpi_gemm_amx(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
