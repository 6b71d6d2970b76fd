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

#include <string.h>
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

/* Asks for the lines that the tile below this one is going to be written to. */
static inline void prefetch_outputs(const dp_tile *tile) {
    const float *c = tile->c + ROWS * tile->c_stride;
    for (size_t i = 0; i < ROWS; i++) {
        v_prefetch_store(c + i * tile->c_stride);
        v_prefetch_store(c + i * tile->c_stride + V_LENGTH);
    }
}

/* Registers 0 to 3 are the quarters of a tile of sums. */
static inline void load_quarters(const void *from, size_t stride, size_t lower) {
    _tile_loadd(0, from, stride);
    _tile_loadd(1, (const uint8_t *)from + 64, stride);
    _tile_loadd(2, (const uint8_t *)from + lower, stride);
    _tile_loadd(3, (const uint8_t *)from + lower + 64, stride);
}

static inline void store_quarters(void *to, size_t stride, size_t lower) {
    _tile_stored(0, to, stride);
    _tile_stored(1, (uint8_t *)to + 64, stride);
    _tile_stored(2, (uint8_t *)to + lower, stride);
    _tile_stored(3, (uint8_t *)to + lower + 64, stride);
}

static inline void clear_quarters(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

#define ADD_PRODUCTS(name, dot)                               \
    static inline void name(const dp_tile *tile) {            \
        const uint8_t *a = (const uint8_t *)tile->a;          \
        const uint8_t *panel = (const uint8_t *)tile->panel;  \
        size_t stride = tile->a_stride * sizeof(uint32_t);    \
        const uint8_t *lower = a + 16 * stride;               \
        uintptr_t next = tile->next;                          \
        size_t ahead = STEP * tile->ahead;                    \
        for (size_t w = 0; w < tile->words; w += STEP) {      \
            _tile_stream_loadd(4, a, stride);                 \
            _tile_loadd(6, panel, ROW_BYTES);                 \
            dot(0, 4, 6);                                     \
            _tile_loadd(7, panel + ROW_BYTES / 2, ROW_BYTES); \
            dot(1, 4, 7);                                     \
            _tile_stream_loadd(5, lower, stride);             \
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
    }

ADD_PRODUCTS(add_bf16_products, _tile_dpbf16ps)
ADD_PRODUCTS(add_int8_products, _tile_dpbsud)

static void add_bias(const dp_tile *tile) {
    vf left = v_load(tile->bias);
    vf right = v_load(tile->bias + V_LENGTH);
    for (size_t i = 0; i < ROWS; i++) {
        float *c = tile->c + i * tile->c_stride;
        v_store(c, v_add(v_load(c), left));
        v_store(c + V_LENGTH, v_add(v_load(c + V_LENGTH), right));
    }
}

/* Sums of f32 begin with what is there already: the output, or the bias in each row. */
static void bf16_whole(const dp_tile *tile) {
    size_t stride = tile->c_stride * sizeof(float);
    if (tile->accumulate) {
        load_quarters(tile->c, stride, 16 * stride);
    } else if (tile->bias != NULL) {
        load_quarters(tile->bias, 0, 0);
    } else {
        clear_quarters();
    }
    add_bf16_products(tile);
    store_quarters(tile->c, stride, 16 * stride);
    if (tile->accumulate && tile->bias != NULL) {
        add_bias(tile);
    }
}

/* A tile at the edge of the output is a whole one elsewhere, with the same sums. */
static void bf16_tile__amx(const dp_tile *tile) {
    if (tile->rows == ROWS && tile->columns == COLUMNS) {
        prefetch_outputs(tile);
        bf16_whole(tile);
        return;
    }
    sums out;
    dp_tile whole = *tile;
    size_t bytes = tile->columns * sizeof(float);
    whole.c = (float *)out.row;
    whole.c_stride = COLUMNS;
    for (size_t i = 0; i < ROWS && tile->accumulate; i++) {
        memset(out.row[i], 0, sizeof out.row[i]);
        if (i < tile->rows) {
            memcpy(out.row[i], tile->c + i * tile->c_stride, bytes);
        }
    }
    bf16_whole(&whole);
    for (size_t i = 0; i < tile->rows; i++) {
        memcpy(tile->c + i * tile->c_stride, out.row[i], bytes);
    }
}

/* Rows of whole tiles, without a look at their edges. */
static inline void store_scaled(const dp_tile *tile, const sums *in, vf left, vf right) {
    vf left_scale = v_load(tile->column_scale);
    vf right_scale = v_load(tile->column_scale + V_LENGTH);
    for (size_t i = 0; i < ROWS; i++) {
        float *c = tile->c + i * tile->c_stride;
        vw sum = w_set((uint32_t)tile->row[i].sum);
        vf scale = v_set(tile->row[i].scale);
        vf a = w_to_floats(w_sub(w_load(in->row[i]), sum));
        vf b = w_to_floats(w_sub(w_load(in->row[i] + V_LENGTH), sum));
        a = v_add(v_mul(a, v_mul(scale, left_scale)), left);
        b = v_add(v_mul(b, v_mul(scale, right_scale)), right);
        v_store(c, tile->accumulate ? v_add(v_load(c), a) : a);
        v_store(c + V_LENGTH, tile->accumulate ? v_add(v_load(c + V_LENGTH), b) : b);
    }
}

static void int8_tile__amx(const dp_tile *tile) {
    sums out;
    clear_quarters();
    add_int8_products(tile);
    store_quarters(&out, ROW_BYTES, 16 * ROW_BYTES);
    if (tile->rows == ROWS && tile->columns == COLUMNS) {
        vf left = tile->bias != NULL ? v_load(tile->bias) : v_zero();
        vf right = tile->bias != NULL ? v_load(tile->bias + V_LENGTH) : v_zero();
        prefetch_outputs(tile);
        store_scaled(tile, &out, left, right);
        return;
    }
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
    .kc = 192,
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
