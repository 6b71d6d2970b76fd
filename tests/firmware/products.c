/*
 * products.c - the int8 products of the target `rows` on a board, and the same file compiled for a
 * processor that has nothing for them: the answers must be the same, bit for bit, and instructions
 * are counted.
 */
#include "../../examples/firmware/board.h"
#include "gemm/gemm.h"
#include "isa/isa.h"

#include <string.h>

#define MOST_ROWS 32
#define MOST_INPUTS 384
#define MOST_OUTPUTS 96

/* rows.c again, as plain C. */
const dpi_gemm *plain_gemm_rows(dp_precision precision);

static float x[MOST_ROWS * MOST_INPUTS];
static uint32_t panels[MOST_OUTPUTS * MOST_INPUTS / 4];
static float scale[MOST_OUTPUTS], bias[MOST_OUTPUTS];
static _Alignas(64) dpi_kgroup lhs_memory[MOST_ROWS * (MOST_INPUTS + 64)];

typedef struct shape {
    size_t rows, inputs, outputs;
    bool has_bias, accumulate;
} shape;

typedef struct answer {
    float c[MOST_ROWS * MOST_OUTPUTS];
    uint64_t conversion, product; /* instructions */
} answer;

static answer ours, plain;

/* ---- random numbers ---- */

static uint32_t random_bits(void) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void fill(float *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)(int32_t)(random_bits() - (1u << 23)) * 0x1p-20f;
    }
}

static void fill_all(void) {
    fill(x, sizeof x / sizeof x[0]);
    fill(scale, MOST_OUTPUTS);
    fill(bias, MOST_OUTPUTS);
    for (size_t i = 0; i < sizeof panels / sizeof panels[0]; i++) {
        panels[i] = random_bits() << 16 ^ random_bits();
    }
}

/* ---- products ---- */

static void multiply(const dpi_gemm *gemm, const shape *s, answer *to) {
    dpi_linear linear = {.gemm = gemm,
                         .inputs = s->inputs,
                         .outputs = s->outputs,
                         .depth = dpi_layout_depth(&gemm->layout, s->inputs),
                         .panels = panels,
                         .bias = s->has_bias ? bias : NULL,
                         .scale = scale};
    dpi_epilogue epilogue = {.accumulate = s->accumulate};
    for (size_t i = 0; i < s->rows * s->outputs; i++) {
        to->c[i] = (float)i;
    }
    dpi_lhs_buffer buffer = {.groups = lhs_memory, .columns = s->inputs};
    uint64_t begin = board_instructions();
    dpi_lhs in = dpi_lhs_from_rows(gemm, dpi_rows_f32(x, s->inputs), s->rows, s->inputs, &buffer);
    uint64_t made = board_instructions();
    dpi_gemm_run(dpi_kernels_choose(0), &linear, s->rows, in, dpi_rows_f32(to->c, s->outputs),
                 epilogue);
    to->conversion = made - begin;
    to->product = board_instructions() - made;
}

static bool agree(const shape *s) {
    multiply(dpi_gemm_rows(DP_PRECISION_INT8), s, &ours);
    multiply(plain_gemm_rows(DP_PRECISION_INT8), s, &plain);
    return memcmp(ours.c, plain.c, s->rows * s->outputs * sizeof(float)) == 0;
}

/* Of all depths up to some steps of any processor, with tiles that are not full. */
static bool agree_on_small_ones(void) {
    for (size_t inputs = 1; inputs < 100; inputs++) {
        shape s = {.rows = 1 + random_bits() % 9,
                   .inputs = inputs,
                   .outputs = 1 + random_bits() % 20,
                   .has_bias = random_bits() % 2 != 0,
                   .accumulate = random_bits() % 2 != 0};
        if (!agree(&s)) {
            return false;
        }
    }
    return true;
}

/* ---- printing ---- */

static void print_number(uint64_t value) {
    char text[24];
    size_t first = sizeof text - 1;
    text[first] = '\0';
    do {
        text[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    board_print(text + first);
}

static void print_thousandths(const char *name, size_t inputs, uint64_t count, size_t of) {
    board_print(name);
    board_print(" ");
    print_number(inputs);
    board_print(" ");
    print_number(count * 1000 / of);
    board_print("\n");
}

/* Instructions for 1000 multiply-adds of products, and for 1000 numbers of their rows. */
static bool measure(size_t inputs) {
    shape s = {.rows = MOST_ROWS, .inputs = inputs, .outputs = MOST_OUTPUTS, .has_bias = true};
    if (!agree(&s)) {
        return false;
    }
    size_t macs = s.rows * s.inputs * s.outputs;
    print_thousandths("products", inputs, ours.product, macs);
    print_thousandths("plain products", inputs, plain.product, macs);
    print_thousandths("rows", inputs, ours.conversion, s.rows * s.inputs);
    print_thousandths("plain rows", inputs, plain.conversion, s.rows * s.inputs);
    return true;
}

int application(void) {
    fill_all();
    if (!agree_on_small_ones() || !measure(96) || !measure(MOST_INPUTS)) {
        board_print("failed: answers are not those of plain C\n");
        return 1;
    }
    return 0;
}
