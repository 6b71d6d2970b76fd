/*
 * Prints a line for everything that a table of kernels or a GEMM computes: its name, what it
 * computed, and a hash of the answer, in which all NaN are one. Two builds whose kernels give the
 * same bits print the same lines. Numbers are ordinary ones, tiny ones, and any bits.
 */
#include "gemm_support.h"

#include <stdio.h>

/* ---- numbers ---- */

static float ordinary(void) {
    return 3 * random_float();
}

/* Of the size of the smallest, and their products, too. */
static float tiny(void) {
    return ldexpf(random_float(), -(int)random_size(50, 149));
}

/* Exponents of all sizes, infinity and NaN. */
static float any_bits(void) {
    return float_of(random_below(65536) << 16 | random_below(65536));
}

/* One number in 16 is any; so most sums are finite. */
static float mixed(void) {
    return random_below(16) == 0 ? any_bits() : ordinary();
}

/* Their products are 2^-126, the smallest normal number, and others far smaller. */
static float power(void) {
    return ldexpf(random_below(2) ? 1 : -1, -63 - 13 * (int)random_below(2));
}

static float finite(void) {
    float x = mixed();
    return isfinite(x) ? x : 1;
}

/* Numbers of rows, and of weights and biases that they are multiplied by; NULL: no bias. */
typedef struct kind {
    const char *name;
    float (*number)(void), (*weight)(void), (*bias)(void);
} kind;

static const kind kinds[] = {{"ordinary", ordinary, ordinary, ordinary},
                             {"tiny", tiny, ordinary, NULL},
                             {"powers", power, power, NULL},
                             {"any bits", any_bits, ordinary, ordinary},
                             {"mixed", mixed, ordinary, ordinary},
                             {"finite", finite, ordinary, ordinary}};

/* Memory that is freed by release(). */
static void *blocks[64];
static size_t block_count;

static void *take(size_t size) {
    void *block = block_count < COUNT(blocks) ? calloc(size + 64, 1) : NULL;
    if (block == NULL) {
        abort();
    }
    blocks[block_count++] = block;
    return block;
}

static void release(void) {
    while (block_count > 0) {
        free(blocks[--block_count]);
    }
}

static float *take_floats(size_t count, float (*number)(void)) {
    float *x = take(count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        x[i] = number();
    }
    return x;
}

static uint16_t *take_halves(size_t count, float (*number)(void)) {
    uint16_t *x = take(count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        x[i] = (uint16_t)(bits_of(number()) >> 16);
    }
    return x;
}

/* ---- hashes (FNV-1a) ---- */

typedef uint64_t hash;
#define HASH_START 0xcbf29ce484222325U

static hash hash_bytes(hash h, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3U;
    }
    return h;
}

static hash hash_float(hash h, float x) {
    uint32_t bits = isnan(x) ? 0x7fc00000U : bits_of(x);
    return hash_bytes(h, &bits, sizeof bits);
}

static hash hash_floats(const float *x, size_t count) {
    hash h = HASH_START;
    for (size_t i = 0; i < count; i++) {
        h = hash_float(h, x[i]);
    }
    return h;
}

static hash hash_halves(const uint16_t *x, size_t count) {
    hash h = HASH_START;
    for (size_t i = 0; i < count; i++) {
        h = hash_float(h, float_of((uint32_t)x[i] << 16));
    }
    return h;
}

static hash hash_rows(dpi_rows rows, size_t count) {
    return rows.type == DPI_NUMBER_BF16 ? hash_halves(rows.numbers, count)
                                        : hash_floats(rows.numbers, count);
}

/* ---- tables of kernels ---- */

static const char *const activations[DPI_ACTIVATION_COUNT] = {"none", "gelu", "quick_gelu", "relu"};

static void print_kernel(const dpi_kernels *k, const char *kernel, const kind *numbers, size_t n,
                         const float *answer) {
    printf("%s: %s of %zu, %s: %016llx\n", k->name, kernel, n, numbers->name,
           (unsigned long long)hash_floats(answer, n));
}

