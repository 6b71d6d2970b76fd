/*
 * lib/kernels, all but the products: every table that this machine can run, kernel by kernel,
 * against formulas in double precision, on random shapes. Buffers end where a page begins that must
 * not be touched.
 */
#include "kernel_support.h"
#include "suite.h"

/* ---- tables ---- */

static const dpi_kernels *tables[MAX_TABLES];
static int table_count;

START_TEST(tables_stay_within_their_mask) {
    ck_assert_str_eq(dpi_kernels_choose(0)->name, "c");
    ck_assert_str_eq(dpi_kernels_choose(DP_CPU_AVX512)->name, "c"); /* it needs AVX2, too */
    ck_assert_ptr_eq(dpi_kernels_choose(DP_CPU_ALL), tables[table_count - 1]);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t mask = i % 4 | i / 4 * DP_CPU_NEON;
        ck_assert_uint_eq(dpi_kernels_choose(mask)->cpu & ~(mask & dpi_cpu_features()), 0);
    }
    for (int i = 0; i < table_count; i++) {
    }
}
END_TEST

/* ---- activations ---- */

/* Largest errors in units of the last place. Every 67th float of -20 .. 20 was tried once: plain C,
 * which computes in double, has 0.5, the vector forms have 5.6 (GELU) and 3.0 (QuickGELU). */
static const double ulps[DPI_ACTIVATION_COUNT] = {0, 6, 4, 0};

/* Left of these, the exponential inside falls below the smallest normal float while the answer,
 * which is larger by the factor |x|, need not: the answer may lose digits or become 0. It is below
 * 2^-120 there. */
static const double flushed_below[DPI_ACTIVATION_COUNT] = {0, -12.5, -50, 0};

static void assert_activation(const dpi_kernels *k, dpi_activation activation, float x, float got) {
    double expected = reference_activation(activation, (double)x);
    double plain = tables[0] == k ? 0.51 : ulps[activation];
    double bound = plain * last_place(expected);
    if (fabs(expected) < (double)FLT_MIN) { /* may be flushed to 0 */
        bound = fmax(bound, (double)FLT_MIN);
    } else if ((double)x < flushed_below[activation] && tables[0] != k) {
        bound = fmax(bound, fmin(fabs(expected), 0x1p-120));
    }
    if (!is_near(got, expected, bound)) {
        ck_abort_msg("%s: activation %d of %a is %.9g, not %.9g", k->name, (int)activation,
                     (double)x, (double)got, expected);
    }
}

/* Floats of both signs by their bits, so that all sizes are tried alike. */
static void try_range(const dpi_kernels *k, dpi_activation activation, float last, uint32_t step) {
    float x[2 * 509], y[COUNT(x)];
    uint32_t end;
    memcpy(&end, &last, sizeof end);
    for (uint32_t bits = random_below(step); bits <= end;) {
        size_t count = 0;
        for (; count < COUNT(x) && bits <= end; bits += step) {
            memcpy(x + count, &bits, sizeof bits);
            x[count + 1] = -x[count];
            count += 2;
        }
        memcpy(y, x, sizeof y);
        k->activate[activation](y, count);
        for (size_t i = 0; i < count; i++) {
            assert_activation(k, activation, x[i], y[i]);
        }
    }
}

START_TEST(activations_are_accurate) {
    uint32_t step = (uint32_t)unless_brief(3989, 99991);
    for (dpi_activation a = DPI_ACTIVATION_GELU; a < DPI_ACTIVATION_COUNT; a++) {
        try_range(tables[_i], a, 20, step);
        try_range(tables[_i], a, FLT_MAX, 10 * step);
    }
}
END_TEST

