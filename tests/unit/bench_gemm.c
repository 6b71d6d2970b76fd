/*
 * No test: measures every product that this machine can run, in parts of what its own loop of
 * multiply-adds reaches.
 */
#include "gemm_support.h"

#include <stdio.h>

#define BENCH_ROWS 196
#define BENCH_WIDTH 768

typedef struct bench {
    const dpi_gemm *product;
    const dpi_kernels *kernels; /* kernels_of(product), which asks the processor */
    float *a, *b, *c;           /* [BENCH_ROWS][BENCH_WIDTH], [BENCH_WIDTH][BENCH_WIDTH], as a */
    uint32_t *memory;           /* of the lhs */
    dpi_lhs lhs;
    dpi_linear linear;
} bench;

static void bench_peak(const void *context) {
    const bench *b = context;
    (void)b->product->measure_peak(10000);
}

static void bench_lhs(const void *context) {
    const bench *b = context;
    (void)lhs_of(b->product, b->a, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH, b->memory);
}

static void bench_linear(const void *context) {
    const bench *b = context;
    dpi_gemm_run(b->kernels, &b->linear, BENCH_ROWS, b->lhs, dpi_rows_f32(b->c, BENCH_WIDTH),
                 (dpi_epilogue){0});
}

static void bench_attention(const void *context) {
    const bench *b = context;
    dpi_attention attention = {.q = dpi_rows_f32(b->c, BENCH_WIDTH),
                               .k = dpi_rows_f32(b->a, BENCH_WIDTH),
                               .v = dpi_rows_f32(b->a + 64, BENCH_WIDTH),
                               .queries = BENCH_ROWS,
                               .tokens = BENCH_ROWS,
                               .head_size = 64,
                               .scale = 0.125F};
    dpi_attention_run(b->kernels, b->product, &attention, b->b);
}

static void print_speed(const bench *b, const char *name, double ns, double macs, double peak) {
    printf("%-4s %-12s %-26s %10.0f ns  %8.2f Gop/s  %3.0f %% of peak\n",
           dp_precision_name(b->product->layout.precision), b->product->name, name, ns,
           2 * macs / ns, 100 * macs / ns / peak);
}

static void bench_product(bench *b) {
    const dpi_gemm *p = b->product;
    double burned = (double)p->measure_peak(10000), ns = time_call(bench_peak, b),
           peak = burned / ns;
    uint32_t *panels =
        (uint32_t *)bench_floats(dpi_layout_size(&p->layout, BENCH_WIDTH, BENCH_WIDTH));
    float *scale = bench_floats(BENCH_WIDTH);
    b->memory = (uint32_t *)bench_floats(1 + lhs_size(p, BENCH_ROWS, BENCH_WIDTH));
    b->lhs = lhs_of(p, b->a, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH, b->memory);
    dpi_pack_panels(&p->layout, panels, scale, b->b, BENCH_WIDTH, BENCH_WIDTH, BENCH_WIDTH,
                    (uint32_t *)bench_floats(BENCH_WIDTH));
    b->linear = (dpi_linear){.gemm = p,
                             .inputs = BENCH_WIDTH,
                             .outputs = BENCH_WIDTH,
                             .depth = dpi_layout_depth(&p->layout, BENCH_WIDTH),
                             .panels = panels,
                             .scale = scale};
    print_speed(b, "peak", ns, burned, peak);
    print_speed(b, "linear 196 x 768 x 768", time_call(bench_linear, b),
                (double)BENCH_ROWS * BENCH_WIDTH * BENCH_WIDTH, peak);
    if (p->layout.precision != DP_PRECISION_F32) {
        printf("%-4s %-12s %-26s %10.0f ns\n", dp_precision_name(p->layout.precision), p->name,
               "lhs 196 x 768", time_call(bench_lhs, b));
    }
    if (!has_bytes(p) && p->attention.type == DPI_NUMBER_F32) {
        print_speed(b, "attention 196 tokens of 64", time_call(bench_attention, b),
                    2.0 * BENCH_ROWS * BENCH_ROWS * 64, peak);
    }
}

int main(void) {
    bench b = {.a = bench_floats(BENCH_ROWS * BENCH_WIDTH),
               .b = bench_floats(BENCH_WIDTH * BENCH_WIDTH),
               .c = bench_floats(BENCH_ROWS * BENCH_WIDTH)};
    find_products();
    random_seed("bench_gemm");
    for (int i = 0; i < product_count; i++) {
        b.product = products[i];
        b.kernels = kernels_of(b.product);
        bench_product(&b);
    }
    return 0;
}
