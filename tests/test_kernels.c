/*
 * lib/kernels: every table that this machine can run, kernel by kernel, against formulas in double
 * precision and against plain C, on random shapes. Buffers end where a page begins that must not be
 * touched. With --bench the program measures the kernels instead.
 */
#include "dualpath.h"
#include "kernels/kernels.h"
#include "runtime/runtime.h"
#include "support.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Half the distance from 1 to the next float: the relative error of one operation. */
#define UNIT 0x1p-24

/* ---- tables ---- */

static const dp_kernels *tables[3];
static int table_count;

static void find_tables(void) {
    static const uint32_t masks[] = {0, DP_CPU_AVX2, DP_CPU_AVX2 | DP_CPU_AVX512};
    for (size_t i = 0; i < COUNT(masks); i++) {
        const dp_kernels *table = dp_kernels_choose(masks[i]);
        if (table_count == 0 || tables[table_count - 1] != table) {
            tables[table_count++] = table;
        }
    }
}

START_TEST(tables_stay_within_their_mask) {
    ck_assert_str_eq(dp_kernels_choose(0)->name, "c");
    ck_assert_str_eq(dp_kernels_choose(DP_CPU_AVX512)->name, "c"); /* it needs AVX2, too */
    ck_assert_ptr_eq(dp_kernels_choose(DP_CPU_ALL), tables[table_count - 1]);
    for (uint32_t mask = 0; mask < 4; mask++) {
        ck_assert_uint_eq(dp_kernels_choose(mask)->cpu & ~(mask & dp_cpu_features()), 0);
    }
    for (int i = 0; i < table_count; i++) {
        ck_assert_uint_le(tables[i]->f32.nr, DP_MAX_NR);
        ck_assert_uint_eq(tables[i]->f32.cpu, tables[i]->cpu);
    }
}
END_TEST

/* ---- comparing ---- */

/* Whether `got` is within `bound` of `expected`; not if it is no number. Tests that ask it for a
 * million values fail by ck_abort_msg(): an assertion costs a system call even when it holds. */
static bool is_near(float got, double expected, double bound) {
    return fabs((double)got - expected) <= bound;
}

/* Everything but `columns` columns of each row is as it was. */
static void assert_gaps(const float *x, const float *before, size_t rows, size_t columns,
                        size_t stride) {
    for (size_t i = 0; i + 1 < rows; i++) {
        ck_assert_mem_eq(x + i * stride + columns, before + i * stride + columns,
                         (stride - columns) * sizeof(float));
    }
}

/* Floats of `rows` rows without what would follow the last one. */
static size_t extent(size_t rows, size_t columns, size_t stride) {
    return rows > 0 ? (rows - 1) * stride + columns : 0;
}

static float *random_floats(size_t count) {
    float *values = guarded_floats(count);
    random_fill(values, count);
    return values;
}

/* -8 .. 8: sums and products of a few thousand of them are exact. */
static float *whole_floats(size_t count) {
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)random_below(17) - 8;
    }
    return values;
}

