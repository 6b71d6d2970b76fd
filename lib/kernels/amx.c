/*
 * Products of bf16 and bytes for AMX: tiles of 32 x 32 in four tile registers, two more for rows
 * and two for columns. A tile register holds 16 rows of 16 words.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif

#include "kernels/kernels.h"

/* older versions of clang call them otherwise */
#if defined(__AMXBF16__) && defined(__AMXINT8__)
#define HAS_AMX
#elif defined(__AMX_BF16__) && defined(__AMX_INT8__)
#define HAS_AMX
#endif

#if defined(__linux__) && defined(HAS_AMX) && defined(__AVX512F__)

#include "dualpath.h"

#include "kernels/vector_avx512.h"

#include "kernels/numbers.h"
#include "kernels/vector_store.h"

#include <sys/syscall.h>
#include <unistd.h>

#define ROWS 32
#define VECTORS 2
#define STEP 16
#define COLUMNS (VECTORS * V_LENGTH)
#define ROW_BYTES (COLUMNS * sizeof(uint32_t)) /* of a panel, and of sums */

/* ---- the state of a thread ---- */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row of each register */
    uint8_t rows[16];
} tile_config;

/* All eight registers hold 16 x 16 words. */
static void begin(void) {
    static const tile_config config = {.palette = 1,
                                       .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                       .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static void end(void) {
    _tile_release();
}

/* ---- tiles ---- */

/* The sums of a tile, in memory. */
typedef struct sums {
    _Alignas(64) uint32_t row[ROWS][COLUMNS];
} sums;

#define TILE_SUMS(name, dot)                                  \
    static inline void name(const dp_tile *tile, sums *out) { \
        const uint8_t *a = (const uint8_t *)tile->a;          \
        const uint8_t *panel = (const uint8_t *)tile->panel;  \
        size_t stride = tile->a_stride * sizeof(uint32_t);    \
        const uint8_t *lower = a + 16 * stride;               \
        uintptr_t next = tile->next;                          \
        size_t ahead = STEP * tile->ahead;                    \
        _tile_zero(0);                                        \
        _tile_zero(1);                                        \
        _tile_zero(2);                                        \
        _tile_zero(3);                                        \
        for (size_t w = 0; w < tile->words; w += STEP) {      \
            _tile_loadd(4, a, stride);                        \
            _tile_loadd(6, panel, ROW_BYTES);                 \
            dot(0, 4, 6);                                     \
            _tile_loadd(7, panel + ROW_BYTES / 2, ROW_BYTES); \
            dot(1, 4, 7);                                     \
            _tile_loadd(5, lower, stride);                    \
            dot(2, 5, 6);                                     \
            dot(3, 5, 7);                                     \
            for (size_t i = 0; i < ahead; i += 64) {          \
                v_prefetch(next + i);                         \
            }                                                 \
            next += ahead;                                    \
            a += STEP * sizeof(uint32_t);                     \
            lower += STEP * sizeof(uint32_t);                 \
            panel += STEP * ROW_BYTES;                        \
        }                                                     \
        _tile_stored(0, out->row[0], ROW_BYTES);              \
        _tile_stored(1, out->row[0] + V_LENGTH, ROW_BYTES);   \
        _tile_stored(2, out->row[16], ROW_BYTES);             \
        _tile_stored(3, out->row[16] + V_LENGTH, ROW_BYTES);  \
    }

TILE_SUMS(bf16_sums, _tile_dpbf16ps)
TILE_SUMS(int8_sums, _tile_dpbsud)

static void bf16_tile__amx(const dp_tile *tile) {
    sums out;
    bf16_sums(tile, &out);
    for (size_t i = 0; i < tile->rows; i++) {
        vf row[VECTORS];
        for (size_t j = 0; j < VECTORS; j++) {
            row[j] = w_as_floats(w_load(out.row[i] + j * V_LENGTH));
        }
        store_row(tile, i, row, VECTORS);
    }
}

static void int8_tile__amx(const dp_tile *tile) {
    sums out;
    int8_sums(tile, &out);
    for (size_t i = 0; i < tile->rows; i++) {
        vf row[VECTORS];
        for (size_t j = 0; j < VECTORS; j++) {
            row[j] = v_unscaled(w_load(out.row[i] + j * V_LENGTH), tile, i, j);
        }
        store_row(tile, i, row, VECTORS);
    }
}

static void bf16_convert__amx(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    (void)row;
    convert_to_bf16(x, n, STEP, words);
}

static void int8_convert__amx(const float *x, size_t n, uint32_t *words, dp_row_scale *row) {
    convert_to_bytes(x, n, STEP, words, row);
}

/* ---- the peak ---- */

#define TILE_BURN(name, dot, group)                 \
    static uint64_t name(uint64_t rounds) {         \
        begin();                                    \
        _tile_zero(0);                              \
        _tile_zero(1);                              \
        _tile_zero(2);                              \
        _tile_zero(3);                              \
        _tile_zero(4);                              \
        _tile_zero(5);                              \
        _tile_zero(6);                              \
        _tile_zero(7);                              \
        for (uint64_t r = 0; r < rounds; r++) {     \
            dot(0, 4, 6);                           \
            dot(1, 4, 7);                           \
            dot(2, 5, 6);                           \
            dot(3, 5, 7);                           \
        }                                           \
        end();                                      \
        return rounds * 4 * 16 * 16 * 16 * (group); \
    }

TILE_BURN(bf16_burn__amx, _tile_dpbf16ps, 2)
TILE_BURN(int8_burn__amx, _tile_dpbsud, 4)

/* ---- products ---- */

#define AMX_CPU (DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX)

static const dp_product bf16_product = {
    .name = "amx-bf16",
    .precision = DP_PRECISION_BF16,
    .cpu = AMX_CPU,
    .group = 2,
    .step = STEP,
    .mr = ROWS,
    .nr = COLUMNS,
    .kc = DP_WHOLE_DEPTH,
    .piece = 7 * ROWS,
    .tile = bf16_tile__amx,
    .begin = begin,
    .end = end,
    .convert = bf16_convert__amx,
    .burn = bf16_burn__amx,
};

static const dp_product int8_product = {
    .name = "amx-int8",
    .precision = DP_PRECISION_INT8,
    .cpu = AMX_CPU,
    .group = 4,
    .step = STEP,
    .mr = ROWS,
    .nr = COLUMNS,
    .kc = DP_WHOLE_DEPTH,
    .piece = 7 * ROWS,
    .tile = int8_tile__amx,
    .begin = begin,
    .end = end,
    .convert = int8_convert__amx,
    .burn = int8_burn__amx,
};

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

/* Linux gives the tile registers to processes that ask, once for all of their threads. */
static bool is_permitted(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const dp_product *dp_products_amx(dp_precision precision) {
    const dp_product *product = precision == DP_PRECISION_BF16   ? &bf16_product
                                : precision == DP_PRECISION_INT8 ? &int8_product
                                                                 : NULL;
    return product != NULL && (dp_cpu_features() & DP_CPU_AMX) != 0 && is_permitted() ? product
                                                                                      : NULL;
}

#else

const dp_product *dp_products_amx(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
