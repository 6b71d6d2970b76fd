/*
 * lib/gemm, micro-kernels: one tile, the part of the answer that stays in registers.
 * Tiles of all sizes and depths against formulas in double precision on the rounded numbers.
 */
#include "gemm_support.h"

/* ---- one tile ---- */

/* -127 .. 127 */
static uint32_t random_byte(void) {
    return random_below(255) - 127;
}

/* A word of numbers that `number` makes, all of which bf16 has; or one of any bytes. */
static uint32_t make_word(const dpi_gemm *p, float (*number)(void)) {
    uint32_t word = 0;
    switch (p->layout.precision) {
    case DP_PRECISION_F32:
        return bits_of(number());
    case DP_PRECISION_BF16:
        word = bits_of(number()) >> 16;
        return word | (bits_of(number()) & 0xffff0000U);
    default:
        for (int i = 0; i < 4; i++) {
            word = word << 8 | (random_byte() & 0xffU);
        }
        return word;
    }
}

typedef struct tile {
    const dpi_gemm *product;
    dpi_tile args; /* c is asked for by run_tile() */
    float *before, *c;
} tile;

static const uint32_t *make_words(const dpi_gemm *p, size_t count, float (*number)(void)) {
    uint32_t *words = guarded_words(count);
    for (size_t i = 0; i < count; i++) {
        words[i] = make_word(p, number);
    }
    return words;
}

/* A word of a row as the tile reads it. */
static uint32_t make_row_word(const dpi_gemm *p, float (*number)(void)) {
    if (p->lhs.expansion == 1) {
        return make_word(p, number);
    }
    return has_bytes(p) ? random_byte() << 16 | (random_byte() & 0xffffU)
                        : make_word(p, number) << 16;
}

static const uint32_t *make_rows(const dpi_gemm *p, size_t count, float (*number)(void)) {
    uint32_t *words = guarded_words(count);
    for (size_t i = 0; i < count; i++) {
        words[i] = make_row_word(p, number);
    }
    return words;
}

/* Those of a tile of whole numbers are powers of 2. */
static void make_scales(tile *t, bool whole) {
    const dpi_gemm *p = t->product;
    dpi_row_scale *row = guarded_bytes(p->kernel.mr * sizeof *row, sizeof(float));
    float *column = guarded_floats(p->layout.nr);
    for (size_t i = 0; i < p->kernel.mr; i++) {
        const uint32_t *words = t->args.lhs + i * t->args.lhs_stride;
        row[i] = (dpi_row_scale){whole ? 0.5F : fabsf(random_float()), 0};
        for (size_t n = 0; n < 4 * t->args.depth; n++) {
            row[i].sum += 128 * (int32_t)in_lhs(p, words, n);
        }
    }
    for (size_t j = 0; j < p->layout.nr; j++) {
        column[j] = whole ? 0.25F : fabsf(random_float()) / 127;
    }
    t->args.lhs_scale = row;
    t->args.panel_scale = column;
}

static float *make_floats(size_t count, float (*number)(void)) {
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++) {
        values[i] = number();
    }
    return values;
}

/* Addresses where nothing may be read. */
static uintptr_t nowhere(const dpi_gemm *p, const dpi_tile *args) {
    uintptr_t behind = (uintptr_t)(args->panel + args->depth * p->layout.nr);
    const uintptr_t places[] = {behind, 0, UINTPTR_MAX - 1000, UINTPTR_MAX / 4 + 1};
    return places[random_below(COUNT(places))];
}

static tile make_tile(const dpi_gemm *p, size_t rows, size_t columns, size_t words,
                      float (*number)(void)) {
    tile t = {.product = p};
    dpi_tile *args = &t.args;
    size_t read = p->layout.precision == DP_PRECISION_F32 ? rows : p->kernel.mr;
    words = p->run != dpi_gemm_run_tiles && words == 0 ? p->layout.step
                                                       : words; /* a product has a depth */
    args->rows = rows;
    args->columns = columns;
    args->depth = words;
    args->accumulate = random_below(2) != 0;
    size_t row_words = words * p->lhs.expansion;
    args->lhs_stride = row_words + random_below(4);
    args->c_stride = columns + random_below(4);
    args->lhs = make_rows(p, extent(read, row_words, args->lhs_stride), number);
    args->panel = make_words(p, words * p->layout.nr, number);
    args->bias = random_below(2) ? make_floats(p->layout.nr, number) : NULL;
    args->prefetch = nowhere(p, args);
    args->prefetch_step = 1 + random_below(8 * (uint32_t)p->layout.nr);
    if (has_bytes(p)) {
        make_scales(&t, number == random_whole);
    }
    t.before = make_floats(extent(rows, columns, args->c_stride), number);
    t.c = guarded_copy(t.before, extent(rows, columns, args->c_stride));
    return t;
}