static size_t round_up(size_t n, size_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

/* ---- one tile ---- */

typedef struct tile {
    size_t rows, columns, depth, lda, ldc;
    bool accumulate;
    float *a, *panel, *bias, *before, *c;
} tile;

static tile make_tile(const dp_kernels *k, size_t rows, size_t columns, size_t depth,
                      float *(*make)(size_t)) {
    tile t = {.rows = rows, .columns = columns, .depth = depth};
    t.accumulate = random_below(2) != 0;
    t.lda = depth + random_below(4);
    t.ldc = columns + random_below(4);
    t.a = make(extent(rows, depth, t.lda));
    t.panel = make(depth * k->f32.nr);
    t.bias = random_below(2) ? make(k->f32.nr) : NULL;
    t.before = make(extent(rows, columns, t.ldc));
    t.c = guarded_copy(t.before, extent(rows, columns, t.ldc));
    return t;
}

/* `next` points where nothing may be read. */
static void run_tile(const dp_kernels *k, const tile *t, size_t rows, size_t columns, float *c) {
    k->f32.tile(&(dp_tile){.rows = rows,
                           .columns = columns,
                           .words = t->depth,
                           .a = (const uint32_t *)t->a,
                           .a_stride = t->lda,
                           .panel = (const uint32_t *)t->panel,
                           .bias = t->bias,
                           .accumulate = t->accumulate,
                           .c = c,
                           .c_stride = t->ldc,
                           .next = (uintptr_t)(t->panel + t->depth * k->f32.nr),
                           .ahead = 1 + random_below(8 * (uint32_t)k->f32.nr)});
}

/* One element, and the sum of the sizes of its terms, which bounds the error of any order. */
static double tile_element(const dp_kernels *k, const tile *t, size_t i, size_t j, double *size) {
    double sum = t->bias != NULL ? (double)t->bias[j] : 0;
    double old = t->accumulate ? (double)t->before[i * t->ldc + j] : 0;
    *size = fabs(sum) + fabs(old);
    for (size_t d = 0; d < t->depth; d++) {
        double term = (double)t->a[i * t->lda + d] * (double)t->panel[d * k->f32.nr + j];
        sum += term;
        *size += fabs(term);
    }
    return sum + old;
}

/* `slack` is 0 for whole numbers, where every step is exact. */
static void assert_tile(const dp_kernels *k, const tile *t, double slack) {
    run_tile(k, t, t->rows, t->columns, t->c);
    for (size_t i = 0; i < t->rows; i++) {
        for (size_t j = 0; j < t->columns; j++) {
            double size;
            double expected = tile_element(k, t, i, j, &size);
            float got = t->c[i * t->ldc + j];
            if (!is_near(got, expected, slack * (double)(t->depth + 3) * UNIT * size)) {
                ck_abort_msg("%s: tile %zux%zu of depth %zu, element (%zu, %zu) is %.9g, not %.9g",
                             k->name, t->rows, t->columns, t->depth, i, j, (double)got, expected);
            }
        }
    }
    assert_gaps(t->c, t->before, t->rows, t->columns, t->ldc);
}

START_TEST(tiles_of_whole_numbers_are_exact) {
    static const size_t depths[] = {0, 1, 2, 3, 7, 16, 31, 64, 65};
    const dp_kernels *k = tables[_i];
    for (size_t rows = 1; rows <= k->f32.mr; rows++) {
        for (size_t columns = 1; columns <= k->f32.nr; columns++) {
            tile t = make_tile(k, rows, columns, depths[random_below(COUNT(depths))], whole_floats);
            assert_tile(k, &t, 0);
            guarded_end();
        }
    }
}
END_TEST

START_TEST(tiles_are_within_rounding) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 200; round++) {
        size_t depth = random_below(4) ? random_size(0, 90) : random_size(90, 2000);
        tile t = make_tile(k, random_size(1, k->f32.mr), random_size(1, k->f32.nr), depth,
                           random_floats);
        assert_tile(k, &t, 1.01);
        guarded_end();
    }
}
END_TEST

/* An element is the same, bit for bit, in a tile of any other size. */
START_TEST(elements_do_not_depend_on_the_tile) {
    const dp_kernels *k = tables[_i];
    tile t = make_tile(k, k->f32.mr, k->f32.nr, 77, random_floats);
    run_tile(k, &t, k->f32.mr, k->f32.nr, t.c);
    size_t count = extent(k->f32.mr, k->f32.nr, t.ldc);
    for (size_t rows = 1; rows <= k->f32.mr; rows++) {
        for (size_t columns = 1; columns <= k->f32.nr; columns++) {
            float *c = guarded_copy(t.before, count);
            run_tile(k, &t, rows, columns, c);
            for (size_t i = 0; i < rows; i++) {
                ck_assert_mem_eq(c + i * t.ldc, t.c + i * t.ldc, columns * sizeof(float));
            }
        }
    }
}
END_TEST

/* ---- activations ---- */

static double reference_activation(dp_activation activation, double x) {
    switch (activation) {
    case DP_ACTIVATION_GELU:
        return x * 0.5 * erfc(-x * 0.70710678118654752440);
    case DP_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case DP_ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    default:
        return x;
    }
}

/* Largest errors in units of the last place. Every 67th float of -20 .. 20 was tried once: plain C,
 * which computes in double, has 0.5, the vector forms have 5.6 (GELU) and 3.0 (QuickGELU). */
static const double ulps[DP_ACTIVATION_COUNT] = {0, 6, 4, 0};

/* Left of these, the exponential inside falls below the smallest normal float while the answer,
 * which is larger by the factor |x|, need not: the answer may lose digits or become 0. It is below
 * 2^-120 there. */