static void print_kernels(const dpi_kernels *k, const kind *numbers, size_t n) {
    for (dpi_activation a = DPI_ACTIVATION_GELU; a < DPI_ACTIVATION_COUNT; a++) {
        float *x = take_floats(n, numbers->number);
        k->activate[a](x, n);
        print_kernel(k, activations[a], numbers, n, x);
    }
    float *x = take_floats(n, numbers->number), *y = take_floats(n, numbers->number);
    float *weight = take_floats(n, ordinary), *out = take_floats(n, ordinary);
    k->layer_norm(x, weight, y, 1e-5F, out, n);
    print_kernel(k, "layer norm with weight", numbers, n, out);
    k->layer_norm(x, NULL, NULL, 1e-5F, out, n);
    print_kernel(k, "layer norm", numbers, n, out);
    k->blend_rows(x, y, 0.3F, 1.7F, -0.4F, out, n);
    print_kernel(k, "blended rows", numbers, n, out);
    k->blend_columns(x, y, weight, n);
    print_kernel(k, "blended columns", numbers, n, x);
    k->softmax(y, n, 0.7F);
    print_kernel(k, "softmax", numbers, n, y);
    release();
}

/* ---- GEMMs ---- */

static void print_gemm(const dpi_gemm *p, const char *what, size_t a, size_t b, size_t c,
                       const char *numbers, hash h) {
    printf("%s, %s: %s of %zu, %zu, %zu, %s: %016llx\n", p->name,
           dp_precision_name(p->layout.precision), what, a, b, c, numbers, (unsigned long long)h);
}

static hash hash_groups(const dpi_gemm *p, const uint32_t *groups, size_t count,
                        const dpi_row_scale *scale) {
    hash h = p->layout.precision == DP_PRECISION_BF16
                 ? hash_halves((const uint16_t *)groups, 2 * count)
                 : hash_bytes(HASH_START, groups, count * sizeof *groups);
    return has_bytes(p) ? hash_bytes(hash_float(h, scale->scale), &scale->sum, sizeof scale->sum)
                        : h;
}

/* Which byte a NaN becomes may differ. */
static bool rounds(const dpi_gemm *p, const kind *numbers) {
    return p->layout.round_row != NULL &&
           !(has_bytes(p) && (numbers->number == any_bits || numbers->number == mixed));
}

static void print_rounded(const dpi_gemm *p, const kind *numbers, size_t n) {
    size_t depth = dpi_layout_depth(&p->layout, n);
    dpi_row_scale scale = {0, 0};
    uint32_t *groups = take(depth * p->lhs.expansion * sizeof *groups);
    p->layout.round_row(take_floats(n, numbers->number), n, groups, &scale);
    print_gemm(p, "rounded", n, 0, 0, numbers->name, hash_groups(p, groups, depth, &scale));
    if (p->lhs.from_bf16 != NULL) {
        p->lhs.from_bf16(take_halves(n, numbers->number), n, groups, &scale);
        print_gemm(p, "from bf16", n, 0, 0, numbers->name, hash_groups(p, groups, depth, &scale));
    }
    release();
}

static dpi_linear take_linear(const dpi_gemm *p, size_t inputs, size_t outputs,
                              const kind *numbers) {
    size_t columns = dpi_layout_columns(&p->layout, outputs);
    dpi_linear linear = {.gemm = p, .inputs = inputs, .outputs = outputs};
    uint32_t *panels = take(dpi_layout_size(&p->layout, inputs, outputs) * sizeof *panels);
    float *scale = has_bytes(p) ? take(columns * sizeof *scale) : NULL;
    linear.depth = dpi_layout_depth(&p->layout, inputs);
    dpi_pack_panels(&p->layout, panels, scale, take_floats(inputs * outputs, numbers->weight),
                    inputs, outputs, inputs, take(linear.depth * sizeof *panels));
    linear.panels = panels;
    linear.scale = scale;
    linear.bias = numbers->bias != NULL ? take_floats(columns, numbers->bias) : NULL;
    return linear;
}

static dpi_rows take_output(size_t count, size_t stride, dpi_number_type type,
                            float (*number)(void)) {
    return type == DPI_NUMBER_BF16 ? (dpi_rows){take_halves(count, number), stride, DPI_NUMBER_BF16}
                                   : dpi_rows_f32(take_floats(count, number), stride);
}