static void run_tile(const tile *t, float *c) {
    const dpi_gemm *p = t->product;
    dpi_tile args = t->args;
    args.c = c;
    if (p->kernel.run != NULL) {
        p->kernel.run(&args);
        return;
    }
    dpi_linear one = {.gemm = p,
                      .inputs = args.depth * p->layout.kr,
                      .outputs = args.columns,
                      .depth = args.depth,
                      .panels = args.panel,
                      .bias = args.bias,
                      .scale = args.panel_scale};
    dpi_lhs in = {(uint32_t *)args.lhs, args.lhs_stride, (dpi_row_scale *)args.lhs_scale};
    dpi_gemm_run(kernels_of(p), &one, args.rows, in, dpi_rows_f32(c, args.c_stride),
                 (dpi_epilogue){.accumulate = args.accumulate});
}

/* One element, and what bounds the error of any order: the sum of the sizes of its terms, times how
 * often it is rounded. Sums of bytes are exact and then become floats. */
static double tile_element(const tile *t, size_t i, size_t j, double *bound) {
    const dpi_gemm *p = t->product;
    const dpi_tile *args = &t->args;
    size_t depth = args->depth * p->layout.kr;
    double bias = args->bias != NULL ? (double)args->bias[j] : 0, sum = 0, size = 0;
    double old = args->accumulate ? (double)t->before[i * args->c_stride + j] : 0;
    for (size_t n = 0; n < depth; n++) {
        double x = in_lhs(p, args->lhs + i * args->lhs_stride, n);
        double term = x * in_column(p, args->panel + j, n);
        sum += term;
        size += fabs(term);
    }
    if (has_bytes(p)) {
        sum *= (double)args->lhs_scale[i].scale * (double)args->panel_scale[j];
        size = fabs(sum);
    }
    double steps = has_bytes(p) ? 3 : (double)depth;
    *bound = 1.01 * (steps + 3) * UNIT * (size + fabs(bias) + fabs(old));
    return sum + bias + old;
}

/* `slack` is 0 for whole numbers, where every step is exact. `flushed` is what products of numbers
 * below the normal ones may lose. */
static void assert_tile(const tile *t, double slack, double flushed) {
    const dpi_tile *args = &t->args;
    run_tile(t, t->c);
    for (size_t i = 0; i < args->rows; i++) {
        for (size_t j = 0; j < args->columns; j++) {
            double bound;
            double expected = tile_element(t, i, j, &bound);
            float got = t->c[i * args->c_stride + j];
            if (!is_near(got, expected, slack * bound + flushed)) {
                ck_abort_msg(
                    "%s, %s: tile %zux%zu of %zu words, element (%zu, %zu) is %.9g, not %.9g",
                    dp_precision_name(t->product->layout.precision), t->product->name, args->rows,
                    args->columns, args->depth, i, j, (double)got, expected);
            }
        }
    }
    assert_gaps(t->c, t->before, args->rows, args->columns, args->c_stride);
}

static size_t random_words(const dpi_gemm *p, size_t first, size_t last) {
    return round_up(random_size(first, last), p->layout.step);
}

START_TEST(tiles_of_whole_numbers_are_exact) {
    static const size_t words[] = {0, 1, 2, 3, 7, 16, 31, 64, 65};
    const dpi_gemm *p = products[_i];
    for (size_t rows = 1; rows <= p->kernel.mr; rows++) {
        for (size_t columns = 1; columns <= p->layout.nr; columns++) {
            size_t depth = round_up(words[random_below(COUNT(words))], p->layout.step);
            tile t = make_tile(p, rows, columns, depth, random_whole);
            assert_tile(&t, 0, 0);
            guarded_end();
        }
    }
}
END_TEST

START_TEST(tiles_are_within_rounding) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(200, 20); round++) {
        size_t words = random_below(4) ? random_words(p, 0, 90) : random_words(p, 90, 2000);
        tile t = make_tile(p, random_size(1, p->kernel.mr), random_size(1, p->layout.nr), words,
                           random_float);
        assert_tile(&t, 1, 0);
        guarded_end();
    }
}
END_TEST

/* An element is the same, bit for bit, in a tile of any other size. */
START_TEST(elements_do_not_depend_on_the_tile) {
    const dpi_gemm *p = products[_i];
    tile t = make_tile(p, p->kernel.mr, p->layout.nr, round_up(77, p->layout.step), random_float);
    size_t count = extent(p->kernel.mr, p->layout.nr, t.args.c_stride);
    run_tile(&t, t.c);
    for (size_t rows = 1; rows <= p->kernel.mr; rows++) {
        for (size_t columns = 1; columns <= p->layout.nr; columns++) {
            float *c = guarded_copy(t.before, count);
            tile part = t;
            part.args.rows = rows;
            part.args.columns = columns;
            run_tile(&part, c);
            for (size_t i = 0; i < rows; i++) {
                ck_assert_mem_eq(c + i * t.args.c_stride, t.c + i * t.args.c_stride,
                                 columns * sizeof(float));
            }
        }
    }
}
END_TEST