static const double flushed_below[DP_ACTIVATION_COUNT] = {0, -12.5, -50, 0};

static double last_place(double value) {
    int exponent;
    (void)frexp(fmax(fabs(value), (double)FLT_MIN), &exponent);
    return ldexp(1, exponent - 24);
}

static void assert_activation(const dp_kernels *k, dp_activation activation, float x, float got) {
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
static void try_range(const dp_kernels *k, dp_activation activation, float last, uint32_t step) {
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
    for (dp_activation a = DP_ACTIVATION_GELU; a < DP_ACTIVATION_COUNT; a++) {
        try_range(tables[_i], a, 20, step);
        try_range(tables[_i], a, FLT_MAX, 10 * step);
    }
}
END_TEST

/* Evenly spaced, where most arguments of a model are. */
START_TEST(activations_are_accurate_near_zero) {
    const dp_kernels *k = tables[_i];
    for (dp_activation a = DP_ACTIVATION_GELU; a < DP_ACTIVATION_COUNT; a++) {
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
    const dp_kernels *k = tables[_i];
    for (dp_activation a = DP_ACTIVATION_GELU; a < DP_ACTIVATION_COUNT; a++) {
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
    const dp_kernels *k = tables[_i];
    for (size_t n = 0; n <= 70; n++) {
        for (dp_activation a = DP_ACTIVATION_GELU; a < DP_ACTIVATION_COUNT; a++) {
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
static void assert_norm(const dp_kernels *k, const norm_case *c, double slack) {
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
    const dp_kernels *k = tables[_i];
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
    const dp_kernels *k = tables[_i];
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
    const dp_kernels *k = tables[_i];
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
static void assert_softmax(const dp_kernels *k, const float *x, size_t n, float scale) {
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
    const dp_kernels *k = tables[_i];
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
    const dp_kernels *k = tables[_i];
    float *a = random_floats(50), *weights = random_floats(50);
    float *row = guarded_copy(a, 50), *out = guarded_floats(50);
    k->blend_columns(row, a, weights, 50);
    k->blend_rows(a, a, 0.37F, 1, 0, out, 50);
    ck_assert_mem_eq(row, a, 50 * sizeof(float));
    ck_assert_mem_eq(out, a, 50 * sizeof(float));
}
END_TEST

START_TEST(burning_counts_its_rounds) {
    const dp_kernels *k = tables[_i];
    uint64_t one = k->f32.burn(1);
    ck_assert_uint_gt(one, 0);
    ck_assert_uint_eq(k->f32.burn(1000), 1000 * one);
}
END_TEST

/* ---- packed matrices ---- */

/* Where element (output, input) of a matrix with `depth` inputs stands. */
static size_t panel_place(const dp_kernels *k, size_t depth, size_t output, size_t input) {
    return output / k->f32.nr * k->f32.nr * depth + input * k->f32.nr + output % k->f32.nr;
}

START_TEST(panels_hold_the_matrix) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 40);
        size_t stride = inputs + random_below(4);
        size_t words = dp_panel_words(&k->f32, inputs, outputs);
        ck_assert_uint_eq(words, round_up(outputs, k->f32.nr) * inputs);
        float *w = random_floats(extent(outputs, inputs, stride));
        float *panels = random_floats(words), *expected = guarded_floats(words);
        dp_pack_outputs(&k->f32, (uint32_t *)panels, NULL, w, stride, outputs, inputs, NULL);
        for (size_t o = 0; o < round_up(outputs, k->f32.nr); o++) {
            for (size_t i = 0; i < inputs; i++) {
                expected[panel_place(k, inputs, o, i)] = o < outputs ? w[o * stride + i] : 0;
            }
        }
        ck_assert_mem_eq(panels, expected, words * sizeof(float));
        guarded_end();
    }
}
END_TEST

START_TEST(panels_hold_a_transposed_matrix) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 40);
        size_t stride = outputs + random_below(4);
        size_t words = dp_panel_words(&k->f32, inputs, outputs);
        float *w = random_floats(extent(inputs, outputs, stride));
        float *panels = random_floats(words), *expected = guarded_floats(words);
        dp_pack_inputs(&k->f32, (uint32_t *)panels, w, stride, outputs, inputs);
        for (size_t o = 0; o < round_up(outputs, k->f32.nr); o++) {
            for (size_t i = 0; i < inputs; i++) {
                expected[panel_place(k, inputs, o, i)] = o < outputs ? w[i * stride + o] : 0;
            }
        }
        ck_assert_mem_eq(panels, expected, words * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* ---- a linear layer ---- */

typedef struct layer {
    dp_linear linear;
    dp_epilogue epilogue;
    size_t rows, in_stride, out_stride;
    float *w, *in, *before, *out; /* w [outputs][inputs] */
} layer;

static void pack_layer(const dp_kernels *k, layer *l) {
    size_t outputs = l->linear.outputs, inputs = l->linear.inputs;
    float *panels = guarded_floats(dp_panel_words(&k->f32, inputs, outputs));
    dp_pack_outputs(&k->f32, (uint32_t *)panels, NULL, l->w, inputs, outputs, inputs, NULL);
    l->linear.product = &k->f32;
    l->linear.panels = (const uint32_t *)panels;
}

static layer make_layer(const dp_kernels *k, size_t rows, size_t inputs, size_t outputs) {
    layer l = {.linear = {.inputs = inputs, .outputs = outputs, .depth = inputs}, .rows = rows};
    l.in_stride = inputs + random_below(4);
    l.out_stride = outputs + random_below(4);
    l.w = random_floats(outputs * inputs);
    pack_layer(k, &l);
    l.linear.bias = random_below(4) ? random_floats(round_up(outputs, DP_MAX_NR)) : NULL;
    l.in = random_floats(extent(rows, inputs, l.in_stride));
    l.before = random_floats(extent(rows, outputs, l.out_stride));
    l.out = guarded_copy(l.before, extent(rows, outputs, l.out_stride));
    l.epilogue = (dp_epilogue){.accumulate = random_below(2) != 0,
                               .activation = (dp_activation)random_below(DP_ACTIVATION_COUNT)};
    return l;
}

static layer random_layer(const dp_kernels *k) {
    size_t inputs = random_below(3) ? random_size(1, 100) : random_size(100, 1100);
    return make_layer(k, random_size(1, 40), inputs, random_size(1, 100));
}

/* The rows from `row` on, without the inputs before `first`. */
static dp_operand operand_of(const layer *l, size_t row, size_t first) {
    return (dp_operand){.words = (uint32_t *)(l->in + row * l->in_stride + first),
                        .stride = l->in_stride};
}

static void run_layer(const dp_kernels *k, const layer *l, float *out) {
    dp_linear_apply(k, &l->linear, l->rows, operand_of(l, 0, 0), out, l->out_stride, l->epilogue);
}

/* Activations stretch an error by less than 1.2. */
static double layer_element(const layer *l, size_t i, size_t j, double *bound) {
    double sum = l->linear.bias != NULL ? (double)l->linear.bias[j] : 0;
    sum += l->epilogue.accumulate ? (double)l->before[i * l->out_stride + j] : 0;
    double size = 2;
    for (size_t d = 0; d < l->linear.inputs; d++) {
        double term = (double)l->in[i * l->in_stride + d] * (double)l->w[j * l->linear.inputs + d];
        sum += term;
        size += fabs(term);
    }
    double value = reference_activation(l->epilogue.activation, sum);
    *bound = 1.2 * (double)(l->linear.inputs + 3) * UNIT * size + 6 * last_place(value);
    return value;
}

static void assert_layer(const dp_kernels *k, const layer *l) {
    for (size_t i = 0; i < l->rows; i++) {
        for (size_t j = 0; j < l->linear.outputs; j++) {
            double bound, expected = layer_element(l, i, j, &bound);
            float got = l->out[i * l->out_stride + j];
            if (!is_near(got, expected, bound)) {
                ck_abort_msg("%s: %zu rows, %zu inputs, %zu outputs: (%zu, %zu) is %.9g, not %.9g",
                             k->name, l->rows, l->linear.inputs, l->linear.outputs, i, j,
                             (double)got, expected);
            }
        }
    }
    assert_gaps(l->out, l->before, l->rows, l->linear.outputs, l->out_stride);
}

START_TEST(layers_match_the_formula) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 60; round++) {
        layer l = random_layer(k);
        run_layer(k, &l, l.out);
        assert_layer(k, &l);
        guarded_end();
    }
}
END_TEST

START_TEST(layers_match_plain_c) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 60; round++) {
        layer l = random_layer(k);
        float *plain = guarded_copy(l.before, extent(l.rows, l.linear.outputs, l.out_stride));
        run_layer(k, &l, l.out);
        pack_layer(tables[0], &l);
        run_layer(tables[0], &l, plain);
        for (size_t i = 0; i < l.rows * l.linear.outputs; i++) {
            size_t row = i / l.linear.outputs, column = i % l.linear.outputs;
            size_t place = row * l.out_stride + column;
            double bound;
            (void)layer_element(&l, row, column, &bound);
            if (!is_near(l.out[place], (double)plain[place], 2 * bound)) {
                ck_abort_msg("%s: (%zu, %zu) is %.9g, but %.9g in plain C", k->name, row, column,
                             (double)l.out[place], (double)plain[place]);
            }
        }
        guarded_end();
    }
}
END_TEST

