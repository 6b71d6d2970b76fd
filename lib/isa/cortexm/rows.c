/*
 * Matrix products on weights that lie row by row, in panels of one column: little code, for
 * microcontrollers. They sum in the order of gemm_c.c, so that their answers have the same bits.
 * Only for files that are compiled for DP_TARGET_ROWS.
 */
#include "dp_config.h"
#include "gemm/lowp.h"
#include "isa/isa.h"

#define TMPL_SUFFIX rows
#include "gemm/lowp_tmpl.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2) /* of floats, too */
#define ROWS_MVE
#elif defined(__ARM_FEATURE_SIMD32) && __ARM_ARCH_PROFILE == 'M'
#define ROWS_DSP
#endif

#define TILE_ROWS ((size_t)4)
#define TILE_COLUMNS 8 /* of bytes: panels that a tile is wide */

/* Adds bias and the old value to a sum and stores it. */
static void store_sum__rows(const dpi_tile *tile, size_t i, float sum) {
    float *c = tile->c + i * tile->c_stride;
    float value = sum + (tile->bias != NULL ? tile->bias[0] : 0.0f);
    c[0] = tile->accumulate ? c[0] + value : value;
}

/* Row i of the tile; beyond its rows, the last one again: there are always TILE_ROWS sums
 * side by side, which do not wait for each other. */
static const dpi_kgroup *lhs_row__rows(const dpi_tile *tile, size_t i) {
    return tile->lhs + (i < tile->rows ? i : tile->rows - 1) * tile->lhs_stride;
}

static void f32_tile__rows(const dpi_tile *tile) {
    const float *column = (const float *)tile->panel;
    const float *a[TILE_ROWS];
    float sum[TILE_ROWS] = {0.0f};
    for (size_t i = 0; i < TILE_ROWS; i++) {
        a[i] = (const float *)lhs_row__rows(tile, i);
    }
    for (size_t w = 0; w < tile->depth; w++) {
        for (size_t i = 0; i < TILE_ROWS; i++) {
            sum[i] += a[i][w] * column[w];
        }
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store_sum__rows(tile, i, sum[i]);
    }
}

static void bf16_tile__rows(const dpi_tile *tile) {
    const dpi_kgroup *a[TILE_ROWS];
    float sum[TILE_ROWS] = {0.0f};
    for (size_t i = 0; i < TILE_ROWS; i++) {
        a[i] = lhs_row__rows(tile, i);
    }
    for (size_t w = 0; w < tile->depth; w++) {
        float low = float_of_bits(tile->panel[w] << 16);
        float high = float_of_bits(tile->panel[w] & 0xffff0000u);
        for (size_t i = 0; i < TILE_ROWS; i++) {
            sum[i] += float_of_bits(a[i][w] << 16) * low;
            sum[i] += float_of_bits(a[i][w] & 0xffff0000u) * high;
        }
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store_sum__rows(tile, i, sum[i]);
    }
}

/* ---- bytes ---- */

/*
 * dot__rows() sums the rows of a tile with one column, whose offset of 128 is taken out, and writes
 * the sums TILE_COLUMNS apart. They do not overflow: DPI_MAX_BYTE_DEPTH * 127 * 255 < 2^31.
 */
#if defined(ROWS_MVE)
#include "isa/cortexm/rows_mve.h"
#elif defined(ROWS_DSP)
#include "isa/cortexm/rows_dsp.h"
#else

static void dot__rows(const dpi_tile *tile, const dpi_kgroup *column, int32_t *sum) {
    const uint8_t *bytes = (const uint8_t *)column;
    const int8_t *a[TILE_ROWS];
    int32_t s[TILE_ROWS] = {0};
    for (size_t i = 0; i < TILE_ROWS; i++) {
        a[i] = (const int8_t *)lhs_row__rows(tile, i);
    }
    for (size_t n = 0; n < tile->depth * sizeof *column; n++) {
        int32_t w = (int32_t)bytes[n] - 128;
        for (size_t i = 0; i < TILE_ROWS; i++) {
            s[i] += a[i][n] * w;
        }
    }
    for (size_t i = 0; i < TILE_ROWS; i++) {
        sum[i * TILE_COLUMNS] = s[i];
    }
}