/* The rows of a tile of bytes, [rows][depth], as panels have them. */
static uint32_t *packed_rows(const dpi_gemm *p, const dpi_tile *args) {
    uint32_t *words = guarded_words(args->rows * args->depth);
    memset(words, 0, args->rows * args->depth * sizeof *words);
    for (size_t i = 0; i < args->rows; i++) {
        for (size_t n = 0; n < 4 * args->depth; n++) {
            uint32_t byte = (uint8_t)(int)in_lhs(p, args->lhs + i * args->lhs_stride, n);
            words[i * args->depth + n / 4] |= byte << 8 * (n % 4);
        }
    }
    return words;
}

/* A tile of bytes in tiles of plain C of one column. */
static void run_plain(const tile *t, float *c) {
    const dpi_gemm *p = t->product, *plain = dpi_gemm_rows(p->layout.precision);
    const dpi_tile *args = &t->args;
    uint32_t *rows = packed_rows(p, args);
    for (size_t j = 0; j < args->columns; j += plain->layout.nr) {
        uint32_t *panel = guarded_words(args->depth * plain->layout.nr);
        for (size_t w = 0; w < args->depth; w++) {
            memcpy(panel + w * plain->layout.nr, args->panel + w * p->layout.nr + j,
                   plain->layout.nr * sizeof *panel);
        }
        for (size_t i = 0; i < args->rows; i += plain->kernel.mr) {
            dpi_tile part = *args;
            part.rows = args->rows - i < plain->kernel.mr ? args->rows - i : plain->kernel.mr;
            part.columns =
                args->columns - j < plain->layout.nr ? args->columns - j : plain->layout.nr;
            part.lhs = rows + i * args->depth;
            part.lhs_stride = args->depth;
            part.lhs_scale += i;
            part.panel = panel;
            part.panel_scale += j;
            part.bias = args->bias != NULL ? args->bias + j : NULL;
            part.c = c + i * args->c_stride + j;
            plain->kernel.run(&part);
        }
    }
}

/* Sums of bytes are exact, and all instruction sets do the same to them: not a bit differs. */
START_TEST(tiles_of_bytes_are_the_same_everywhere) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(200, 20); round++) {
        size_t rows = random_size(1, p->kernel.mr), columns = random_size(1, p->layout.nr);
        tile t = make_tile(p, rows, columns, random_words(p, 0, 600), random_float);
        size_t count = extent(rows, columns, t.args.c_stride);
        float *expected = guarded_copy(t.before, count);
        run_plain(&t, expected);
        run_tile(&t, t.c);
        ck_assert_mem_eq(t.c, expected, count * sizeof(float));
        guarded_end();
    }
}
END_TEST

static void fill_bytes(const uint32_t *words, size_t count, uint8_t even, uint8_t odd) {
    uint32_t word = even | (uint32_t)odd << 8 | (uint32_t)even << 16 | (uint32_t)odd << 24;
    for (size_t i = 0; i < count; i++) {
        ((uint32_t *)(uintptr_t)words)[i] = word;
    }
}

/* Rows of two bytes that alternate, as the tile reads them. */
static void fill_rows(const tile *t, int even, int odd) {
    const dpi_gemm *p = t->product;
    uint32_t *words = (uint32_t *)(uintptr_t)t->args.lhs;
    size_t row_words = t->args.depth * p->lhs.expansion;
    size_t count = extent(p->kernel.mr, row_words, t->args.lhs_stride);
    fill_bytes(words, count, (uint8_t)even, (uint8_t)odd);
    for (size_t i = 0; p->lhs.expansion == 2 && i < count; i++) {
        words[i] = (uint16_t)(i % t->args.lhs_stride % 2 == 0 ? even : odd) * 0x10001U;
    }
}

