/*
 * lib/gemm, linear layers: whole products with bias, activation and accumulation, in parts of
 * rows, inputs and outputs, against formulas in double precision on the rounded numbers.
 */
#include "gemm_support.h"

/* ---- a linear layer ---- */

typedef struct layer {
    dpi_linear linear;
    dpi_epilogue epilogue;
    size_t rows, in_stride, out_stride;
    float *w, *in, *before, *out; /* w [outputs][inputs] */
    double *sum, *size;           /* [rows][outputs]: of the terms so far, and of their sizes */
    size_t steps;                 /* how often a sum is rounded */
} layer;

static void pack_layer(const dpi_gemm *p, layer *l) {
    size_t outputs = l->linear.outputs, inputs = l->linear.inputs;
    uint32_t *panels = garbage_words(dpi_layout_size(&p->layout, inputs, outputs));
    float *scale = NULL;
    if (has_bytes(p)) {
        scale = guarded_floats(round_up(outputs, p->layout.nr));
        memset(scale, 0, round_up(outputs, p->layout.nr) * sizeof(float));
    }
    dpi_pack_panels(&p->layout, panels, scale, l->w, inputs, outputs, inputs,
                    guarded_words(dpi_layout_depth(&p->layout, inputs)));
    l->linear.gemm = p;
    l->linear.depth = dpi_layout_depth(&p->layout, inputs);
    l->linear.panels = panels;
    l->linear.scale = scale;
}

static double *zeros(size_t count) {
    double *values = guarded_bytes(count * sizeof *values, sizeof *values);
    memset(values, 0, count * sizeof *values);
    return values;
}

static layer make_layer(const dpi_gemm *p, size_t rows, size_t inputs, size_t outputs) {
    layer l = {.linear = {.inputs = inputs, .outputs = outputs}, .rows = rows};
    l.in_stride = inputs + random_below(4);
    l.out_stride = outputs + random_below(4);
    l.w = random_floats(outputs * inputs);
    pack_layer(p, &l);
    l.linear.bias = random_below(4) ? random_floats(round_up(outputs, DPI_MAX_NR)) : NULL;
    l.in = random_floats(extent(rows, inputs, l.in_stride));
    l.before = random_floats(extent(rows, outputs, l.out_stride));
    l.out = guarded_copy(l.before, extent(rows, outputs, l.out_stride));
    l.sum = zeros(rows * outputs);
    l.size = zeros(rows * outputs);
    l.epilogue = (dpi_epilogue){.accumulate = random_below(2) != 0,
                                .activation = (dpi_activation)random_below(DPI_ACTIVATION_COUNT)};
    return l;
}

static layer random_layer(const dpi_gemm *p) {
    size_t inputs = random_below(3) ? random_size(1, 100) : random_size(100, 1100);
    return make_layer(p, random_size(1, 40), inputs, random_size(1, 100));
}

/* `rows` rows from `row` on, of which `inputs` inputs from `first` on, as an lhs of their own.
 */
static dpi_lhs lhs_part(const layer *l, size_t row, size_t rows, size_t first, size_t inputs) {
    const dpi_gemm *p = l->linear.gemm;
    size_t size = lhs_size(p, rows, inputs);
    return lhs_of(p, l->in + row * l->in_stride + first, l->in_stride, rows, inputs,
                  size > 0 ? garbage_words(size) : NULL);
}

static dpi_lhs whole_lhs(const layer *l) {
    return lhs_part(l, 0, l->rows, 0, l->linear.inputs);
}

static void run_layer(const layer *l, float *out) {
    dpi_gemm_run(kernels_of(l->linear.gemm), &l->linear, l->rows, whole_lhs(l),
                 dpi_rows_f32(out, l->out_stride), l->epilogue);
}

/* Element (i, j) of a product, on the numbers as they were rounded. */
static double product_element(const dpi_linear *linear, const dpi_lhs *in, size_t i, size_t j,
                              double *size) {
    const dpi_gemm *p = linear->gemm;
    const uint32_t *column = panel_column(p, linear->panels, linear->depth, j);
    double sum = 0;
    *size = 0;
    for (size_t n = 0; n < linear->inputs; n++) {
        double term = in_lhs(p, in->groups + i * in->stride, n) * in_column(p, column, n);
        sum += term;
        *size += fabs(term);
    }
    if (has_bytes(p)) {
        sum *= (double)in->scale[i].scale * (double)linear->scale[j];
        *size = fabs(sum);
    }
    return sum;
}