/* The panels of a matrix with a smaller number of outputs give its first columns. */
START_TEST(views_give_the_first_columns) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(k);
        l.epilogue.accumulate = false;
        run_layer(k, &l, l.out);
        layer view = l;
        view.linear.outputs = random_size(1, l.linear.outputs);
        view.out_stride = view.linear.outputs;
        float *out = guarded_floats(l.rows * view.out_stride);
        run_layer(k, &view, out);
        for (size_t i = 0; i < l.rows; i++) {
            ck_assert_mem_eq(out + i * view.out_stride, l.out + i * l.out_stride,
                             view.out_stride * sizeof(float));
        }
        guarded_end();
    }
}
END_TEST

/* A part of the outputs is that part of the answer. */
START_TEST(outputs_can_be_asked_in_parts) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(k);
        float *out = guarded_copy(l.before, extent(l.rows, l.linear.outputs, l.out_stride));
        run_layer(k, &l, l.out);
        for (size_t first = 0, count; first < l.linear.outputs; first += count) {
            count = k->f32.nr * random_size(1, 3);
            count = count < l.linear.outputs - first ? count : l.linear.outputs - first;
            dp_linear part = dp_linear_outputs(&l.linear, first, count);
            dp_linear_apply(k, &part, l.rows, operand_of(&l, 0, 0), out + first, l.out_stride,
                            l.epilogue);
        }
        ck_assert_mem_eq(out, l.out,
                         extent(l.rows, l.linear.outputs, l.out_stride) * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* Parts of the inputs are parts of the sum: added up, they are the answer. */
START_TEST(inputs_can_be_given_in_parts) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(k);
        size_t inputs = l.linear.inputs;
        for (size_t first = 0, count; first < inputs; first += count) {
            count = random_size(1, inputs - first);
            dp_linear part = dp_linear_inputs(&l.linear, first, count);
            dp_epilogue epilogue = {.accumulate = l.epilogue.accumulate || first > 0};
            if (first + count == inputs) {
                epilogue.activation = l.epilogue.activation;
            }
            dp_linear_apply(k, &part, l.rows, operand_of(&l, 0, first), l.out, l.out_stride,
                            epilogue);
        }
        assert_layer(k, &l);
        guarded_end();
    }
}
END_TEST