/* The largest bytes of either sign, as many as there may be. */
START_TEST(sums_of_bytes_do_not_overflow) {
    static const struct {
        int8_t x[2];
        uint8_t w[2];
    } extremes[] = {{{-127, -127}, {255, 255}}, {{127, 127}, {255, 255}}, {{-127, -127}, {0, 0}},
                    {{127, 127}, {0, 0}},       {{127, -127}, {255, 0}},  {{127, -127}, {0, 255}}};
    const dpi_gemm *p = products[_i];
    size_t words = DPI_MAX_BYTE_DEPTH / 4;
    tile t = make_tile(p, p->kernel.mr, p->layout.nr, words, random_whole);
    dpi_row_scale *row = guarded_bytes(p->kernel.mr * sizeof *row, sizeof(float));
    t.args.lhs_scale = row;
    for (size_t e = 0; e < COUNT(extremes); e++) {
        int x = extremes[e].x[0], y = extremes[e].x[1];
        int64_t sum =
            (int64_t)words * 2 * (x * (extremes[e].w[0] - 128) + y * (extremes[e].w[1] - 128));
        fill_rows(&t, x, y);
        fill_bytes(t.args.panel, words * p->layout.nr, extremes[e].w[0], extremes[e].w[1]);
        for (size_t i = 0; i < p->kernel.mr; i++) {
            row[i] = (dpi_row_scale){1, 128 * (int32_t)words * 2 * (x + y)};
        }
        t.args.accumulate = false;
        t.args.bias = NULL;
        run_tile(&t, t.c);
        for (size_t i = 0; i < p->kernel.mr; i++) {
            for (size_t j = 0; j < p->layout.nr; j++) {
                float expected = (float)sum * t.args.panel_scale[j];
                if (t.c[i * t.args.c_stride + j] != expected) {
                    ck_abort_msg("%s: %g, not %g", p->name, (double)t.c[i * t.args.c_stride + j],
                                 (double)expected);
                }
            }
        }
    }
}
END_TEST

/* Numbers of the size of the smallest. */
static float tiny(void) {
    return random_float() * ldexpf(1, -(int)random_size(120, 149));
}

/* Instructions of bf16 take what is below the normal numbers for 0. */
START_TEST(tiny_numbers_may_be_flushed) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(100, 10); round++) {
        size_t words = random_words(p, 1, 60);
        tile t = make_tile(p, random_size(1, p->kernel.mr), random_size(1, p->layout.nr), words,
                           random_float);
        uint32_t *a = (uint32_t *)(uintptr_t)t.args.lhs;
        size_t read = p->layout.precision == DP_PRECISION_F32 ? t.args.rows : p->kernel.mr;
        for (size_t i = 0; i < extent(read, words * p->lhs.expansion, t.args.lhs_stride); i++) {
            a[i] = make_row_word(p, tiny);
        }
        t.args.accumulate = false;
        t.args.bias = NULL;
        assert_tile(&t, 1, 2 * (double)(words * p->layout.kr) * (double)FLT_MIN);
        guarded_end();
    }
}
END_TEST

/* What is no number in a row is found in all of its sums and in no others. */
START_TEST(rows_that_are_not_finite_are_seen) {
    static const float values[] = {INFINITY, -INFINITY, NAN};
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(100, 10); round++) {
        size_t words = random_words(p, 1, 60);
        tile t = make_tile(p, p->kernel.mr, p->layout.nr, words, random_float);
        size_t bad = random_below((uint32_t)p->kernel.mr);
        float value = values[round % COUNT(values)];
        if (has_bytes(p)) {
            ((dpi_row_scale *)(uintptr_t)t.args.lhs_scale)[bad].scale = value;
        } else {
            uint32_t *a = (uint32_t *)(uintptr_t)t.args.lhs;
            size_t row_words = words * p->lhs.expansion;
            a[bad * t.args.lhs_stride + random_below((uint32_t)row_words)] = bits_of(value);
        }
        run_tile(&t, t.c);
        for (size_t i = 0; i < p->kernel.mr; i++) {
            for (size_t j = 0; j < p->layout.nr; j++) {
                bool finite = isfinite(t.c[i * t.args.c_stride + j]) != 0;
                if (finite != (i != bad)) {
                    ck_abort_msg("%s: (%zu, %zu) is %g; row %zu has %g", p->name, i, j,
                                 (double)t.c[i * t.args.c_stride + j], bad, (double)value);
                }
            }
        }
        guarded_end();
    }
}
END_TEST

static Suite *tiles_suite(void) {
    Suite *suite = suite_create("gemm_tiles");
    TCase *tiles = add_guarded_case(suite, "tiles");
    ADD(tiles, tiles_of_whole_numbers_are_exact);
    ADD(tiles, tiles_are_within_rounding);
    ADD(tiles, elements_do_not_depend_on_the_tile);
    ADD_BYTES(tiles, tiles_of_bytes_are_the_same_everywhere);
    ADD_BYTES(tiles, sums_of_bytes_do_not_overflow);
    ADD_FLOATS(tiles, tiny_numbers_may_be_flushed);
    ADD(tiles, rows_that_are_not_finite_are_seen);
    return suite;
}

int main(void) {
    return run_products("test_gemm_tiles", tiles_suite);
}