/* Adds a product, which may be a part of the layer's, to what is expected. */
static void expect_product(layer *l, const dpi_linear *linear, const dpi_lhs *in) {
    for (size_t i = 0; i < l->rows; i++) {
        for (size_t j = 0; j < linear->outputs; j++) {
            size_t place = i * linear->outputs + j;
            double size;
            l->sum[place] += product_element(linear, in, i, j, &size);
            l->size[place] += size;
        }
    }
    l->steps += has_bytes(linear->gemm) ? 4 : linear->inputs + 1;
}

/* Products that apply() have activations for answers that are going to be rounded: 7e-5 of the
 * answer, and of GELU 1.2e-5 besides. */
static double rounded_activation(const layer *l, double expected) {
    return l->linear.gemm->run != dpi_gemm_run_tiles &&
                   l->epilogue.activation != DPI_ACTIVATION_NONE
               ? 0x1p-13 * fabs(expected) + 0x1p-15
               : 0;
}

/* Activations stretch an error by less than 1.2. */
static void assert_layer(const layer *l) {
    for (size_t i = 0; i < l->rows; i++) {
        for (size_t j = 0; j < l->linear.outputs; j++) {
            size_t place = i * l->linear.outputs + j;
            double bias = l->linear.bias != NULL ? (double)l->linear.bias[j] : 0;
            double old = l->epilogue.accumulate ? (double)l->before[i * l->out_stride + j] : 0;
            double expected =
                reference_activation(l->epilogue.activation, l->sum[place] + bias + old);
            double bound = 1.2 * (double)(l->steps + 3) * UNIT * (2 + l->size[place]) +
                           6 * last_place(expected) + rounded_activation(l, expected);
            float got = l->out[i * l->out_stride + j];
            if (!is_near(got, expected, bound)) {
                ck_abort_msg(
                    "%s, %s: %zu rows, %zu inputs, %zu outputs: (%zu, %zu) is %.9g, not %.9g",
                    dp_precision_name(l->linear.gemm->layout.precision), l->linear.gemm->name,
                    l->rows, l->linear.inputs, l->linear.outputs, i, j, (double)got, expected);
            }
        }
    }
    assert_gaps(l->out, l->before, l->rows, l->linear.outputs, l->out_stride);
}

START_TEST(layers_match_the_formula) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(60, 10); round++) {
        layer l = random_layer(p);
        dpi_lhs in = whole_lhs(&l);
        run_layer(&l, l.out);
        expect_product(&l, &l.linear, &in);
        assert_layer(&l);
        guarded_end();
    }
}
END_TEST

/* What products write as bf16 is what they write as f32, rounded: bit for bit, and nothing beside
 * it. */
START_TEST(layers_of_bf16_are_rounded) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(60, 10) && p->run != dpi_gemm_run_tiles; round++) {
        layer l = random_layer(p);
        size_t count = extent(l.rows, l.linear.outputs, l.out_stride);
        uint16_t *before = halves_of(l.before, count), *out = halves_of(l.before, count);
        for (size_t i = 0; i < count; i++) {
            l.out[i] = float_of((uint32_t)before[i] << 16);
        }
        run_layer(&l, l.out);
        dpi_gemm_run(kernels_of(p), &l.linear, l.rows, whole_lhs(&l),
                     (dpi_rows){out, l.out_stride, DPI_NUMBER_BF16}, l.epilogue);
        for (size_t i = 0; i < count; i++) {
            bool inside = i % l.out_stride < l.linear.outputs;
            ck_assert_uint_eq(out[i], inside ? nearest_bf16(l.out[i]) : before[i]);
        }
        guarded_end();
    }
}
END_TEST

/* More rows than a block has, whole blocks first. */
START_TEST(layers_may_have_more_rows_than_a_block) {
    const dpi_gemm *p = products[_i];
    for (size_t more = 0; more < 2; more++) {
        layer l = make_layer(p, p->row_block + more, 9, 3);
        dpi_lhs in = whole_lhs(&l);
        run_layer(&l, l.out);
        expect_product(&l, &l.linear, &in);
        assert_layer(&l);
        guarded_end();
    }
}
END_TEST

/* Nothing is asked for: nothing is written. */
START_TEST(layers_without_outputs_or_rows) {
    const dpi_gemm *p = products[_i];
    layer l = make_layer(p, 3, 40, 5);
    dpi_linear none = {0};
    dpi_gemm_run(kernels_of(p), &none, l.rows, (dpi_lhs){0}, dpi_rows_f32(l.out, l.out_stride),
                 l.epilogue);
    dpi_gemm_run(kernels_of(p), &l.linear, 0, (dpi_lhs){0}, dpi_rows_f32(l.out, l.out_stride),
                 l.epilogue);
    ck_assert_mem_eq(l.out, l.before, extent(l.rows, 5, l.out_stride) * sizeof(float));
}
END_TEST