/* Threads split rows in ways that depend on their number; the answer must not. */
START_TEST(rows_do_not_depend_on_the_split) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(k);
        float *parts = guarded_copy(l.before, extent(l.rows, l.linear.outputs, l.out_stride));
        run_layer(k, &l, l.out);
        for (size_t first = 0; first < l.rows;) {
            size_t count = random_size(1, l.rows - first);
            dp_linear_apply(k, &l.linear, count, operand_of(&l, first, 0),
                            parts + first * l.out_stride, l.out_stride, l.epilogue);
            first += count;
        }
        ck_assert_mem_eq(parts, l.out,
                         extent(l.rows, l.linear.outputs, l.out_stride) * sizeof(float));
        guarded_end();
    }
}
END_TEST

START_TEST(row_strides_are_aligned) {
    for (size_t n = 1; n < 5000; n++) {
        size_t stride = dp_row_stride(n);
        ck_assert_uint_ge(stride, n);
        ck_assert_uint_lt(stride, n + (n < 900 ? 16 : 11 * 16));
        ck_assert_uint_eq(stride % 16, 0);
        /* long rows begin at least five of the 64 sets of a cache apart */
        size_t set = stride / 16 % 64;
        ck_assert(stride < 900 || (set >= 5 && set <= 59));
    }
}
END_TEST

/* ---- attention ---- */

typedef struct head {
    dp_attention attention;
    float *q; /* as they were asked */
} head;