/* Evenly spaced, where most arguments of a model are. */
START_TEST(activations_are_accurate_near_zero) {
    const dpi_kernels *k = tables[_i];
    for (dpi_activation a = DPI_ACTIVATION_GELU; a < DPI_ACTIVATION_COUNT; a++) {
        for (int i = -100000; i <= 100000; i += (int)unless_brief(1, 50)) {
            float x = (float)i * 1e-4F + random_float() * 1e-4F, y = x;
            k->activate[a](&y, 1);
            assert_activation(k, a, x, y);
        }
    }
}
END_TEST

START_TEST(activations_of_special_values) {
    static const float finite[] = {0.0F,     -0.0F,   FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MIN / 3,
                                   -FLT_MIN, FLT_MIN, FLT_MAX,      -FLT_MAX,      1e30F,
                                   -1e30F,   -87.5F,  -104.0F,      -1e4F};
    const dpi_kernels *k = tables[_i];
    for (dpi_activation a = DPI_ACTIVATION_GELU; a < DPI_ACTIVATION_COUNT; a++) {
        for (size_t i = 0; i < COUNT(finite); i++) {
            float y = finite[i];
            k->activate[a](&y, 1);
            assert_activation(k, a, finite[i], y);
        }
        float y[3] = {1, NAN, -1};
        k->activate[a](y, 3);
        ck_assert(isnan(y[1]));
        assert_activation(k, a, 1, y[0]);
        assert_activation(k, a, -1, y[2]);
    }
}
END_TEST

/* Nothing around the values is touched, and a value does not depend on where it stands. */
START_TEST(activations_of_any_length) {
    const dpi_kernels *k = tables[_i];
    for (size_t n = 0; n <= 70; n++) {
        for (dpi_activation a = DPI_ACTIVATION_GELU; a < DPI_ACTIVATION_COUNT; a++) {
            float *x = random_floats(n);
            float *y = guarded_copy(x, n);
            k->activate[a](y, n);
            for (size_t i = 0; i < n; i++) {
                k->activate[a](x + i, 1);
            }
            ck_assert_mem_eq(x, y, n * sizeof(float));
        }
        guarded_end();
    }
}
END_TEST

/* ---- layer norm ---- */

typedef struct norm_case {
    size_t n;
    float epsilon;
    float *x, *weight, *bias, *out;
} norm_case;

static norm_case make_norm(size_t n, bool affine, float epsilon) {
    norm_case c = {.n = n, .epsilon = epsilon};
    c.x = random_floats(n);
    c.weight = affine ? random_floats(n) : NULL;
    c.bias = affine ? random_floats(n) : NULL;
    c.out = random_floats(n);
    return c;
}

/* A bound for any order of summing: n roundings in each sum. The error of the mean moves every
 * difference, the rest is relative. `slack` is 0 where the mean is exact. */
static void assert_norm(const dpi_kernels *k, const norm_case *c, double slack) {
    double n = (double)c->n, mean = 0, size = 0, variance = 0;
    for (size_t i = 0; i < c->n; i++) {
        mean += (double)c->x[i] / n;
        size += fabs((double)c->x[i]) / n;
    }
    for (size_t i = 0; i < c->n; i++) {
        variance += pow((double)c->x[i] - mean, 2) / n;
    }
    double factor = 1 / sqrt(variance + (double)c->epsilon);
    double mean_error = slack * n * UNIT * size;
    k->layer_norm(c->x, c->weight, c->bias, c->epsilon, c->out, c->n);
    for (size_t i = 0; i < c->n; i++) {
        double weight = c->weight != NULL ? (double)c->weight[i] : 1;
        double bias = c->bias != NULL ? (double)c->bias[i] : 0;
        double y = ((double)c->x[i] - mean) * factor;
        double relative = (n / 2 + 8) * UNIT + pow(mean_error * factor, 2);
        double bound = fabs(weight) * (1.01 * mean_error * factor + relative * fabs(y)) +
                       2 * UNIT * (fabs(weight * y) + fabs(bias)) + 1e-30;
        if (!is_near(c->out[i], y * weight + bias, bound)) {
            ck_abort_msg("%s: norm of %zu, value %zu is %.9g, not %.9g", k->name, c->n, i,
                         (double)c->out[i], y * weight + bias);
        }
    }
}

