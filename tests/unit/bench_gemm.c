/*
 * No test: measures every product that this machine can run, in parts of what its own loop of
 * multiply-adds reaches.
 */
#include "gemm_support.h"

#include <stdio.h>

#define BENCH_ROWS 196
#define BENCH_WIDTH 768

typedef struct bench {
    const dp_product *product;
    float *a, *b, *c; /* [BENCH_ROWS][BENCH_WIDTH], [BENCH_WIDTH][BENCH_WIDTH], as a */
    uint32_t *memory; /* of an operand */
    dp_operand operand;
    dp_linear linear;
} bench;

static void bench_burn(const void *context) {
    const bench *b = context;
    (void)b->product->burn(10000);
}

static void bench_convert(const void *context) {
    const bench *b = context;
    (void)dp_operand_make(b->product, b->a, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH, b->memory);
}

static void bench_linear(const void *context) {
    const bench *b = context;
    dp_linear_apply(kernels_of(b->product), &b->linear, BENCH_ROWS, b->operand, b->c, BENCH_WIDTH,
                    (dp_epilogue){0});
}

static void bench_attention(const void *context) {
    const bench *b = context;
    dp_attention attention = {.q = b->c,
                              .k = b->a,
                              .v = b->a + 64,
                              .stride = BENCH_WIDTH,
                              .queries = BENCH_ROWS,
                              .tokens = BENCH_ROWS,
                              .head_size = 64,
                              .scale = 0.125F};
    dp_attention_run(kernels_of(b->product), b->product, &attention, b->b);
}

static void print_speed(const bench *b, const char *name, double ns, double macs, double peak) {
    printf("%-4s %-12s %-26s %10.0f ns  %8.2f Gop/s  %3.0f %% of peak\n",
           dp_precision_name(b->product->precision), b->product->name, name, ns, 2 * macs / ns,
           100 * macs / ns / peak);
}

static void bench_product(bench *b) {
    const dp_product *p = b->product;
    double burned = (double)p->burn(10000), ns = time_call(bench_burn, b), peak = burned / ns;
    uint32_t *panels = (uint32_t *)bench_floats(dp_panel_words(p, BENCH_WIDTH, BENCH_WIDTH));
    float *scale = bench_floats(BENCH_WIDTH);
    b->memory = (uint32_t *)bench_floats(1 + dp_operand_size(p, BENCH_ROWS, BENCH_WIDTH));
    b->operand = dp_operand_make(p, b->a, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH, b->memory);
    dp_pack_outputs(p, panels, scale, b->b, BENCH_WIDTH, BENCH_WIDTH, BENCH_WIDTH,
                    (uint32_t *)bench_floats(BENCH_WIDTH));
    b->linear = (dp_linear){.product = p,
                            .inputs = BENCH_WIDTH,
                            .outputs = BENCH_WIDTH,
                            .depth = dp_panel_depth(p, BENCH_WIDTH),
                            .panels = panels,
                            .scale = scale};
    print_speed(b, "burn", ns, burned, peak);
    print_speed(b, "linear 196 x 768 x 768", time_call(bench_linear, b),
                (double)BENCH_ROWS * BENCH_WIDTH * BENCH_WIDTH, peak);
    if (p->convert != NULL) {
        printf("%-4s %-12s %-26s %10.0f ns\n", dp_precision_name(p->precision), p->name,
               "convert 196 x 768", time_call(bench_convert, b));
    }
    if (!has_bytes(p) && p->attend == NULL) {
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
        bench_product(&b);
    }
    return 0;
}
