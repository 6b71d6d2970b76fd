/*
 * The tile registers of AMX in memory, and their instructions; see tiles.h.
 */
#include "tiles.h"

#include "arithmetic.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TILES 8
#define MAX_ROWS 16
#define MAX_BYTES 64

/* As LDTILECFG reads it. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row of each tile */
    uint8_t rows[16];
} tile_config;

typedef struct tile {
    size_t rows, bytes;
    uint8_t row[MAX_ROWS][MAX_BYTES];
} tile;

/* Palette 0 is the state before the configuration and after the release. */
static _Thread_local struct {
    uint8_t palette;
    tile tile[TILES];
} registers;

static _Noreturn void fault(const char *instruction, const char *reason) {
    fprintf(stderr, "%s: %s\n", instruction, reason);
    abort();
}

static void require(bool holds, const char *instruction, const char *reason) {
    if (!holds) {
        fault(instruction, reason);
    }
}

/* ---- the configuration ---- */

static bool is_zero(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void check_config(const tile_config *config) {
    require(config->palette == 1, __func__, "palette 1 is the only one");
    require(config->start_row == 0, __func__, "a load that was interrupted is not resumed");
    require(is_zero(config->reserved, sizeof config->reserved), __func__, "reserved bytes are 0");
    for (size_t i = 0; i < 16; i++) {
        size_t rows = config->rows[i], bytes = config->bytes[i];
        require(i < TILES || (rows == 0 && bytes == 0), __func__, "there are 8 tiles");
        require(rows <= MAX_ROWS, __func__, "a tile has 16 rows at most");
        require(bytes <= MAX_BYTES, __func__, "a row has 64 bytes at most");
        require((rows == 0) == (bytes == 0), __func__, "a tile has rows and bytes, or neither");
    }
}

void _tile_loadconfig(const void *bytes) {
    tile_config config;
    memcpy(&config, bytes, sizeof config);
    check_config(&config);
    memset(&registers, 0, sizeof registers);
    registers.palette = config.palette;
    for (size_t i = 0; i < TILES; i++) {
        registers.tile[i].rows = config.rows[i];
        registers.tile[i].bytes = config.bytes[i];
    }
}

void _tile_release(void) {
    memset(&registers, 0, sizeof registers);
}

static tile *find_tile(int number, const char *instruction) {
    require(registers.palette != 0, instruction, "no tiles are configured");
    require(number >= 0 && number < TILES, instruction, "there is no such tile");
    require(registers.tile[number].rows > 0, instruction, "this tile is not configured");
    return &registers.tile[number];
}

/* ---- moving ---- */

void _tile_zero(int number) {
    tile *t = find_tile(number, __func__);
    memset(t->row, 0, sizeof t->row);
}

void _tile_loadd(int number, const void *rows, size_t stride) {
    tile *t = find_tile(number, __func__);
    memset(t->row, 0, sizeof t->row);
    for (size_t i = 0; i < t->rows; i++) {
        memcpy(t->row[i], (const uint8_t *)rows + i * stride, t->bytes);
    }
}

void _tile_stream_loadd(int number, const void *rows, size_t stride) {
    _tile_loadd(number, rows, stride);
}

void _tile_stored(int number, void *rows, size_t stride) {
    const tile *t = find_tile(number, __func__);
    for (size_t i = 0; i < t->rows; i++) {
        memcpy((uint8_t *)rows + i * stride, t->row[i], t->bytes);
    }
}

/* ---- multiplying ---- */

/* sum [rows][columns] += a [rows][depth] * b [depth][columns], in groups of 32 bits. */
typedef struct operation {
    tile *sum;
    const tile *a, *b;
    size_t rows, depth, columns;
} operation;

static operation start_operation(int sum, int a, int b, const char *instruction) {
    operation o = {.sum = find_tile(sum, instruction),
                   .a = find_tile(a, instruction),
                   .b = find_tile(b, instruction)};
    require(sum != a && sum != b && a != b, instruction, "the three tiles are different ones");
    require(o.sum->bytes % 4 == 0 && o.a->bytes % 4 == 0, instruction,
            "rows are groups of 4 bytes");
    require(o.sum->rows == o.a->rows, instruction, "the sum has the rows of a");
    require(o.sum->bytes == o.b->bytes, instruction, "the sum has the columns of b");
    require(o.a->bytes / 4 == o.b->rows, instruction, "a row of a has a group for each row of b");
    o.rows = o.sum->rows;
    o.depth = o.b->rows;
    o.columns = o.sum->bytes / 4;
    return o;
}

/* TDPBF16PS: numbers at even and at odd places have sums of their own, from 0 on, each a chain of
 * multiply-adds that round once; their sum is added at last. All flush subnormal numbers. */
void _tile_dpbf16ps(int sum, int a, int b) {
    operation o = start_operation(sum, a, b, __func__);
    for (size_t m = 0; m < o.rows; m++) {
        float total[MAX_BYTES / 4], parts[MAX_BYTES / 4][2] = {{0}};
        for (size_t k = 0; k < o.depth; k++) {
            uint16_t x[2], y[MAX_BYTES / 4][2];
            memcpy(x, o.a->row[m] + 4 * k, sizeof x);
            memcpy(y, o.b->row[k], sizeof y);
            for (size_t n = 0; n < o.columns; n++) {
                parts[n][0] =
                    flushed_multiply_add(from_bf16(x[0]), from_bf16(y[n][0]), parts[n][0]);
                parts[n][1] =
                    flushed_multiply_add(from_bf16(x[1]), from_bf16(y[n][1]), parts[n][1]);
            }
        }
        memcpy(total, o.sum->row[m], sizeof total);
        for (size_t n = 0; n < o.columns; n++) {
            total[n] = flushed_add(total[n], flushed_add(parts[n][0], parts[n][1]));
        }
        memcpy(o.sum->row[m], total, sizeof total);
    }
}

/* TDPBSUD: sums of 32 bits, which wrap around. */
void _tile_dpbsud(int sum, int a, int b) {
    operation o = start_operation(sum, a, b, __func__);
    for (size_t m = 0; m < o.rows; m++) {
        uint32_t total[MAX_BYTES / 4];
        memcpy(total, o.sum->row[m], sizeof total);
        for (size_t k = 0; k < o.depth; k++) {
            int8_t x[4];
            memcpy(x, o.a->row[m] + 4 * k, sizeof x);
            for (size_t n = 0; n < o.columns; n++) {
                const uint8_t *y = o.b->row[k] + 4 * n;
                int32_t added = x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
                total[n] += (uint32_t)added;
            }
        }
        memcpy(o.sum->row[m], total, sizeof total);
    }
}