START_TEST(layer_norms_match_the_formula) {
    static const float offsets[] = {0, 3, -1000, 1e6F};
    const dpi_kernels *k = tables[_i];
    for (int round = 0; round < 400; round++) {
        size_t n = round < 70 ? (size_t)round + 1 : random_size(1, 1100);
        norm_case c = make_norm(n, round % 2, round % 3 ? 1e-5F : 1e-6F);
        float offset = offsets[random_below(COUNT(offsets))];
        for (size_t i = 0; i < n; i++) {
            c.x[i] += offset;
        }
        assert_norm(k, &c, 1);
        guarded_end();
    }
}
END_TEST

/* Sums of whole numbers are exact, and so is the mean of a power of two of them: the offset, many
 * times the spread, must not cost a digit. */
START_TEST(layer_norms_survive_an_offset) {
    for (size_t n = 1; n <= 1024; n *= 2) {
        norm_case c = make_norm(n, n % 3 == 1, 1e-5F);
        for (size_t i = 0; i < n; i++) {
            c.x[i] = 4096 + (float)random_below(65);
        }
        assert_norm(tables[_i], &c, 0);
        guarded_end();
    }
}
END_TEST

START_TEST(layer_norms_of_constant_rows) {
    static const float values[] = {0, 1, -3, 1024};
    const dpi_kernels *k = tables[_i];
    for (size_t v = 0; v < COUNT(values); v++) {
        for (size_t n = 1; n < 40; n++) {
            norm_case c = make_norm(n, n % 2, 1e-5F);
            for (size_t i = 0; i < n; i++) {
                c.x[i] = values[v];
            }
            k->layer_norm(c.x, c.weight, c.bias, c.epsilon, c.out, n);
            for (size_t i = 0; i < n; i++) {
                ck_assert(c.out[i] == (c.bias != NULL ? c.bias[i] : 0));
            }
            guarded_end();
        }
    }
}
END_TEST

/* The engine normalises some rows where they stand. */
START_TEST(layer_norms_in_place) {
    const dpi_kernels *k = tables[_i];
    for (size_t n = 1; n < 100; n++) {
        norm_case c = make_norm(n, true, 1e-5F);
        k->layer_norm(c.x, c.weight, c.bias, c.epsilon, c.out, n);
        k->layer_norm(c.x, c.weight, c.bias, c.epsilon, c.x, n);
        ck_assert_mem_eq(c.x, c.out, n * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* ---- softmax ---- */

/* Terms are exp(z); a rounded argument costs |z| units. Far terms may be flushed to 0. */
static void assert_softmax(const dpi_kernels *k, const float *x, size_t n, float scale) {
    double largest = -INFINITY, sum = 0, total = 0;
    float *y = guarded_copy(x, n);
    k->softmax(y, n, scale);
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, (double)x[i] * (double)scale);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)x[i] * (double)scale - largest);
    }
    for (size_t i = 0; i < n; i++) {
        double z = (double)x[i] * (double)scale - largest;
        double expected = exp(z) / sum;
        double bound = ((double)n + 8 + 4 * fabs(z)) * UNIT * expected + 2 * (double)FLT_MIN;
        if (!is_near(y[i], expected, bound)) {
            ck_abort_msg("%s: softmax of %zu, value %zu (%g * %g) is %.9g, not %.9g", k->name, n, i,
                         (double)x[i], (double)scale, (double)y[i], expected);
        }
        total += (double)y[i];
    }
    ck_assert_double_eq_tol(total, 1, (double)(n + 4) * UNIT);
}

