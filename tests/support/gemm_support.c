/*
 * What the tests of matrix products share; see gemm_support.h.
 */
#include "gemm_support.h"

#include <stdio.h>

/* ---- products ---- */

const dpi_gemm *products[32];
int product_count;
int first_bf16, first_bytes;

/* Of AMX the operating system must be asked. */
static bool may_run(const dpi_gemm *product) {
    return (product->cpu & ~dpi_cpu_features()) == 0 &&
           ((product->cpu & DP_CPU_AMX) == 0 || dpi_amx_request());
}

static void add_product(const dpi_gemm *product) {
    if (product != NULL && may_run(product)) {
        products[product_count++] = product;
    }
}

void find_products(void) {
    static const dpi_gemm *(*const sets[])(dp_precision) = {
        dpi_gemm_rows,        dpi_gemm_generic,     dpi_gemm_avx2,      dpi_gemm_avx_vnni,
        dpi_gemm_avx512,      dpi_gemm_avx512_vnni, dpi_gemm_amx,       dpi_gemm_neon,
        dpi_gemm_neon_unpack, dpi_gemm_neon_dot,    dpi_gemm_neon_i8mm, dpi_gemm_neon_bf16};
    for (size_t i = 0; i < COUNT(sets); i++) { /* rows first: never the best there is */
        add_product(sets[i](DP_PRECISION_F32));
    }
    first_bf16 = product_count;
    for (size_t i = 0; i < COUNT(sets); i++) {
        add_product(sets[i](DP_PRECISION_BF16));
    }
    first_bytes = product_count;
    for (size_t i = 0; i < COUNT(sets); i++) {
        add_product(sets[i](DP_PRECISION_INT8));
    }
}

bool has_bytes(const dpi_gemm *p) {
    return p->layout.precision == DP_PRECISION_INT8;
}

const dpi_kernels *kernels_of(const dpi_gemm *p) {
    return dpi_kernels_choose(p->cpu);
}

/* ---- 32-bit groups ---- */

float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

double number_in(const dpi_gemm *p, uint32_t word, size_t part) {
    switch (p->layout.precision) {
    case DP_PRECISION_F32:
        return (double)float_of(word);
    case DP_PRECISION_BF16:
        return (double)float_of(word >> 16 * part << 16);
    default:
        return (double)(int8_t)(uint8_t)(word >> 8 * part);
    }
}

double in_row(const dpi_gemm *p, const uint32_t *row, size_t i) {
    return number_in(p, row[i / p->layout.kr], i % p->layout.kr);
}

/* Unpacked bytes are 16 bits each, in the order 0, 2, 1, 3. */
static double in_pairs(const uint32_t *row, size_t i) {
    uint32_t pair = row[i / 4 * 2 + i % 2];
    return (double)(int16_t)(uint16_t)(pair >> i % 4 / 2 * 16);
}

double in_lhs(const dpi_gemm *p, const uint32_t *row, size_t i) {
    if (p->lhs.expansion == 1) {
        return in_row(p, row, i);
    }
    return has_bytes(p) ? in_pairs(row, i) : (double)float_of(row[i]);
}

double in_column(const dpi_gemm *p, const uint32_t *column, size_t i) {
    uint32_t word = column[i / p->layout.kr * p->layout.nr];
    return number_in(p, has_bytes(p) ? word ^ 0x80808080U : word, i % p->layout.kr);
}

const uint32_t *panel_column(const dpi_gemm *p, const uint32_t *panels, size_t depth, size_t o) {
    return panels + o / p->layout.nr * p->layout.nr * depth + o % p->layout.nr;
}

uint32_t *guarded_words(size_t count) {
    return guarded_bytes(count * sizeof(uint32_t), sizeof(uint32_t));
}

uint32_t *garbage_words(size_t count) {
    uint32_t *words = guarded_words(count);
    memset(words, 0xff, count * sizeof *words);
    return words;
}

/* ---- the left-hand side ---- */

size_t lhs_size(const dpi_gemm *p, size_t rows, size_t inputs) {
    dpi_arena counted = {.base = NULL};
    (void)dpi_lhs_buffer_take(&counted, p, rows, inputs, DPI_LHS_OF_ROWS);
    return counted.used / sizeof(dpi_kgroup);
}

dpi_lhs_buffer lhs_buffer(uint32_t *memory, size_t inputs) {
    return (dpi_lhs_buffer){.groups = memory, .columns = inputs};
}

dpi_lhs lhs_of(const dpi_gemm *p, const float *x, size_t stride, size_t rows, size_t inputs,
               uint32_t *memory) {
    dpi_lhs_buffer buffer = lhs_buffer(memory, inputs);
    return dpi_lhs_from_rows(p, dpi_rows_f32((float *)(uintptr_t)x, stride), rows, inputs, &buffer);
}

/* ---- rounding ---- */

/* Its bits without the sign; what would come after the largest is 2^128. */
static double size_of_bf16(uint32_t half) {
    return half == 0x7f80 ? 0x1p128 : (double)float_of(half << 16);
}

uint32_t nearest_bf16(float x) {
    uint32_t sign = bits_of(x) >> 31 << 15, half = (bits_of(x) & 0x7fffffffU) >> 16;
    if (!isfinite(x)) {
        return sign | half;
    }
    if (fabs((double)x) < 0x1p-126) {
        return sign;
    }
    double size = fabs((double)x), above = size_of_bf16(half + 1) - size;
    double below = size - size_of_bf16(half);
    return sign | (half + (above < below || (above == below && half % 2 != 0) ? 1 : 0));
}

uint16_t *halves_of(const float *x, size_t count) {
    uint16_t *halves = guarded_bytes(count * sizeof *halves, sizeof *halves);
    for (size_t i = 0; i < count; i++) {
        halves[i] = (uint16_t)nearest_bf16(x[i]);
    }
    return halves;
}

/* ---- the program ---- */

TCase *add_guarded_case(Suite *suite, const char *name) {
    return add_case(suite, name, 120, random_restart, guarded_end);
}

int run_products(const char *program, Suite *(*make_suite)(void)) {
    find_products();
    random_seed(program);
    for (int i = 0; i < product_count; i++) {
        printf("%s%s %s", i == 0 ? "products: " : ", ",
               dp_precision_name(products[i]->layout.precision), products[i]->name);
    }
    printf("\n");
    fflush(stdout);
    return run_suite(make_suite());
}
