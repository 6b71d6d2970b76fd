/*
 * Matrix products in plain C: what the faster ones are tested against, and what runs where there is
 * nothing else.
 */
#include "dp_config.h"
#include "gemm/lowp.h"
#include "isa/isa.h"

#define TMPL_SUFFIX c
#include "gemm/lowp_tmpl.h"

#define TILE_ROWS 4
#define TILE_COLUMNS 8

/* Adds bias and the old values to a row of sums and stores its columns. */
static void store_row__c(const dpi_tile *tile, size_t i, const float *sum) {
    float *c = tile->c + i * tile->c_stride;
    for (size_t j = 0; j < tile->columns; j++) {
        float value = sum[j] + (tile->bias != NULL ? tile->bias[j] : 0.0f);
        c[j] = tile->accumulate ? c[j] + value : value;
    }
}

/* Rows of a tile at the same time, as many as registers hold: `rows` is a literal. */
static inline void f32_rows__c(const dpi_tile *tile, size_t first, size_t rows) {
    const float *panel = (const float *)tile->panel;
    const float *lhs = (const float *)tile->lhs + first * tile->lhs_stride;
    float sum[TILE_ROWS][TILE_COLUMNS] = {{0.0f}};
    for (size_t k = 0; k < tile->depth; k++) {
        for (size_t i = 0; i < rows; i++) {
            float factor = lhs[i * tile->lhs_stride + k];
            for (size_t j = 0; j < TILE_COLUMNS; j++) {
                sum[i][j] += factor * panel[k * TILE_COLUMNS + j];
            }
        }
    }
    for (size_t i = 0; i < rows; i++) {
        store_row__c(tile, first + i, sum[i]);
    }
}

static void f32_tile__c(const dpi_tile *tile) {
    if (tile->rows == TILE_ROWS) {
        f32_rows__c(tile, 0, TILE_ROWS);
    } else {
        for (size_t i = 0; i < tile->rows; i++) {
            f32_rows__c(tile, i, 1);
        }
    }
}

static void bf16_tile__c(const dpi_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++) {
        const dpi_kgroup *lhs = tile->lhs + i * tile->lhs_stride;
        float sum[TILE_COLUMNS] = {0.0f};
        for (size_t k = 0; k < tile->depth; k++) {
            float low = float_of_bits(lhs[k] << 16);
            float high = float_of_bits(lhs[k] & 0xffff0000u);
            for (size_t j = 0; j < TILE_COLUMNS; j++) {
                uint32_t group = tile->panel[k * TILE_COLUMNS + j];
                sum[j] += low * float_of_bits(group << 16);
                sum[j] += high * float_of_bits(group & 0xffff0000u);
            }
        }
        store_row__c(tile, i, sum);
    }
}

/* Four products of a signed and an unsigned byte. */
static int32_t dot_bytes__c(uint32_t lhs, uint32_t rhs) {
    int32_t sum = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        sum += (int8_t)(uint8_t)(lhs >> shift) * (int32_t)((rhs >> shift) & 0xffu);
    }
    return sum;
}

static void int8_tile__c(const dpi_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++) {
        const dpi_kgroup *lhs = tile->lhs + i * tile->lhs_stride;
        int32_t exact[TILE_COLUMNS] = {0};
        float sum[TILE_COLUMNS];
        for (size_t k = 0; k < tile->depth; k++) {
            for (size_t j = 0; j < TILE_COLUMNS; j++) {
                exact[j] += dot_bytes__c(lhs[k], tile->panel[k * TILE_COLUMNS + j]);
            }
        }
        for (size_t j = 0; j < TILE_COLUMNS; j++) {
            float scale = tile->lhs_scale[i].scale * tile->panel_scale[j];
            sum[j] = (float)(exact[j] - tile->lhs_scale[i].sum) * scale;
        }
        store_row__c(tile, i, sum);
    }
}

static uint64_t measure_peak__c(uint64_t rounds) {
    float x[TILE_COLUMNS] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f};
    for (uint64_t r = 0; r < rounds; r++) {
        for (size_t j = 0; j < TILE_COLUMNS; j++) {
            x[j] = x[j] * 0.5f + 0.25f;
        }
    }
    float total = 0.0f;
    for (size_t j = 0; j < TILE_COLUMNS; j++) {
        total += x[j];
    }
    /* total is finite, so that this adds nothing; the compiler does not know */
    return rounds * TILE_COLUMNS + (total > 1e30f ? 1u : 0u);
}

/* The other precisions, too, are multiplied one number at a time. */
#define GEMM_OF_PLAIN_C                                                         \
    .name = "c", .row_block = (size_t)8 * TILE_ROWS, .run = dpi_gemm_run_tiles, \
    .attention = DPI_ATTENTION_TILES, .measure_peak = measure_peak__c

static const dpi_gemm gemm_f32__c = {
    GEMM_OF_PLAIN_C,
    .layout = {DP_PRECISION_F32, .kr = 1, .step = 1, .nr = TILE_COLUMNS},
    .lhs = DPI_LHS_F32,
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = 512, .run = f32_tile__c},
};

static const dpi_gemm gemm_bf16__c = {
    GEMM_OF_PLAIN_C,
    .layout = {DP_PRECISION_BF16, .kr = 2, .step = 1, .nr = TILE_COLUMNS, dpi_round_row_bf16},
    .lhs = DPI_LHS_ROUNDED(dpi_round_row_bf16),
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = 512, .run = bf16_tile__c},
};

static const dpi_gemm gemm_int8__c = {
    GEMM_OF_PLAIN_C,
    .layout = {DP_PRECISION_INT8, .kr = 4, .step = 1, .nr = TILE_COLUMNS, dpi_round_row_int8},
    .lhs = DPI_LHS_ROUNDED(dpi_round_row_int8),
    .kernel = {.mr = TILE_ROWS, .panels = 1, .kc = DPI_WHOLE_DEPTH, .run = int8_tile__c},
};

const dpi_gemm *dpi_gemm_generic(dp_precision precision) {
    switch (precision) {
    case DP_PRECISION_F32:
        return &gemm_f32__c;
    case DP_PRECISION_BF16:
        return DPI_HAS_PANELS && DPI_HAS_BF16 ? &gemm_bf16__c : NULL;
    default:
        return DPI_HAS_PANELS && DPI_HAS_INT8 ? &gemm_int8__c : NULL;
    }
}
