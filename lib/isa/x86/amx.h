/*
 * What the files of AMX share: the state of a thread, and the four tile registers that hold the
 * 32 x 32 accumulators of a tile. A tile register holds 16 rows of 16 k-groups; two more are for
 * the lhs, and two for the panel. TMPL_SUFFIX is defined before.
 */
#ifndef DPI_AMX_H
#define DPI_AMX_H

#include "gemm/gemm.h"

/* older versions of clang have other names for them */
#if defined(__AMXBF16__) && defined(__AMXINT8__)
#define HAS_AMX_TILES
#elif defined(__AMX_BF16__) && defined(__AMX_INT8__)
#define HAS_AMX_TILES
#endif

#if defined(__linux__) && defined(HAS_AMX_TILES) && defined(__AVX512F__)
#define HAS_AMX

#include "isa/x86/vector_avx512.h"

#include "isa/vector/vector_math.h"

#define amx_sums TMPL_NAME(amx_sums)
#define amx_configure TMPL_NAME(amx_configure)
#define amx_release TMPL_NAME(amx_release)
#define amx_clear TMPL_NAME(amx_clear)
#define amx_load TMPL_NAME(amx_load)
#define amx_store TMPL_NAME(amx_store)

#define TILE_ROWS 32
#define TILE_VECTORS 2
#define STEP 16
#define TILE_COLUMNS (TILE_VECTORS * V_LENGTH)
#define TILE_ROW_BYTES (TILE_COLUMNS * sizeof(dpi_kgroup)) /* of a panel, and of accumulators */

/* The accumulators of a tile in memory: f32, or int32 of bytes. */
typedef struct amx_sums {
    _Alignas(64) dpi_kgroup row[TILE_ROWS][TILE_COLUMNS];
} amx_sums;

/* All eight tile registers hold 16 x 16 k-groups. */
static inline void amx_configure(void) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16]; /* of a row of each register */
        uint8_t rows[16];
    } config = {.palette = 1,
                .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static inline void amx_release(void) {
    _tile_release();
}

/* Tile registers 0 to 3 are the quarters of the accumulators. */
static inline void amx_clear(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static inline void amx_load(const amx_sums *from) {
    _tile_loadd(0, from->row[0], TILE_ROW_BYTES);
    _tile_loadd(1, from->row[0] + 16, TILE_ROW_BYTES);
    _tile_loadd(2, from->row[16], TILE_ROW_BYTES);
    _tile_loadd(3, from->row[16] + 16, TILE_ROW_BYTES);
}

/* To rows that are `stride` bytes apart. */
static inline void amx_store(void *to, size_t stride) {
    uint8_t *lower = (uint8_t *)to + 16 * stride;
    _tile_stored(0, to, stride);
    _tile_stored(1, (uint8_t *)to + 64, stride);
    _tile_stored(2, lower, stride);
    _tile_stored(3, lower + 64, stride);
}

/* Adds one step of the depth: lhs rows at `a`, `stride` bytes apart, which stream past the panel.
 */
#define AMX_STEP(dot, a, stride, panel)                               \
    {                                                                 \
        _tile_stream_loadd(4, (a), (stride));                         \
        _tile_loadd(6, (panel), TILE_ROW_BYTES);                      \
        dot(0, 4, 6);                                                 \
        _tile_loadd(7, (panel) + TILE_ROW_BYTES / 2, TILE_ROW_BYTES); \
        dot(1, 4, 7);                                                 \
        _tile_stream_loadd(5, (a) + 16 * (stride), (stride));         \
        dot(2, 5, 6);                                                 \
        dot(3, 5, 7);                                                 \
    }

/* As dpi_attention_method. (amx_attention.c) */
size_t dpi_amx_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size);
void dpi_amx_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                           const dpi_attention *attention, float *scratch);

/* As dpi_gemm.run; `out` is f32 or bf16. (amx_gemm.c) */
void dpi_amx_gemm_run_bf16(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                           dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue);
void dpi_amx_gemm_run_int8(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                           dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue);

#endif
#endif /* DPI_AMX_H */
