/*
 * What the files of AMX share: the state of a thread, and the four tile registers that hold the
 * 32 x 32 sums of a tile. A register holds 16 rows of 16 words; two more are for rows, and two for
 * columns.
 */
#ifndef DP_AMX_H
#define DP_AMX_H

#include "kernels/kernels.h"

/* older versions of clang call them otherwise */
#if defined(__AMXBF16__) && defined(__AMXINT8__)
#define HAS_AMX_TILES
#elif defined(__AMX_BF16__) && defined(__AMX_INT8__)
#define HAS_AMX_TILES
#endif

#if defined(__linux__) && defined(HAS_AMX_TILES) && defined(__AVX512F__)
#define HAS_AMX

#include "kernels/vector_avx512.h"
#include "kernels/vector_math.h"

#define ROWS 32
#define VECTORS 2
#define STEP 16
#define COLUMNS (VECTORS * V_LENGTH)
#define ROW_BYTES (COLUMNS * sizeof(uint32_t)) /* of a panel, and of sums */

/* The sums of a tile, in memory. */
typedef struct amx_sums {
    _Alignas(64) uint32_t row[ROWS][COLUMNS];
} amx_sums;

/* All eight registers hold 16 x 16 words. */
static inline void amx_begin(void) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16]; /* of a row of each register */
        uint8_t rows[16];
    } config = {.palette = 1,
                .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static inline void amx_end(void) {
    _tile_release();
}

/* Registers 0 to 3 are the quarters of a tile of sums. */
static inline void amx_clear(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static inline void amx_load(const amx_sums *from) {
    _tile_loadd(0, from->row[0], ROW_BYTES);
    _tile_loadd(1, from->row[0] + 16, ROW_BYTES);
    _tile_loadd(2, from->row[16], ROW_BYTES);
    _tile_loadd(3, from->row[16] + 16, ROW_BYTES);
}

/* To rows that are `stride` bytes apart. */
static inline void amx_store(void *to, size_t stride) {
    uint8_t *lower = (uint8_t *)to + 16 * stride;
    _tile_stored(0, to, stride);
    _tile_stored(1, (uint8_t *)to + 64, stride);
    _tile_stored(2, lower, stride);
    _tile_stored(3, lower + 64, stride);
}

/* Adds one step of the depth: rows at `a`, `stride` bytes apart, which stream past the panel. */
#define AMX_STEP(dot, a, stride, panel)                       \
    {                                                         \
        _tile_stream_loadd(4, (a), (stride));                 \
        _tile_loadd(6, (panel), ROW_BYTES);                   \
        dot(0, 4, 6);                                         \
        _tile_loadd(7, (panel) + ROW_BYTES / 2, ROW_BYTES);   \
        dot(1, 4, 7);                                         \
        _tile_stream_loadd(5, (a) + 16 * (stride), (stride)); \
        dot(2, 5, 6);                                         \
        dot(3, 5, 7);                                         \
    }

/* dp_attention_run(), on rows of bf16. (amx_attention.c) */
size_t dp_amx_attention_scratch(const dp_product *product, size_t tokens, size_t head_size);
void dp_amx_attention(const dp_product *product, const dp_attention *attention, float *scratch);

/* dp_linear_apply() (amx_linear.c) */
void dp_amx_linear_bf16(const dp_linear *linear, size_t rows, dp_operand in, void *out,
                        size_t out_stride, dp_epilogue epilogue);
void dp_amx_linear_int8(const dp_linear *linear, size_t rows, dp_operand in, void *out,
                        size_t out_stride, dp_epilogue epilogue);

#endif
#endif /* DP_AMX_H */
