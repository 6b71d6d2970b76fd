/*
 * The f32 micro-kernel, once for every instruction set with fused multiply-adds. A file that
 * includes this has defined the vector operations (vector_*.h), its name GEMM_NAME and DP_CPU_*
 * GEMM_CPU, the depth of a slice GEMM_KC, and a tile of GEMM_ROWS x (GEMM_VECTORS * V_LENGTH) such
 * that accumulators, one row of the panel and one factor fit in the registers. It gets
 * TMPL_NAME(gemm_f32).
 */
#include "gemm/gemm.h"
#include "isa/vector/vector_store.h"

#define GEMM_COLUMNS (GEMM_VECTORS * V_LENGTH)

/* One step of the depth: a row of the panel times one factor of each row. Rows are reached from one
 * pointer in five (base + 0, 1, 2, 3, 4 strides), which leaves the compiler enough registers. */
#define GEMM_STEP(R)                                                            \
    {                                                                           \
        vf b[GEMM_VECTORS];                                                     \
        _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) {     \
            b[j] = v_load(panel + j * V_LENGTH);                                \
        }                                                                       \
        panel += GEMM_COLUMNS;                                                  \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            vf factor = v_set(base[i / 5][(i % 5) * stride]);                   \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                sum[i][j] = v_fma(factor, b[j], sum[i][j]);                     \
            }                                                                   \
        }                                                                       \
        base[0]++;                                                              \
        base[1]++;                                                              \
        base[2]++;                                                              \
    }

/* Four steps. */
#if defined(V_ADD_LANE)
/* Where an instruction takes a factor from a lane, a row has four loaded at once. Every vector of
 * the panel is used up before the next one: factors and sums leave few registers. */
#define GEMM_LANE(R, LANE)                                              \
    _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
        vf b = v_load(panel + j * V_LENGTH);                            \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {     \
            V_ADD_LANE(sum[i][j], b, factors[i], LANE);                 \
        }                                                               \
    }                                                                   \
    panel += GEMM_COLUMNS;
#define GEMM_STEPS(R)                                               \
    {                                                               \
        vf factors[R];                                              \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) { \
            factors[i] = v_load(base[i / 5] + (i % 5) * stride);    \
        }                                                           \
        GEMM_LANE(R, 0)                                             \
        GEMM_LANE(R, 1)                                             \
        GEMM_LANE(R, 2)                                             \
        GEMM_LANE(R, 3)                                             \
        base[0] += 4;                                               \
        base[1] += 4;                                               \
        base[2] += 4;                                               \
    }
#else
#define GEMM_STEPS(R) \
    GEMM_STEP(R)      \
    GEMM_STEP(R)      \
    GEMM_STEP(R)      \
    GEMM_STEP(R)
#endif

#define GEMM_KERNEL(R)                                                          \
    static void TMPL_NAME(gemm_##R)(const dpi_tile *tile) {                     \
        vf sum[R][GEMM_VECTORS];                                                \
        size_t stride = tile->lhs_stride;                                       \
        const float *lhs = (const float *)tile->lhs;                            \
        const float *base[3] = {lhs, lhs + ((R) > 5 ? 5 * stride : 0),          \
                                lhs + ((R) > 10 ? 10 * stride : 0)};            \
        const float *panel = (const float *)tile->panel;                        \
        uintptr_t prefetch = tile->prefetch;                                    \
        size_t prefetch_step = 4 * tile->prefetch_step;                         \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                sum[i][j] = v_zero();                                           \
                v_prefetch_store(tile->c + i * tile->c_stride + j * V_LENGTH);  \
            }                                                                   \
        }                                                                       \
        size_t d = tile->depth;                                                 \
        for (; d >= 4; d -= 4) {                                                \
            v_prefetch(prefetch);                                               \
            prefetch += prefetch_step;                                          \
            GEMM_STEPS(R)                                                       \
        }                                                                       \
        for (; d > 0; d--) {                                                    \
            GEMM_STEP(R)                                                        \
        }                                                                       \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            vf row[GEMM_VECTORS];                                               \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                row[j] = sum[i][j];                                             \
            }                                                                   \
            v_store_row(tile, i, row, GEMM_VECTORS);                            \
        }                                                                       \
    }

GEMM_KERNEL(1)
GEMM_KERNEL(2)
GEMM_KERNEL(3)
GEMM_KERNEL(4)
GEMM_KERNEL(5)
GEMM_KERNEL(6)
#if GEMM_ROWS > 6
GEMM_KERNEL(7)
GEMM_KERNEL(8)
GEMM_KERNEL(9)
GEMM_KERNEL(10)
GEMM_KERNEL(11)
GEMM_KERNEL(12)
GEMM_KERNEL(13)
GEMM_KERNEL(14)
#endif

static void (*const TMPL_NAME(gemm_by_rows)[GEMM_ROWS])(const dpi_tile *) = {
    TMPL_NAME(gemm_1),  TMPL_NAME(gemm_2),  TMPL_NAME(gemm_3),  TMPL_NAME(gemm_4),
    TMPL_NAME(gemm_5),  TMPL_NAME(gemm_6),
#if GEMM_ROWS > 6
    TMPL_NAME(gemm_7),  TMPL_NAME(gemm_8),  TMPL_NAME(gemm_9),  TMPL_NAME(gemm_10),
    TMPL_NAME(gemm_11), TMPL_NAME(gemm_12), TMPL_NAME(gemm_13), TMPL_NAME(gemm_14),
#endif
};

static void TMPL_NAME(f32_tile)(const dpi_tile *tile) {
    TMPL_NAME(gemm_by_rows)[tile->rows - 1](tile);
}

/* ---- the peak of the machine ---- */

#define BURN_VECTORS (GEMM_ROWS * GEMM_VECTORS) /* as in a tile */

static uint64_t TMPL_NAME(f32_measure_peak)(uint64_t rounds) {
    vf x[BURN_VECTORS];
    vf a = v_set(0.5f);
    vf b = v_set(0.25f);
    _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
        x[i] = v_set((float)i);
    }
    for (uint64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
            x[i] = v_fma(a, b, x[i]);
        }
    }
    float total = 0.0f;
    _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
        total += v_sum(x[i]);
    }
    /* adds 0, since total is finite, which the compiler does not know */
    return rounds * BURN_VECTORS * V_LENGTH + (total > 1e30f ? 1u : 0u);
}

static const dpi_gemm TMPL_NAME(gemm_f32) = {
    .name = GEMM_NAME,
    .cpu = GEMM_CPU,
    .layout = {DP_PRECISION_F32, .kr = 1, .step = 1, .nr = GEMM_COLUMNS},
    .lhs = DPI_LHS_F32,
    .kernel = {.mr = GEMM_ROWS, .panels = 1, .kc = GEMM_KC, .run = TMPL_NAME(f32_tile)},
    .row_block = 8 * GEMM_ROWS,
    .run = dpi_gemm_run_tiles,
    .attention = DPI_ATTENTION_TILES,
    .measure_peak = TMPL_NAME(f32_measure_peak),
};
