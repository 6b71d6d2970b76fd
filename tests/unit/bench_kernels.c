/*
 * No test: measures every kernel that this machine can run, all but the products.
 */
#include "kernel_support.h"

#include <stdio.h>

#define BENCH_WIDTH 768

typedef struct bench {
    const dpi_kernels *kernels;
    float *a, *b, *c; /* twice BENCH_WIDTH each */
} bench;

static void bench_gelu(const void *context) {
    const bench *b = context;
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DPI_ACTIVATION_GELU](b->c, BENCH_WIDTH);
}

static void bench_quick_gelu(const void *context) {
    const bench *b = context;
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DPI_ACTIVATION_QUICK_GELU](b->c, BENCH_WIDTH);
}

static void bench_relu(const void *context) {
    const bench *b = context;
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DPI_ACTIVATION_RELU](b->c, BENCH_WIDTH);
}

static void bench_layer_norm(const void *context) {
    const bench *b = context;
    b->kernels->layer_norm(b->a, b->b, b->b + BENCH_WIDTH, 1e-5F, b->c, BENCH_WIDTH);
}

static void bench_softmax(const void *context) {
    const bench *b = context;
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->softmax(b->c, BENCH_WIDTH, 0.125F);
}

static void bench_blend_columns(const void *context) {
    const bench *b = context;
    b->kernels->blend_columns(b->c, b->a, b->a + BENCH_WIDTH, BENCH_WIDTH);
}

static void bench_blend_rows(const void *context) {
    const bench *b = context;
    b->kernels->blend_rows(b->a, b->a + BENCH_WIDTH, 0.3F, 0.1F, 2, b->c, BENCH_WIDTH);
}

int main(void) {
    const dpi_kernels *tables[MAX_TABLES];
    int table_count = find_tables(tables);
    static const struct {
        const char *name;
        void (*call)(const void *);
    } rows[] = {{"gelu 768", bench_gelu},
                {"quick_gelu 768", bench_quick_gelu},
                {"relu 768", bench_relu},
                {"layer_norm 768", bench_layer_norm},
                {"softmax 768", bench_softmax},
                {"blend_columns 768", bench_blend_columns},
                {"blend_rows 768", bench_blend_rows}};
    bench b = {.a = bench_floats(2 * BENCH_WIDTH),
               .b = bench_floats(2 * BENCH_WIDTH),
               .c = bench_floats(2 * BENCH_WIDTH)};
    for (int i = 0; i < table_count; i++) {
        b.kernels = tables[i];
        for (size_t r = 0; r < COUNT(rows); r++) {
            double ns = time_call(rows[r].call, &b);
            printf("%-7s %-26s %10.0f ns  %7.2f ns a value\n", tables[i]->name, rows[r].name, ns,
                   ns / BENCH_WIDTH);
        }
    }
    return 0;
}