#endif

/* A row of a tile from its sums. */
static void store_row__rows(const dpi_tile *tile, size_t i, const int32_t *sum) {
    static const float no_bias[TILE_COLUMNS];
    const float *bias = tile->bias != NULL ? tile->bias : no_bias;
    const float *scale = tile->panel_scale;
    float row_scale = tile->lhs_scale[i].scale;
    float *c = tile->c + i * tile->c_stride;
    bool accumulate = tile->accumulate;
    for (size_t j = 0; j < tile->columns; j++) {
        float value = (float)sum[j] * (row_scale * scale[j]) + bias[j];
        c[j] = accumulate ? c[j] + value : value;
    }
}

static void int8_tile__rows(const dpi_tile *tile) {
    int32_t sum[TILE_ROWS * TILE_COLUMNS];
    const dpi_kgroup *column = tile->panel;
    for (size_t j = 0; j < tile->columns; j++, column += tile->panel_stride) {
        dot__rows(tile, column, sum + j);
    }
    for (size_t i = 0; i < tile->rows; i++) {
        store_row__rows(tile, i, sum + i * TILE_COLUMNS);
    }
}

static uint64_t measure_peak__rows(uint64_t rounds) {
    return dpi_gemm_generic(DP_PRECISION_F32)->measure_peak(rounds);
}

#define GEMM_OF_ROWS                                                       \
    .name = "rows", .row_block = 2 * TILE_ROWS, .run = dpi_gemm_run_tiles, \
    .attention = DPI_ATTENTION_TILES, .measure_peak = measure_peak__rows

static const dpi_gemm gemm_f32__rows = {
    GEMM_OF_ROWS,
    .layout = {DP_PRECISION_F32, .kr = 1, .step = 1, .nr = 1},
    .lhs = DPI_LHS_F32,
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = 512, .run = f32_tile__rows},
};

static const dpi_gemm gemm_bf16__rows = {
    GEMM_OF_ROWS,
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = 1, .nr = 1, dpi_round_row_bf16},
    .lhs = DPI_LHS_ROUNDED(dpi_round_row_bf16),
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = 512, .run = bf16_tile__rows},
};

/* Microcontrollers with DSP instructions unpack rows to two k-groups; the others allot as many, so
 * that the size of a session is the same. */
static const dpi_gemm gemm_int8__rows = {
    GEMM_OF_ROWS,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = 1, .nr = 1, dpi_round_row_int8},
#if defined(ROWS_MVE)
    .lhs = DPI_LHS_ROUNDED(round_to_int8__mve),
#elif defined(ROWS_DSP)
    .lhs = {.expansion = 2,
            .allotted = 2,
            .interleaved = true,
            .output_type = DPI_NUMBER_F32,
            .from_f32 = round_to_halves__dsp},
#else
    .lhs = {.expansion = 1,
            .allotted = 2,
            .output_type = DPI_NUMBER_F32,
            .from_f32 = dpi_round_row_int8},
#endif
    .kernel = {.mr = TILE_ROWS,
               .panels = TILE_COLUMNS,
               .kc = DPI_WHOLE_DEPTH,
               .run = int8_tile__rows},
};

const dpi_gemm *dpi_gemm_rows(dp_precision precision) {
    switch (precision) {
    case DP_PRECISION_F32:
        return &gemm_f32__rows;
    case DP_PRECISION_BF16:
        return DPI_HAS_BF16 ? &gemm_bf16__rows : NULL;
    default:
        return DPI_HAS_INT8 ? &gemm_int8__rows : NULL;
    }
}