START_TEST(softmax_matches_the_formula) {
    for (size_t n = 1; n <= 300; n += n < 70 ? 1 : 13) {
        float *x = random_floats(n);
        float spread = (float)random_size(1, 40);
        for (size_t i = 0; i < n; i++) {
            x[i] *= spread;
        }
        assert_softmax(tables[_i], x, n, 1);
        assert_softmax(tables[_i], x, n, 0.125F);
        assert_softmax(tables[_i], x, n, 3.3F);
        guarded_end();
    }
}
END_TEST

/* Differences up to the largest that a float has. */
START_TEST(softmax_of_extreme_scores) {
    static const float sizes[] = {1e2F, 1e4F, 1e8F, 1e15F, 1e25F, 1e30F, 1e38F, FLT_MAX / 2};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (size_t n = 2; n < 40; n++) {
            float *x = guarded_floats(n);
            for (size_t i = 0; i < n; i++) {
                x[i] = random_below(2) ? sizes[s] : -sizes[s];
            }
            assert_softmax(tables[_i], x, n, 1);
            assert_softmax(tables[_i], x, n, 0.125F);
            guarded_end();
        }
    }
}
END_TEST

/* ---- blends ---- */

START_TEST(blends_match_the_formula) {
    const dpi_kernels *k = tables[_i];
    for (size_t n = 0; n < 80; n++) {
        float *a = random_floats(n), *b = random_floats(n), *weights = random_floats(n);
        float *row = guarded_copy(a, n), *out = random_floats(n);
        float weight = fabsf(random_float()), scale = 3 * random_float(), offset = random_float();
        k->blend_columns(row, b, weights, n);
        k->blend_rows(a, b, weight, scale, offset, out, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)a[i], difference = (double)b[i] - x;
            double y = x + difference * (double)weights[i];
            double z = (x + difference * (double)weight) * (double)scale + (double)offset;
            double size = fabs(x) + fabs((double)b[i]);
            ck_assert(is_near(row[i], y, 4 * UNIT * size));
            ck_assert(is_near(out[i], z, 5 * UNIT * (size * 3 + fabs((double)offset))));
        }
        guarded_end();
    }
}
END_TEST

/* Equal neighbours are not moved by any weight: plain areas of a picture stay plain. */
START_TEST(blends_keep_equal_values) {
    const dpi_kernels *k = tables[_i];
    float *a = random_floats(50), *weights = random_floats(50);
    float *row = guarded_copy(a, 50), *out = guarded_floats(50);
    k->blend_columns(row, a, weights, 50);
    k->blend_rows(a, a, 0.37F, 1, 0, out, 50);
    ck_assert_mem_eq(row, a, 50 * sizeof(float));
    ck_assert_mem_eq(out, a, 50 * sizeof(float));
}
END_TEST

/* ---- the suite ---- */

static void add_for_each_table(Suite *suite, TCase *cases) {
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, random_restart, guarded_end);
    suite_add_tcase(suite, cases);
}

#define ADD(cases, test) tcase_add_loop_test(cases, test, 0, table_count)

static Suite *kernels_suite(void) {
    Suite *suite = suite_create("kernels");
    TCase *choice = tcase_create("choice");
    tcase_add_test(choice, tables_stay_within_their_mask);
    suite_add_tcase(suite, choice);

    TCase *rows = tcase_create("rows");
    ADD(rows, activations_are_accurate);
    ADD(rows, activations_are_accurate_near_zero);
    ADD(rows, activations_of_special_values);
    ADD(rows, activations_of_any_length);
    ADD(rows, layer_norms_match_the_formula);
    ADD(rows, layer_norms_survive_an_offset);
    ADD(rows, layer_norms_of_constant_rows);
    ADD(rows, layer_norms_in_place);
    ADD(rows, softmax_matches_the_formula);
    ADD(rows, softmax_of_extreme_scores);
    ADD(rows, blends_match_the_formula);
    ADD(rows, blends_keep_equal_values);
    add_for_each_table(suite, rows);

    return suite;
}

int main(void) {
    table_count = find_tables(tables);
    random_seed("test_kernels");
    return run_suite(kernels_suite());
}