static void print_products(const dpi_gemm *p, const kind *numbers, size_t rows, size_t inputs,
                           size_t outputs) {
    for (int which = 0; which < 2 * DPI_ACTIVATION_COUNT; which++) {
        for (dpi_number_type type = DPI_NUMBER_F32; type <= p->lhs.output_type; type++) {
            dpi_epilogue epilogue = {which % 2 != 0, (dpi_activation)(which / 2)};
            size_t stride = outputs + 3, size = lhs_size(p, rows, inputs);
            dpi_linear linear = take_linear(p, inputs, outputs, numbers);
            dpi_lhs lhs = lhs_of(p, take_floats(rows * inputs, numbers->number), inputs, rows,
                                 inputs, size > 0 ? take(size * sizeof(uint32_t)) : NULL);
            dpi_rows out = take_output(rows * stride, stride, type, ordinary);
            char what[64];
            dpi_gemm_run(kernels_of(p), &linear, rows, lhs, out, epilogue);
            (void)snprintf(
                what, sizeof what, "%s product%s, %s", type == DPI_NUMBER_BF16 ? "bf16" : "f32",
                epilogue.accumulate ? " that is added" : "", activations[epilogue.activation]);
            print_gemm(p, what, rows, inputs, outputs, numbers->name,
                       hash_rows(out, rows * stride));
            release();
        }
    }
}

static void print_attention(const dpi_gemm *p, const kind *numbers, size_t tokens, size_t queries,
                            size_t size) {
    dpi_number_type type = p->attention.type;
    size_t stride = size + 3;
    dpi_attention a = {.q = take_output(queries * stride, stride, type, numbers->number),
                       .k = take_output(tokens * stride, stride, type, numbers->number),
                       .v = take_output(tokens * stride, stride, type, numbers->number),
                       .queries = queries,
                       .tokens = tokens,
                       .head_size = size,
                       .scale = 0.3F};
    size_t floats = dpi_attention_scratch(p, tokens, size);
    dpi_attention_run(kernels_of(p), p, &a, take(floats * sizeof(float)));
    print_gemm(p, "attention", tokens, queries, size, numbers->name,
               hash_rows(a.q, queries * stride));
    release();
}

/* Sizes at the edges of tiles and of slices of the depth, and those of models. */
static void print_one_gemm(const dpi_gemm *p) {
    static const size_t lengths[] = {1, 2, 15, 31, 32, 33, 64, 100};
    static const size_t products_of[][3] = {{1, 1, 1},    {3, 17, 5},   {16, 33, 31}, {15, 64, 33},
                                            {33, 70, 65}, {31, 96, 32}, {2, 1100, 9}};
    static const size_t heads[][3] = {{1, 1, 1}, {17, 3, 15}, {50, 50, 16}, {65, 33, 33}};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        random_start(k + 1);
        for (size_t i = 0; rounds(p, &kinds[k]) && i < COUNT(lengths); i++) {
            print_rounded(p, &kinds[k], lengths[i]);
        }
        for (size_t i = 0; i < COUNT(products_of); i++) {
            print_products(p, &kinds[k], products_of[i][0], products_of[i][1], products_of[i][2]);
        }
        for (size_t i = 0; !has_bytes(p) && i < COUNT(heads); i++) {
            print_attention(p, &kinds[k], heads[i][0], heads[i][1], heads[i][2]);
        }
    }
}

int main(void) {
    const dpi_kernels *tables[MAX_TABLES];
    int table_count = find_tables(tables);
    for (int t = 1; t < table_count; t++) { /* plain C is the first */
        for (size_t k = 0; k < COUNT(kinds); k++) {
            random_start(k + 1);
            for (size_t n = 1; n <= 1000; n += n < 40 ? 1 : 137) {
                print_kernels(tables[t], &kinds[k], n);
            }
        }
    }
    find_products();
    for (int i = 0; i < product_count; i++) {
        if (products[i]->cpu != 0) {
            print_one_gemm(products[i]);
        }
    }
    return 0;
}
