/*
 * tests/instructions/tiles.c: what is a fault of the processor ends the program, so that a kernel
 * that does it fails its test.
 */
#include "suite.h"
#include "tiles.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- configurations ---- */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config;

/* Tiles 0 and 1 of 3 x 5 groups, 2 of 3 x 2, 3 of 2 x 5; the others are not configured. */
static const tile_config fitting = {.palette = 1, .bytes = {20, 20, 8, 20}, .rows = {3, 3, 3, 2}};

/* Byte `place` of the one that fits becomes `value`. */
static const struct {
    size_t place;
    uint8_t value;
} wrong_configs[] = {
    {0, 0},                                 /* palette */
    {0, 2},                                 /* the same */
    {1, 1},                                 /* row to begin with */
    {2, 1},                                 /* reserved */
    {15, 1},                                /* the same */
    {offsetof(tile_config, bytes), 65},     /* bytes of tile 0 */
    {offsetof(tile_config, bytes) + 1, 1},  /* 276 */
    {offsetof(tile_config, bytes), 0},      /* with rows */
    {offsetof(tile_config, bytes) + 16, 4}, /* of tile 8 */
    {offsetof(tile_config, rows), 17},      /* rows of tile 0 */
    {offsetof(tile_config, rows), 0},       /* with bytes */
    {offsetof(tile_config, rows) + 8, 1},   /* of tile 8 */
};

static void expect_abort(void) {
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* the sentence is expected, too */
}

START_TEST(wrong_configurations_are_faults) {
    uint8_t config[sizeof fitting];
    memcpy(config, &fitting, sizeof config);
    config[wrong_configs[_i].place] = wrong_configs[_i].value;
    expect_abort();
    _tile_loadconfig(config);
}
END_TEST

/* ---- uses ---- */

static uint8_t memory[16 * 64];

static void use_released(void) {
    _tile_release();
    _tile_zero(0);
}
static void use_other_thing(void) {
    _tile_zero(8);
}
static void zero_absent(void) {
    _tile_zero(4);
}
static void load_absent(void) {
    _tile_loadd(4, memory, 64);
}
static void stream_absent(void) {
    _tile_stream_loadd(4, memory, 64);
}
static void store_absent(void) {
    _tile_stored(4, memory, 64);
}
static void multiply_absent(void) {
    _tile_dpbf16ps(0, 2, 4);
}
static void multiply_itself(void) {
    _tile_dpbf16ps(0, 2, 2);
}
static void multiply_other_rows(void) {
    _tile_dpbsud(0, 3, 1);
}
static void multiply_other_columns(void) {
    _tile_dpbsud(2, 1, 0);
}
static void multiply_other_depth(void) {
    _tile_dpbf16ps(0, 1, 3);
}

static void (*const faults[])(void) = {
    use_released,        use_other_thing,        zero_absent,         load_absent,
    stream_absent,       store_absent,           multiply_absent,     multiply_itself,
    multiply_other_rows, multiply_other_columns, multiply_other_depth};

START_TEST(wrong_uses_are_faults) {
    _tile_loadconfig(&fitting);
    expect_abort();
    faults[_i]();
}
END_TEST

/* ---- what is no fault ---- */

START_TEST(tiles_of_any_size_multiply) {
    static const int8_t a[3][8] = {{1, 2, 3, 4, 5, 6, 7, 8}, {-1, -2, -3, -4, -5, -6, -7, -8}};
    static uint8_t b[2][20];
    int32_t sum[3][5];
    for (size_t i = 0; i < sizeof b; i++) {
        b[i / 20][i % 20] = (uint8_t)(255 - i);
    }
    _tile_loadconfig(&fitting);
    _tile_loadd(2, a, sizeof a[0]);
    _tile_loadd(3, b, sizeof b[0]);
    _tile_zero(0);
    _tile_dpbsud(0, 2, 3);
    _tile_dpbsud(0, 2, 3);
    _tile_stored(0, sum, sizeof sum[0]);
    for (size_t column = 0; column < 5; column++) {
        int32_t expected = 0;
        for (size_t k = 0; k < 8; k++) {
            expected += 2 * a[0][k] * b[k / 4][4 * column + k % 4];
        }
        ck_assert_int_eq(sum[0][column], expected);
        ck_assert_int_eq(sum[1][column], -expected);
        ck_assert_int_eq(sum[2][column], 0);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tile_faults");
    TCase *tiles = add_case(suite, "tiles", 10, NULL, NULL);
    tcase_add_loop_test_raise_signal(tiles, wrong_configurations_are_faults, SIGABRT, 0,
                                     (int)COUNT(wrong_configs));
    tcase_add_loop_test_raise_signal(tiles, wrong_uses_are_faults, SIGABRT, 0, (int)COUNT(faults));
    tcase_add_test(tiles, tiles_of_any_size_multiply);
    return run_suite(suite);
}