static float *random_rows(size_t rows, size_t columns, size_t stride, float size) {
    float *values = random_floats(extent(rows, columns, stride));
    for (size_t i = 0; i < extent(rows, columns, stride); i++) {
        values[i] *= size;
    }
    return values;
}

static head make_head(size_t tokens, size_t queries, size_t head_size, float size) {
    size_t stride = head_size + random_below(5);
    float *q = random_rows(queries, head_size, stride, size);
    return (head){
        .attention = {.q = guarded_copy(q, extent(queries, head_size, stride)),
                      .k = random_rows(tokens, head_size, stride, size),
                      .v = random_rows(tokens, head_size, stride, 1),
                      .stride = stride,
                      .queries = queries,
                      .tokens = tokens,
                      .head_size = head_size,
                      .scale = 1 / sqrtf((float)head_size)},
        .q = q,
    };
}

static head random_head(void) {
    size_t tokens = random_below(3) ? random_size(1, 70) : random_size(70, 260);
    size_t queries = random_below(2) ? tokens : random_size(1, tokens);
    return make_head(tokens, queries, random_size(1, 80), 2);
}

static void run_head(const dp_kernels *k, const dp_attention *attention) {
    size_t floats = dp_attention_scratch(&k->f32, attention->tokens, attention->head_size);
    dp_attention_run(k, &k->f32, attention, random_floats(floats));
}

static double dot(const float *a, const float *b, size_t n, double *size) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
        *size = fmax(*size, 1) + fabs((double)a[i] * (double)b[i]);
    }
    return sum;
}

/* The answer of one query, in double precision, and a bound for its error: that of a score is the
 * relative error of its weight. */
static double answer_query(const head *h, size_t query, double *answer) {
    const dp_attention *a = &h->attention;
    double scores[512], largest = -INFINITY, total = 0, size = 0;
    for (size_t t = 0; t < a->tokens; t++) {
        double terms = 0;
        scores[t] = (double)a->scale *
                    dot(h->q + query * a->stride, a->k + t * a->stride, a->head_size, &terms);
        size = fmax(size, terms * (double)a->scale);
        largest = fmax(largest, scores[t]);
    }
    for (size_t t = 0; t < a->tokens; t++) {
        scores[t] = exp(scores[t] - largest);
        total += scores[t];
    }
    for (size_t c = 0; c < a->head_size; c++) {
        answer[c] = 0;
        for (size_t t = 0; t < a->tokens; t++) {
            answer[c] += scores[t] / total * (double)a->v[t * a->stride + c];
        }
    }
    return 2 * UNIT * ((double)(a->head_size + a->tokens) + (double)a->head_size * size + 16);
}

static void assert_head(const dp_kernels *k, const head *h) {
    const dp_attention *a = &h->attention;
    run_head(k, a);
    for (size_t i = 0; i < a->queries; i++) {
        double expected[256];
        double bound = answer_query(h, i, expected);
        for (size_t c = 0; c < a->head_size; c++) {
            float got = a->q[i * a->stride + c];
            if (!is_near(got, expected[c], bound)) {
                ck_abort_msg("%s: %zu queries of %zu tokens, head of %zu: (%zu, %zu) is %.9g, not "
                             "%.9g (bound %g)",
                             k->name, a->queries, a->tokens, a->head_size, i, c, (double)got,
                             expected[c], bound);
            }
        }
    }
    assert_gaps(a->q, h->q, a->queries, a->head_size, a->stride);
}

START_TEST(attention_matches_the_formula) {
    static const size_t known[][3] = {{1, 1, 1},    {2, 1, 3},    {197, 3, 64}, {197, 1, 64},
                                      {50, 50, 32}, {17, 17, 15}, {257, 2, 64}, {33, 33, 128}};
    for (int round = 0; round < 40; round++) {
        head h = round < (int)COUNT(known)
                     ? make_head(known[round][0], known[round][1], known[round][2], 1)
                     : random_head();
        assert_head(tables[_i], &h);
        guarded_end();
    }
}
END_TEST

/* Scores so far apart that one token gets all the weight. */
START_TEST(attention_with_extreme_scores) {
    const dp_kernels *k = tables[_i];
    for (float size = 1e3F; size < 1e18F; size *= 1e3F) {
        head h = make_head(40, 40, 8, size);
        dp_attention a = h.attention;
        run_head(k, &a);
        for (size_t i = 0; i < a.queries; i++) {
            for (size_t c = 0; c < a.head_size; c++) {
                ck_assert(fabsf(a.q[i * a.stride + c]) <= 1.0001F);
            }
        }
        guarded_end();
    }
}
END_TEST