/* Bytes round alike everywhere, and so do their products. */
START_TEST(layers_of_bytes_are_the_same_everywhere) {
    const dpi_gemm *p = products[_i], *plain = products[first_bytes];
    for (size_t round = 0; round < unless_brief(40, 10); round++) {
        layer l = random_layer(p);
        size_t count = extent(l.rows, l.linear.outputs, l.out_stride);
        float *expected = guarded_copy(l.before, count);
        l.epilogue.activation =
            DPI_ACTIVATION_NONE; /* which each table has its own way to compute */
        run_layer(&l, l.out);
        pack_layer(plain, &l);
        run_layer(&l, expected);
        ck_assert_mem_eq(l.out, expected, count * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* The panels of a matrix with a smaller number of outputs give its first columns. */
START_TEST(parts_give_the_first_columns) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        l.epilogue.accumulate = false;
        run_layer(&l, l.out);
        layer part = l;
        part.linear.outputs = random_size(1, l.linear.outputs);
        part.out_stride = part.linear.outputs;
        float *out = guarded_floats(l.rows * part.out_stride);
        run_layer(&part, out);
        for (size_t i = 0; i < l.rows; i++) {
            ck_assert_mem_eq(out + i * part.out_stride, l.out + i * l.out_stride,
                             part.out_stride * sizeof(float));
        }
        guarded_end();
    }
}
END_TEST

/* A part of the outputs is that part of the answer. */
START_TEST(outputs_can_be_asked_in_parts) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t floats = extent(l.rows, l.linear.outputs, l.out_stride);
        float *out = guarded_copy(l.before, floats);
        dpi_lhs in = whole_lhs(&l);
        run_layer(&l, l.out);
        for (size_t first = 0, count; first < l.linear.outputs; first += count) {
            count = p->layout.nr * random_size(1, 3);
            count = count < l.linear.outputs - first ? count : l.linear.outputs - first;
            dpi_linear part = dpi_linear_outputs(&l.linear, first, count);
            dpi_gemm_run(kernels_of(p), &part, l.rows, in, dpi_rows_f32(out + first, l.out_stride),
                         l.epilogue);
        }
        ck_assert_mem_eq(out, l.out, floats * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* Parts of the inputs are parts of the sum: added up, they are the answer. Each part of a row of
 * bytes has a scale of its own. */
START_TEST(inputs_can_be_given_in_parts) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t inputs = l.linear.inputs, step = p->layout.step * p->layout.kr;
        for (size_t first = 0, count; first < inputs; first += count) {
            count = step * random_size(1, (inputs - first) / step + 1);
            count = count < inputs - first ? count : inputs - first;
            dpi_linear part = dpi_linear_inputs(&l.linear, first, count);
            dpi_lhs in = lhs_part(&l, 0, l.rows, first, count);
            dpi_epilogue epilogue = {.accumulate = l.epilogue.accumulate || first > 0};
            if (first + count == inputs) {
                epilogue.activation = l.epilogue.activation;
            }
            dpi_gemm_run(kernels_of(p), &part, l.rows, in, dpi_rows_f32(l.out, l.out_stride),
                         epilogue);
            expect_product(&l, &part, &in);
        }
        assert_layer(&l);
        guarded_end();
    }
}
END_TEST

/* Threads split rows in ways that depend on their number; the answer must not. */
START_TEST(rows_do_not_depend_on_the_split) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t floats = extent(l.rows, l.linear.outputs, l.out_stride);
        float *parts = guarded_copy(l.before, floats);
        run_layer(&l, l.out);
        for (size_t first = 0; first < l.rows;) {
            size_t count = random_size(1, l.rows - first);
            dpi_lhs in = lhs_part(&l, first, count, 0, l.linear.inputs);
            dpi_gemm_run(kernels_of(p), &l.linear, count, in,
                         dpi_rows_f32(parts + first * l.out_stride, l.out_stride), l.epilogue);
            first += count;
        }
        ck_assert_mem_eq(parts, l.out, floats * sizeof(float));
        guarded_end();
    }
}
END_TEST

static Suite *linear_suite(void) {
    Suite *suite = suite_create("linear");
    TCase *layers = add_guarded_case(suite, "layers");
    ADD(layers, layers_match_the_formula);
    ADD_ROUNDED(layers, layers_of_bf16_are_rounded);
    ADD(layers, layers_may_have_more_rows_than_a_block);
    ADD(layers, layers_without_outputs_or_rows);
    ADD_BYTES(layers, layers_of_bytes_are_the_same_everywhere);
    ADD(layers, parts_give_the_first_columns);
    ADD(layers, outputs_can_be_asked_in_parts);
    ADD(layers, inputs_can_be_given_in_parts);
    ADD(layers, rows_do_not_depend_on_the_split);
    return suite;
}

int main(void) {
    return run_products("test_linear", linear_suite);
}