START_TEST(queries_do_not_depend_on_the_split) {
    const dp_kernels *k = tables[_i];
    for (int round = 0; round < 30; round++) {
        head h = random_head();
        dp_attention whole = h.attention, part = h.attention;
        size_t floats = extent(whole.queries, whole.head_size, whole.stride);
        float *q = guarded_copy(h.q, floats);
        run_head(k, &whole);
        for (size_t first = 0; first < whole.queries; first += part.queries) {
            part.q = q + first * whole.stride;
            part.queries = random_size(1, whole.queries - first);
            run_head(k, &part);
        }
        ck_assert_mem_eq(q, whole.q, floats * sizeof(float));
        guarded_end();
    }
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
    TCase *products = tcase_create("products");
    tcase_add_test(products, tables_stay_within_their_mask);
    ADD(products, tiles_of_whole_numbers_are_exact);
    ADD(products, tiles_are_within_rounding);
    ADD(products, elements_do_not_depend_on_the_tile);
    ADD(products, panels_hold_the_matrix);
    ADD(products, panels_hold_a_transposed_matrix);
    ADD(products, layers_match_the_formula);
    ADD(products, layers_match_plain_c);
    ADD(products, views_give_the_first_columns);
    ADD(products, outputs_can_be_asked_in_parts);
    ADD(products, inputs_can_be_given_in_parts);
    ADD(products, rows_do_not_depend_on_the_split);
    tcase_add_test(products, row_strides_are_aligned);
    add_for_each_table(suite, products);

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
    ADD(rows, burning_counts_its_rounds);
    add_for_each_table(suite, rows);

    TCase *attention = tcase_create("attention");
    ADD(attention, attention_matches_the_formula);
    ADD(attention, attention_with_extreme_scores);
    ADD(attention, queries_do_not_depend_on_the_split);
    add_for_each_table(suite, attention);
    return suite;
}

/* ---- the benchmark ---- */

#define BENCH_ROWS 196
#define BENCH_WIDTH 768

typedef struct bench {
    const dp_kernels *kernels;
    float *a, *b, *c; /* [BENCH_ROWS][BENCH_WIDTH], [BENCH_WIDTH][BENCH_WIDTH], as a */
} bench;

static void bench_burn(const bench *b) {
    (void)b->kernels->f32.burn(10000);
}

static void bench_tile(const bench *b) {
    const dp_product *f32 = &b->kernels->f32;
    f32->tile(&(dp_tile){.rows = f32->mr,
                         .columns = f32->nr,
                         .words = f32->kc,
                         .a = (const uint32_t *)b->a,
                         .a_stride = BENCH_WIDTH,
                         .panel = (const uint32_t *)b->b,
                         .c = b->c,
                         .c_stride = BENCH_WIDTH,
                         .next = (uintptr_t)b->b,
                         .ahead = 16});
}

static void bench_linear(const bench *b) {
    dp_linear linear = {.product = &b->kernels->f32,
                        .inputs = BENCH_WIDTH,
                        .outputs = BENCH_WIDTH,
                        .depth = BENCH_WIDTH,
                        .panels = (const uint32_t *)b->b};
    dp_operand in = {.words = (uint32_t *)b->a, .stride = BENCH_WIDTH};
    dp_linear_apply(b->kernels, &linear, BENCH_ROWS, in, b->c, BENCH_WIDTH, (dp_epilogue){0});
}

static void bench_attention(const bench *b) {
    dp_attention attention = {.q = b->c,
                              .k = b->a,
                              .v = b->a + 64,
                              .stride = BENCH_WIDTH,
                              .queries = BENCH_ROWS,
                              .tokens = BENCH_ROWS,
                              .head_size = 64,
                              .scale = 0.125F};
    dp_attention_run(b->kernels, &b->kernels->f32, &attention, b->b);
}

static void bench_gelu(const bench *b) {
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DP_ACTIVATION_GELU](b->c, BENCH_WIDTH);
}

static void bench_quick_gelu(const bench *b) {
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DP_ACTIVATION_QUICK_GELU](b->c, BENCH_WIDTH);
}

static void bench_relu(const bench *b) {
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->activate[DP_ACTIVATION_RELU](b->c, BENCH_WIDTH);
}

static void bench_layer_norm(const bench *b) {
    b->kernels->layer_norm(b->a, b->b, b->b + BENCH_WIDTH, 1e-5F, b->c, BENCH_WIDTH);
}

static void bench_softmax(const bench *b) {
    memcpy(b->c, b->a, BENCH_WIDTH * sizeof(float));
    b->kernels->softmax(b->c, BENCH_WIDTH, 0.125F);
}

static void bench_blend_columns(const bench *b) {
    b->kernels->blend_columns(b->c, b->a, b->a + BENCH_WIDTH, BENCH_WIDTH);
}

static void bench_blend_rows(const bench *b) {
    b->kernels->blend_rows(b->a, b->a + BENCH_WIDTH, 0.3F, 0.1F, 2, b->c, BENCH_WIDTH);
}

/* Nanoseconds of a call: the best of five rounds of at least 5 ms. */
static double time_call(void (*call)(const bench *), const bench *b) {
    double best = INFINITY;
    size_t calls = 1;
    for (int round = 0; round < 5;) {
        double since = dp_clock_ms();
        for (size_t i = 0; i < calls; i++) {
            call(b);
        }
        double passed = dp_clock_ms() - since;
        if (passed < 5) {
            calls *= 2;
        } else {
            best = fmin(best, passed * 1e6 / (double)calls);
            round++;
        }
    }
    return best;
}

typedef struct bench_row {
    const char *name;
    void (*call)(const bench *);
} bench_row;

static void print_product(const char *table, const char *name, double ns, double macs,
                          double peak) {
    printf("%-7s %-26s %10.0f ns  %7.2f GFLOP/s  %3.0f %% of peak\n", table, name, ns,
           2 * macs / ns, 100 * macs / ns / peak);
}

static void bench_table(const bench *b) {
    static const bench_row rows[] = {{"gelu 768", bench_gelu},
                                     {"quick_gelu 768", bench_quick_gelu},
                                     {"relu 768", bench_relu},
                                     {"layer_norm 768", bench_layer_norm},
                                     {"softmax 768", bench_softmax},
                                     {"blend_columns 768", bench_blend_columns},
                                     {"blend_rows 768", bench_blend_rows}};
    const dp_kernels *k = b->kernels;
    double burned = (double)k->f32.burn(10000), ns = time_call(bench_burn, b), peak = burned / ns;
    print_product(k->name, "burn", ns, burned, peak);
    print_product(k->name, "tile mr x nr x kc", time_call(bench_tile, b),
                  (double)(k->f32.mr * k->f32.nr * k->f32.kc), peak);
    print_product(k->name, "linear 196 x 768 x 768", time_call(bench_linear, b),
                  (double)BENCH_ROWS * BENCH_WIDTH * BENCH_WIDTH, peak);
    print_product(k->name, "attention 196 tokens of 64", time_call(bench_attention, b),
                  2.0 * BENCH_ROWS * BENCH_ROWS * 64, peak);
    for (size_t i = 0; i < COUNT(rows); i++) {
        double each = time_call(rows[i].call, b);
        printf("%-7s %-26s %10.0f ns  %7.2f ns a value\n", k->name, rows[i].name, each,
               each / BENCH_WIDTH);
    }
}

/* Not in guarded memory, which works inside of tests only. */
static float *bench_floats(size_t count) {
    float *values = dp_allocate(NULL, count * sizeof(float));
    if (values == NULL) {
        abort();
    }
    random_fill(values, count);
    return values;
}

static void run_benchmark(void) {
    size_t image = BENCH_ROWS * BENCH_WIDTH, matrix = BENCH_WIDTH * BENCH_WIDTH;
    for (int i = 0; i < table_count; i++) {
        bench b = {tables[i], bench_floats(image), bench_floats(matrix), bench_floats(image)};
        bench_table(&b);
        dp_release(NULL, b.a, image * sizeof(float));
        dp_release(NULL, b.b, matrix * sizeof(float));
        dp_release(NULL, b.c, image * sizeof(float));
    }
}

int main(int count, char **arguments) {
    find_tables();
    random_seed("test_kernels");
    if (count == 2 && strcmp(arguments[1], "--bench") == 0) {
        run_benchmark();
        return 0;
    }
    SRunner *runner = srunner_create(kernels_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
