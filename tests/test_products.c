/*
 * lib/kernels, products of matrices: every product that this machine can run, also those that a
 * better one keeps from being chosen. Rows and panels, one tile, layers and attention, against
 * formulas in double precision on the rounded numbers, on random shapes. Buffers end where a page
 * begins that must not be touched. With --bench the program measures the products instead.
 */
#include "kernel_support.h"

#include <stdio.h>

/* ---- products ---- */

/* Those of f32, then bf16, then bytes; in each, plain C first. */
static const dp_product *products[32];
static int product_count;
static int first_bf16, first_bytes; /* where in the list */

static void add_product(const dp_product *product) {
    if (product != NULL && (product->cpu & ~dp_cpu_features()) == 0) {
        products[product_count++] = product;
    }
}

static void find_products(void) {
    static const dp_product *(*const sets[])(dp_precision) = {
        dp_products_rows,     dp_products_generic,     dp_products_avx2,     dp_products_avx_vnni,
        dp_products_avx512,   dp_products_avx512_vnni, dp_products_amx,      dp_products_neon,
        dp_products_neon_dot, dp_products_neon_i8mm,   dp_products_neon_bf16};
    const dp_kernels *tables[MAX_TABLES];
    int table_count = find_tables(tables);
    add_product(dp_products_rows(DP_PRECISION_F32)); /* first: never the best there is */
    for (int i = 0; i < table_count; i++) {
        add_product(&tables[i]->f32);
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

static bool has_bytes(const dp_product *p) {
    return p->precision == DP_PRECISION_INT8;
}

/* The kernels that go with a product. */
static const dp_kernels *kernels_of(const dp_product *p) {
    return dp_kernels_choose(p->cpu);
}

/* What the loops around the tiles rely on. */
START_TEST(sizes_fit_together) {
    const dp_product *p = products[_i];
    static const size_t groups[] = {1, 2, 4};
    ck_assert_uint_eq(p->group, groups[p->precision - DP_PRECISION_F32]);
    ck_assert(p->mr > 0 && p->nr > 0 && p->step > 0 && p->piece > 0);
    ck_assert_uint_le(p->nr, DP_MAX_NR);
    ck_assert_uint_eq(DP_MAX_NR % p->nr, 0);
    ck_assert_uint_eq(p->piece % p->mr, 0);
    ck_assert(p->apply != NULL || p->kc % p->step == 0);
    ck_assert_uint_eq(DP_MAX_BYTE_DEPTH % (p->step * p->group), 0);
    ck_assert(!has_bytes(p) || p->kc == DP_WHOLE_DEPTH);
    ck_assert((p->convert == NULL) == (p->precision == DP_PRECISION_F32));
    ck_assert((p->tile == NULL) == (p->apply != NULL));
    ck_assert((p->convert_bf16 != NULL) == (p->apply != NULL));
}
END_TEST

START_TEST(burning_counts_its_rounds) {
    const dp_product *p = products[_i];
    uint64_t one = p->burn(1);
    ck_assert_uint_gt(one, 0);
    ck_assert_uint_eq(p->burn(1000), 1000 * one);
}
END_TEST

/* ---- choosing ---- */

/* Every set of the flags of this architecture and one more. */
#if defined(__aarch64__)
#define FIRST_FLAG DP_CPU_NEON
#else
#define FIRST_FLAG DP_CPU_AVX2
#endif
#define EVERY_MASK (64 * FIRST_FLAG)

START_TEST(choices_stay_within_their_mask) {
    for (uint32_t mask = 0; mask < EVERY_MASK; mask += FIRST_FLAG) {
        for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO;
             precision++) {
            const dp_product *p = dp_product_choose(precision, mask);
            ck_assert_int_eq((int)p->precision, (int)precision);
            ck_assert_uint_eq(p->cpu & ~(mask & dp_cpu_features()), 0);
        }
        ck_assert_ptr_eq(dp_product_choose(DP_PRECISION_F32, mask), &dp_kernels_choose(mask)->f32);
    }
}
END_TEST

/* Slower than what it could be replaced by. */
static bool is_slow(const dp_product *p) {
    return strcmp(p->name, "avx512-bf16") == 0 && dp_cpu_has_slow_bf16();
}

/* The last of those that the mask allows. */
START_TEST(choices_are_the_best_there_is) {
    for (uint32_t mask = 0; mask < EVERY_MASK; mask += FIRST_FLAG) {
        const dp_product *best[DP_PRECISION_AUTO] = {NULL};
        for (int i = 0; i < product_count; i++) {
            if ((products[i]->cpu & ~mask) == 0 && !is_slow(products[i])) {
                best[products[i]->precision] = products[i];
            }
        }
        for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO;
             precision++) {
            ck_assert_ptr_eq(dp_product_choose(precision, mask), best[precision]);
        }
    }
    for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
        ck_assert_str_eq(dp_product_choose(precision, 0)->name, "c");
        ck_assert_str_eq(dp_product_choose(precision, ~FIRST_FLAG)->name, "c");
    }
}
END_TEST

/* bf16 needs DP_CPU_BF16 and all that it builds on, or where that is slow, AMX as well; on ARM,
 * DP_CPU_ARM_BF16. */
START_TEST(auto_is_bf16_where_that_is_fast) {
#if defined(__aarch64__)
    const uint32_t needed = DP_CPU_NEON | DP_CPU_ARM_BF16;
#else
    const uint32_t amx = dp_cpu_has_slow_bf16() ? DP_CPU_AMX | DP_CPU_VNNI : 0;
    const uint32_t needed = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_BF16 | amx;
#endif
    for (uint32_t mask = 0; mask < EVERY_MASK; mask += FIRST_FLAG) {
        bool has = (needed & ~(mask & dp_cpu_features())) == 0;
        ck_assert_int_eq((int)dp_precision_auto(mask),
                         (int)(has ? DP_PRECISION_BF16 : DP_PRECISION_F32));
    }
}
END_TEST

START_TEST(precisions_have_names) {
    ck_assert_str_eq(dp_precision_name(DP_PRECISION_F32), "f32");
    ck_assert_str_eq(dp_precision_name(DP_PRECISION_BF16), "bf16");
    ck_assert_str_eq(dp_precision_name(DP_PRECISION_INT8), "int8");
}
END_TEST

/* ---- words ---- */

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The number at place `part` of a word; a byte is signed. */
static double number_in(const dp_product *p, uint32_t word, size_t part) {
    switch (p->precision) {
    case DP_PRECISION_F32:
        return (double)float_of(word);
    case DP_PRECISION_BF16:
        return (double)float_of(word >> 16 * part << 16);
    default:
        return (double)(int8_t)(uint8_t)(word >> 8 * part);
    }
}

/* Number i of a row. */
static double in_row(const dp_product *p, const uint32_t *row, size_t i) {
    return number_in(p, row[i / p->group], i % p->group);
}

/* Number i of a row of an operand: f32 already where the tile reads that. */
static double in_operand(const dp_product *p, const uint32_t *row, size_t i) {
    return p->spread != NULL ? (double)float_of(row[i]) : in_row(p, row, i);
}

/* Number i of a column of a panel, whose words are nr apart. Bytes have an offset there. */
static double in_column(const dp_product *p, const uint32_t *column, size_t i) {
    uint32_t word = column[i / p->group * p->nr];
    return number_in(p, has_bytes(p) ? word ^ 0x80808080U : word, i % p->group);
}

/* A word of numbers that `number` makes, all of which bf16 has; or one of any bytes. */
static uint32_t make_word(const dp_product *p, float (*number)(void)) {
    uint32_t word = 0;
    switch (p->precision) {
    case DP_PRECISION_F32:
        return bits_of(number());
    case DP_PRECISION_BF16:
        word = bits_of(number()) >> 16;
        return word | (bits_of(number()) & 0xffff0000U);
    default:
        for (int i = 0; i < 4; i++) { /* -127 .. 127 */
            word = word << 8 | ((random_below(255) - 127) & 0xffU);
        }
        return word;
    }
}

static uint32_t *guarded_words(size_t count) {
    return guarded_bytes(count * sizeof(uint32_t), sizeof(uint32_t));
}

/* Words that must not matter: no numbers in f32 and bf16. */
static uint32_t *garbage_words(size_t count) {
    uint32_t *words = guarded_words(count);
    memset(words, 0xff, count * sizeof *words);
    return words;
}

/* ---- rows of bf16 ---- */

/* Its bits without the sign; what would come after the largest is 2^128. */
static double size_of_bf16(uint32_t half) {
    return half == 0x7f80 ? 0x1p128 : (double)float_of(half << 16);
}

/* By the definition: the nearer one, or the even one of two; 0 for what is not normal. */
static uint32_t nearest_bf16(float x) {
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

static void assert_bf16(const dp_product *p, float x, uint32_t half) {
    bool right = isnan(x) ? isnan(float_of(half << 16)) != 0 : half == nearest_bf16(x);
    if (!right) {
        ck_abort_msg("%s: %a becomes %#x, not %#x", p->name, (double)x, half, nearest_bf16(x));
    }
}

/* All upper halves of a float, with lower halves around the middle and at both ends. */
START_TEST(bf16_is_the_nearest) {
    static const uint32_t lower[] = {0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0x8002, 0xffff};
    const dp_product *p = products[_i];
    float x[32];
    uint32_t words[16];
    for (uint32_t upper = 0; upper < 65536; upper += (uint32_t)unless_brief(1, 31)) {
        for (size_t i = 0; i < COUNT(x); i++) {
            x[i] = float_of(upper << 16 | (i < COUNT(lower) ? lower[i] : random_below(65536)));
        }
        p->convert(x, COUNT(x), words, NULL);
        for (size_t i = 0; i < COUNT(x); i++) {
            assert_bf16(p, x[i], words[i / 2] >> 16 * (i % 2) & 0xffffU);
        }
    }
}
END_TEST

/* Only n numbers are read, and only whole steps written, with zeros behind the numbers. */
START_TEST(rows_of_any_length) {
    const dp_product *p = products[_i];
    for (size_t n = 0; n < 200; n++) {
        size_t words = dp_panel_depth(p, n);
        ck_assert_uint_eq(words, round_up(round_up(n, p->group) / p->group, p->step));
        float *x = random_floats(n);
        uint32_t *row = garbage_words(words);
        dp_row_scale scale;
        p->convert(x, n, row, &scale);
        for (size_t i = 0; i < words * p->group; i++) {
            double factor = has_bytes(p) ? (double)scale.scale : 1;
            double got = factor * in_row(p, row, i), expected = i < n ? (double)x[i] : 0;
            /* bf16 has 8 bits, and 127 bytes make up the largest number, which is at most 1 */
            double bound = i < n ? (has_bytes(p) ? 0.51 / 127 : 0x1p-9) : 0;
            if (fabs(got - expected) > bound) {
                ck_abort_msg("%s: number %zu of %zu is %g, not %g", p->name, i, n, got, expected);
            }
        }
        guarded_end();
    }
}
END_TEST

/* All instruction sets round alike, bit for bit, whatever the numbers are. */
START_TEST(rows_are_the_same_everywhere) {
    const dp_product *p = products[_i];
    const dp_product *plain = dp_products_generic(p->precision);
    for (size_t round = 0; round < unless_brief(4000, 100); round++) {
        uint32_t bits[100], row[64], expected[64];
        float x[COUNT(bits)];
        dp_row_scale scale = {0, 0}, plain_scale = {0, 0};
        size_t n = random_size(1, COUNT(bits));
        /* any floats; or numbers, some of which are near to each other */
        uint32_t exponents = random_below(2) ? 256 : 100 + random_below(30);
        for (size_t i = 0; i < n; i++) {
            bits[i] =
                random_below(exponents) << 23 | random_below(1U << 23) | random_below(2) << 31;
        }
        memcpy(x, bits, sizeof x);
        p->convert(x, n, row, &scale);
        plain->convert(x, n, expected, &plain_scale);
        ck_assert_mem_eq(row, expected, dp_panel_depth(plain, n) * sizeof row[0]);
        ck_assert_mem_eq(&scale, &plain_scale, sizeof scale);
    }
}
END_TEST

/* Rows for tiles that read f32 are what convert() makes, number by number. */
START_TEST(spread_rows_hold_the_same) {
    const dp_product *p = products[_i];
    for (size_t n = 0; p->spread != NULL && n < 200; n++) {
        size_t words = dp_panel_depth(p, n);
        float *x = random_floats(n);
        uint32_t *row = garbage_words(words), *spread = garbage_words(words * dp_row_spread(p));
        p->convert(x, n, row, NULL);
        p->spread(x, n, spread, NULL);
        for (size_t i = 0; i < words * p->group; i++) {
            ck_assert_double_eq(in_operand(p, spread, i), in_row(p, row, i));
        }
        guarded_end();
    }
}
END_TEST

/* ---- rows of bytes ---- */

static float largest_of(const float *x, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    return largest;
}

/* Half a byte, and the roundings of 127 / largest, of its product with x and of the scale, each of
 * 127 bytes at most. */
#define BYTE_ERROR (0.5 + 3.01 * 127 * UNIT)

static void assert_byte_row(const dp_product *p, const float *x, size_t n) {
    uint32_t *words = garbage_words(dp_panel_depth(p, n));
    dp_row_scale row;
    double largest = 0;
    int64_t sum = 0;
    p->convert(x, n, words, &row);
    for (size_t i = 0; i < n; i++) {
        double byte = in_row(p, words, i), scale = (double)row.scale;
        if (fabs(byte) > 127 || fabs((double)x[i] - scale * byte) > BYTE_ERROR * scale) {
            ck_abort_msg("%s: %a becomes %g of %a", p->name, (double)x[i], byte, scale);
        }
        largest = fmax(largest, fabs(byte));
        sum += (int64_t)byte;
    }
    ck_assert_double_eq(largest, 127);
    ck_assert_int_eq(row.sum, 128 * sum);
    ck_assert(is_near(row.scale, (double)largest_of(x, n) / 127, last_place((double)row.scale)));
}

/* Of all sizes that a float has. */
START_TEST(bytes_are_within_half_a_step) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(3000, 100); round++) {
        size_t n = random_size(1, 300);
        float *x = random_floats(n);
        float size = ldexpf(1, (int)random_below(226) - 98); /* 2^-98 .. 2^127 */
        for (size_t i = 0; i < n; i++) {
            x[i] *= size;
        }
        x[random_below((uint32_t)n)] = random_below(2) ? size : -size;
        assert_byte_row(p, x, n);
        guarded_end();
    }
}
END_TEST

/* With a scale of 1: whole numbers are their bytes, and halves go to either side. */
START_TEST(bytes_of_whole_numbers_are_exact) {
    const dp_product *p = products[_i];
    float x[255];
    uint32_t words[80];
    dp_row_scale row;
    for (size_t i = 0; i < COUNT(x); i++) {
        x[i] = (float)i - 127;
    }
    p->convert(x, COUNT(x), words, &row);
    ck_assert(row.scale == 1 && row.sum == 0);
    for (size_t i = 0; i < COUNT(x); i++) {
        ck_assert_double_eq(in_row(p, words, i), (double)x[i]);
        x[i] += i < 254 ? 0.5F : 0;
    }
    assert_byte_row(p, x, COUNT(x));
}
END_TEST

/* Rows so small that 127 / largest may be infinite are zeros, with a scale that is a number. */
START_TEST(bytes_of_tiny_rows_are_zeros) {
    static const float sizes[] = {0, -0.0F, FLT_TRUE_MIN, FLT_MIN / 3, FLT_MIN, 1e-37F, 1e-30F};
    const dp_product *p = products[_i];
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (size_t n = 1; n < 40; n++) {
            float *x = random_floats(n);
            uint32_t *words = garbage_words(dp_panel_depth(p, n));
            dp_row_scale row;
            for (size_t i = 0; i < n; i++) {
                x[i] *= sizes[s];
            }
            x[n - 1] = sizes[s];
            p->convert(x, n, words, &row);
            for (size_t i = 0; i < dp_panel_depth(p, n); i++) {
                ck_assert_uint_eq(words[i], 0);
            }
            ck_assert(row.scale >= 0 && row.scale <= 1e-30F && row.sum == 0);
            guarded_end();
        }
    }
}
END_TEST

/* The scale says so, and with it every sum. */
START_TEST(bytes_of_rows_that_are_not_finite) {
    static const float values[] = {INFINITY, -INFINITY, NAN, -NAN};
    const dp_product *p = products[_i];
    for (size_t n = 1; n < 100; n++) {
        float *x = random_floats(n);
        uint32_t *words = garbage_words(dp_panel_depth(p, n));
        dp_row_scale row;
        x[random_below((uint32_t)n)] = values[n % COUNT(values)];
        p->convert(x, n, words, &row);
        ck_assert(!isfinite(row.scale));
        guarded_end();
    }
}
END_TEST

/* ---- one tile ---- */

typedef struct tile {
    const dp_product *product;
    dp_tile args; /* c is asked for by run_tile() */
    float *before, *c;
} tile;

static const uint32_t *make_words(const dp_product *p, size_t count, float (*number)(void)) {
    uint32_t *words = guarded_words(count);
    for (size_t i = 0; i < count; i++) {
        words[i] = make_word(p, number);
    }
    return words;
}

/* A word of a row as the tile reads it. */
static uint32_t make_row_word(const dp_product *p, float (*number)(void)) {
    uint32_t word = make_word(p, number);
    return p->spread != NULL ? word << 16 : word;
}

static const uint32_t *make_rows(const dp_product *p, size_t count, float (*number)(void)) {
    uint32_t *words = guarded_words(count);
    for (size_t i = 0; i < count; i++) {
        words[i] = make_row_word(p, number);
    }
    return words;
}

/* Those of a tile of whole numbers are powers of 2. */
static void make_scales(tile *t, bool whole) {
    const dp_product *p = t->product;
    dp_row_scale *row = guarded_bytes(p->mr * sizeof *row, sizeof(float));
    float *column = guarded_floats(p->nr);
    for (size_t i = 0; i < p->mr; i++) {
        const uint32_t *words = t->args.a + i * t->args.a_stride;
        row[i] = (dp_row_scale){whole ? 0.5F : fabsf(random_float()), 0};
        for (size_t n = 0; n < 4 * t->args.words; n++) {
            row[i].sum += 128 * (int32_t)in_row(p, words, n);
        }
    }
    for (size_t j = 0; j < p->nr; j++) {
        column[j] = whole ? 0.25F : fabsf(random_float()) / 127;
    }
    t->args.row = row;
    t->args.column_scale = column;
}

static float *make_floats(size_t count, float (*number)(void)) {
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++) {
        values[i] = number();
    }
    return values;
}

/* Addresses where nothing may be read. */
static uintptr_t nowhere(const dp_product *p, const dp_tile *args) {
    uintptr_t behind = (uintptr_t)(args->panel + args->words * p->nr);
    const uintptr_t places[] = {behind, 0, UINTPTR_MAX - 1000, UINTPTR_MAX / 4 + 1};
    return places[random_below(COUNT(places))];
}

static tile make_tile(const dp_product *p, size_t rows, size_t columns, size_t words,
                      float (*number)(void)) {
    tile t = {.product = p};
    dp_tile *args = &t.args;
    size_t read = p->precision == DP_PRECISION_F32 ? rows : p->mr;
    words = p->apply != NULL && words == 0 ? p->step : words; /* a product has a depth */
    args->rows = rows;
    args->columns = columns;
    args->words = words;
    args->accumulate = random_below(2) != 0;
    size_t row_words = words * dp_row_spread(p);
    args->a_stride = row_words + random_below(4);
    args->c_stride = columns + random_below(4);
    args->a = make_rows(p, extent(read, row_words, args->a_stride), number);
    args->panel = make_words(p, words * p->nr, number);
    args->bias = random_below(2) ? make_floats(p->nr, number) : NULL;
    args->next = nowhere(p, args);
    args->ahead = 1 + random_below(8 * (uint32_t)p->nr);
    if (has_bytes(p)) {
        make_scales(&t, number == random_whole);
    }
    t.before = make_floats(extent(rows, columns, args->c_stride), number);
    t.c = guarded_copy(t.before, extent(rows, columns, args->c_stride));
    return t;
}

static void run_tile(const tile *t, float *c) {
    const dp_product *p = t->product;
    dp_tile args = t->args;
    args.c = c;
    if (p->tile != NULL) {
        p->tile(&args);
        return;
    }
    dp_linear one = {.product = p,
                     .inputs = args.words * p->group,
                     .outputs = args.columns,
                     .depth = args.words,
                     .panels = args.panel,
                     .bias = args.bias,
                     .scale = args.column_scale};
    dp_operand in = {(uint32_t *)args.a, args.a_stride, (dp_row_scale *)args.row};
    p->apply(&one, args.rows, in, c, args.c_stride, (dp_epilogue){.accumulate = args.accumulate});
}

/* One element, and what bounds the error of any order: the sum of the sizes of its terms, times how
 * often it is rounded. Sums of bytes are exact and then become floats. */
static double tile_element(const tile *t, size_t i, size_t j, double *bound) {
    const dp_product *p = t->product;
    const dp_tile *args = &t->args;
    size_t depth = args->words * p->group;
    double bias = args->bias != NULL ? (double)args->bias[j] : 0, sum = 0, size = 0;
    double old = args->accumulate ? (double)t->before[i * args->c_stride + j] : 0;
    for (size_t n = 0; n < depth; n++) {
        double x = in_operand(p, args->a + i * args->a_stride, n);
        double term = x * in_column(p, args->panel + j, n);
        sum += term;
        size += fabs(term);
    }
    if (has_bytes(p)) {
        sum *= (double)args->row[i].scale * (double)args->column_scale[j];
        size = fabs(sum);
    }
    double steps = has_bytes(p) ? 3 : (double)depth;
    *bound = 1.01 * (steps + 3) * UNIT * (size + fabs(bias) + fabs(old));
    return sum + bias + old;
}

/* `slack` is 0 for whole numbers, where every step is exact. `flushed` is what products of numbers
 * below the normal ones may lose. */
static void assert_tile(const tile *t, double slack, double flushed) {
    const dp_tile *args = &t->args;
    run_tile(t, t->c);
    for (size_t i = 0; i < args->rows; i++) {
        for (size_t j = 0; j < args->columns; j++) {
            double bound;
            double expected = tile_element(t, i, j, &bound);
            float got = t->c[i * args->c_stride + j];
            if (!is_near(got, expected, slack * bound + flushed)) {
                ck_abort_msg(
                    "%s, %s: tile %zux%zu of %zu words, element (%zu, %zu) is %.9g, not %.9g",
                    dp_precision_name(t->product->precision), t->product->name, args->rows,
                    args->columns, args->words, i, j, (double)got, expected);
            }
        }
    }
    assert_gaps(t->c, t->before, args->rows, args->columns, args->c_stride);
}

static size_t random_words(const dp_product *p, size_t first, size_t last) {
    return round_up(random_size(first, last), p->step);
}

START_TEST(tiles_of_whole_numbers_are_exact) {
    static const size_t words[] = {0, 1, 2, 3, 7, 16, 31, 64, 65};
    const dp_product *p = products[_i];
    for (size_t rows = 1; rows <= p->mr; rows++) {
        for (size_t columns = 1; columns <= p->nr; columns++) {
            size_t depth = round_up(words[random_below(COUNT(words))], p->step);
            tile t = make_tile(p, rows, columns, depth, random_whole);
            assert_tile(&t, 0, 0);
            guarded_end();
        }
    }
}
END_TEST

START_TEST(tiles_are_within_rounding) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(200, 20); round++) {
        size_t words = random_below(4) ? random_words(p, 0, 90) : random_words(p, 90, 2000);
        tile t = make_tile(p, random_size(1, p->mr), random_size(1, p->nr), words, random_float);
        assert_tile(&t, 1, 0);
        guarded_end();
    }
}
END_TEST

/* An element is the same, bit for bit, in a tile of any other size. */
START_TEST(elements_do_not_depend_on_the_tile) {
    const dp_product *p = products[_i];
    tile t = make_tile(p, p->mr, p->nr, round_up(77, p->step), random_float);
    size_t count = extent(p->mr, p->nr, t.args.c_stride);
    run_tile(&t, t.c);
    for (size_t rows = 1; rows <= p->mr; rows++) {
        for (size_t columns = 1; columns <= p->nr; columns++) {
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

/* A tile in tiles of plain C of one column. */
static void run_plain(const tile *t, float *c) {
    const dp_product *p = t->product, *plain = dp_products_rows(p->precision);
    const dp_tile *args = &t->args;
    for (size_t j = 0; j < args->columns; j += plain->nr) {
        uint32_t *panel = guarded_words(args->words * plain->nr);
        for (size_t w = 0; w < args->words; w++) {
            memcpy(panel + w * plain->nr, args->panel + w * p->nr + j, plain->nr * sizeof *panel);
        }
        for (size_t i = 0; i < args->rows; i += plain->mr) {
            dp_tile part = *args;
            part.rows = args->rows - i < plain->mr ? args->rows - i : plain->mr;
            part.columns = args->columns - j < plain->nr ? args->columns - j : plain->nr;
            part.a += i * args->a_stride;
            part.row += i;
            part.panel = panel;
            part.column_scale += j;
            part.bias = args->bias != NULL ? args->bias + j : NULL;
            part.c = c + i * args->c_stride + j;
            plain->tile(&part);
        }
    }
}

/* Sums of bytes are exact, and all instruction sets do the same to them: not a bit differs. */
START_TEST(tiles_of_bytes_are_the_same_everywhere) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(200, 20); round++) {
        size_t rows = random_size(1, p->mr), columns = random_size(1, p->nr);
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

/* The largest bytes of either sign, as many as there may be. */
START_TEST(sums_of_bytes_do_not_overflow) {
    static const struct {
        int8_t x[2];
        uint8_t w[2];
    } extremes[] = {{{-127, -127}, {255, 255}}, {{127, 127}, {255, 255}}, {{-127, -127}, {0, 0}},
                    {{127, 127}, {0, 0}},       {{127, -127}, {255, 0}},  {{127, -127}, {0, 255}}};
    const dp_product *p = products[_i];
    size_t words = DP_MAX_BYTE_DEPTH / 4;
    tile t = make_tile(p, p->mr, p->nr, words, random_whole);
    dp_row_scale *row = guarded_bytes(p->mr * sizeof *row, sizeof(float));
    t.args.row = row;
    for (size_t e = 0; e < COUNT(extremes); e++) {
        int x = extremes[e].x[0], y = extremes[e].x[1];
        int64_t sum =
            (int64_t)words * 2 * (x * (extremes[e].w[0] - 128) + y * (extremes[e].w[1] - 128));
        fill_bytes(t.args.a, extent(p->mr, words, t.args.a_stride), (uint8_t)x, (uint8_t)y);
        fill_bytes(t.args.panel, words * p->nr, extremes[e].w[0], extremes[e].w[1]);
        for (size_t i = 0; i < p->mr; i++) {
            row[i] = (dp_row_scale){1, 128 * (int32_t)words * 2 * (x + y)};
        }
        t.args.accumulate = false;
        t.args.bias = NULL;
        run_tile(&t, t.c);
        for (size_t i = 0; i < p->mr; i++) {
            for (size_t j = 0; j < p->nr; j++) {
                float expected = (float)sum * t.args.column_scale[j];
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
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(100, 10); round++) {
        size_t words = random_words(p, 1, 60);
        tile t = make_tile(p, random_size(1, p->mr), random_size(1, p->nr), words, random_float);
        uint32_t *a = (uint32_t *)(uintptr_t)t.args.a;
        size_t read = p->precision == DP_PRECISION_F32 ? t.args.rows : p->mr;
        for (size_t i = 0; i < extent(read, words * dp_row_spread(p), t.args.a_stride); i++) {
            a[i] = make_row_word(p, tiny);
        }
        t.args.accumulate = false;
        t.args.bias = NULL;
        assert_tile(&t, 1, 2 * (double)(words * p->group) * (double)FLT_MIN);
        guarded_end();
    }
}
END_TEST

/* What is no number in a row is found in all of its sums and in no others. */
START_TEST(rows_that_are_not_finite_are_seen) {
    static const float values[] = {INFINITY, -INFINITY, NAN};
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(100, 10); round++) {
        size_t words = random_words(p, 1, 60);
        tile t = make_tile(p, p->mr, p->nr, words, random_float);
        size_t bad = random_below((uint32_t)p->mr);
        float value = values[round % COUNT(values)];
        if (has_bytes(p)) {
            ((dp_row_scale *)(uintptr_t)t.args.row)[bad].scale = value;
        } else {
            uint32_t *a = (uint32_t *)(uintptr_t)t.args.a;
            size_t row_words = words * dp_row_spread(p);
            a[bad * t.args.a_stride + random_below((uint32_t)row_words)] = bits_of(value);
        }
        run_tile(&t, t.c);
        for (size_t i = 0; i < p->mr; i++) {
            for (size_t j = 0; j < p->nr; j++) {
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

/* ---- panels ---- */

/* Column o of the panels of a matrix with this depth in words. */
static const uint32_t *panel_column(const dp_product *p, const uint32_t *panels, size_t depth,
                                    size_t o) {
    return panels + o / p->nr * p->nr * depth + o % p->nr;
}

/* w [outputs][inputs] with `down` from output to output and `across` from input to input, as panels
 * have it; zeros behind. */
static void assert_panels(const dp_product *p, const uint32_t *panels, const float *scale,
                          const float *w, size_t down, size_t across, size_t outputs,
                          size_t inputs) {
    size_t depth = dp_panel_depth(p, inputs);
    for (size_t o = 0; o < dp_panel_columns(p, outputs); o++) {
        const uint32_t *column = panel_column(p, panels, depth, o);
        for (size_t i = 0; i < depth * p->group; i++) {
            bool there = o < outputs && i < inputs;
            double factor = has_bytes(p) && there ? (double)scale[o] : 1;
            double expected = there ? (double)w[o * down + i * across] : 0, bound = 0;
            if (there && p->precision == DP_PRECISION_BF16) {
                expected = (double)float_of(nearest_bf16((float)expected) << 16);
            } else if (there && has_bytes(p)) {
                bound = BYTE_ERROR * factor;
            }
            double got = o < outputs ? factor * in_column(p, column, i)
                                     : number_in(p, column[i / p->group * p->nr], i % p->group);
            if (fabs(got - expected) > bound) {
                ck_abort_msg("%s, %s: (%zu, %zu) of %zux%zu is %g, not %g",
                             dp_precision_name(p->precision), p->name, o, i, outputs, inputs, got,
                             expected);
            }
        }
    }
}

START_TEST(panels_hold_the_matrix) {
    const dp_product *p = products[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 150);
        size_t stride = inputs + random_below(4), words = dp_panel_words(p, inputs, outputs);
        ck_assert_uint_eq(words, round_up(outputs, p->nr) * dp_panel_depth(p, inputs));
        float *w = random_floats(extent(outputs, inputs, stride));
        float *scale = has_bytes(p) ? guarded_floats(outputs) : NULL;
        uint32_t *panels = garbage_words(words);
        uint32_t *scratch = p->convert != NULL ? garbage_words(dp_panel_depth(p, inputs)) : NULL;
        dp_pack_outputs(p, panels, scale, w, stride, outputs, inputs, scratch);
        assert_panels(p, panels, scale, w, stride, 1, outputs, inputs);
        guarded_end();
    }
}
END_TEST

START_TEST(panels_hold_a_transposed_matrix) {
    const dp_product *p = products[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 90);
        size_t stride = outputs + random_below(4);
        float *w = random_floats(extent(inputs, outputs, stride));
        uint32_t *panels = garbage_words(dp_panel_words(p, inputs, outputs));
        dp_pack_inputs(p, panels, w, stride, outputs, inputs);
        assert_panels(p, panels, NULL, w, 1, stride, outputs, inputs);
        guarded_end();
    }
}
END_TEST

/* ---- operands ---- */

/* Rows may be written one by one, in any order: the operand is the same. */
START_TEST(operands_can_be_put_together) {
    const dp_product *p = products[_i];
    for (int round = 0; round < 30; round++) {
        size_t rows = random_size(1, 70), inputs = random_size(1, 200);
        size_t stride = inputs + random_below(4), size = dp_operand_size(p, rows, inputs);
        size_t words = dp_panel_depth(p, inputs) * dp_row_spread(p);
        float *x = random_floats(extent(rows, inputs, stride));
        dp_operand made = dp_operand_make(p, x, stride, rows, inputs, garbage_words(size));
        dp_operand put = dp_operand_in(p, rows, inputs, garbage_words(size));
        ck_assert_uint_eq(made.stride, put.stride);
        for (size_t i = rows; i-- > 0;) {
            dp_operand_put(p, &put, i, x + i * stride, inputs);
            ck_assert_mem_eq(put.words + i * put.stride, made.words + i * made.stride,
                             words * sizeof(uint32_t));
            ck_assert(!has_bytes(p) || memcmp(put.row + i, made.row + i, sizeof *put.row) == 0);
        }
        guarded_end();
    }
}
END_TEST

START_TEST(operands_of_f32_are_the_rows_themselves) {
    const dp_product *p = products[_i];
    float x[60] = {0};
    dp_operand made = dp_operand_make(p, x, 20, 3, 17, NULL);
    ck_assert_uint_eq(dp_operand_size(p, 3, 17), 0);
    ck_assert(made.words == (uint32_t *)x && made.stride == 20);
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

/* ---- a linear layer ---- */

typedef struct layer {
    dp_linear linear;
    dp_epilogue epilogue;
    size_t rows, in_stride, out_stride;
    float *w, *in, *before, *out; /* w [outputs][inputs] */
    double *sum, *size;           /* [rows][outputs]: of the terms so far, and of their sizes */
    size_t steps;                 /* how often a sum is rounded */
} layer;

static void pack_layer(const dp_product *p, layer *l) {
    size_t outputs = l->linear.outputs, inputs = l->linear.inputs;
    uint32_t *panels = garbage_words(dp_panel_words(p, inputs, outputs));
    float *scale = NULL;
    if (has_bytes(p)) {
        scale = guarded_floats(round_up(outputs, p->nr));
        memset(scale, 0, round_up(outputs, p->nr) * sizeof(float));
    }
    dp_pack_outputs(p, panels, scale, l->w, inputs, outputs, inputs,
                    guarded_words(dp_panel_depth(p, inputs)));
    l->linear.product = p;
    l->linear.depth = dp_panel_depth(p, inputs);
    l->linear.panels = panels;
    l->linear.scale = scale;
}

static double *zeros(size_t count) {
    double *values = guarded_bytes(count * sizeof *values, sizeof *values);
    memset(values, 0, count * sizeof *values);
    return values;
}

static layer make_layer(const dp_product *p, size_t rows, size_t inputs, size_t outputs) {
    layer l = {.linear = {.inputs = inputs, .outputs = outputs}, .rows = rows};
    l.in_stride = inputs + random_below(4);
    l.out_stride = outputs + random_below(4);
    l.w = random_floats(outputs * inputs);
    pack_layer(p, &l);
    l.linear.bias = random_below(4) ? random_floats(round_up(outputs, DP_MAX_NR)) : NULL;
    l.in = random_floats(extent(rows, inputs, l.in_stride));
    l.before = random_floats(extent(rows, outputs, l.out_stride));
    l.out = guarded_copy(l.before, extent(rows, outputs, l.out_stride));
    l.sum = zeros(rows * outputs);
    l.size = zeros(rows * outputs);
    l.epilogue = (dp_epilogue){.accumulate = random_below(2) != 0,
                               .activation = (dp_activation)random_below(DP_ACTIVATION_COUNT)};
    return l;
}

static layer random_layer(const dp_product *p) {
    size_t inputs = random_below(3) ? random_size(1, 100) : random_size(100, 1100);
    return make_layer(p, random_size(1, 40), inputs, random_size(1, 100));
}

/* `rows` rows from `row` on, of which `inputs` inputs from `first` on, as an operand of their own.
 */
static dp_operand operand_of(const layer *l, size_t row, size_t rows, size_t first, size_t inputs) {
    const dp_product *p = l->linear.product;
    size_t size = dp_operand_size(p, rows, inputs);
    return dp_operand_make(p, l->in + row * l->in_stride + first, l->in_stride, rows, inputs,
                           size > 0 ? garbage_words(size) : NULL);
}

static dp_operand whole_operand(const layer *l) {
    return operand_of(l, 0, l->rows, 0, l->linear.inputs);
}

static void run_layer(const layer *l, float *out) {
    dp_linear_apply(kernels_of(l->linear.product), &l->linear, l->rows, whole_operand(l), out,
                    l->out_stride, l->epilogue);
}

/* Element (i, j) of a product, on the numbers as they were rounded. */
static double product_element(const dp_linear *linear, const dp_operand *in, size_t i, size_t j,
                              double *size) {
    const dp_product *p = linear->product;
    const uint32_t *column = panel_column(p, linear->panels, linear->depth, j);
    double sum = 0;
    *size = 0;
    for (size_t n = 0; n < linear->inputs; n++) {
        double term = in_operand(p, in->words + i * in->stride, n) * in_column(p, column, n);
        sum += term;
        *size += fabs(term);
    }
    if (has_bytes(p)) {
        sum *= (double)in->row[i].scale * (double)linear->scale[j];
        *size = fabs(sum);
    }
    return sum;
}

/* Adds a product, which may be a part of the layer's, to what is expected. */
static void expect_product(layer *l, const dp_linear *linear, const dp_operand *in) {
    for (size_t i = 0; i < l->rows; i++) {
        for (size_t j = 0; j < linear->outputs; j++) {
            size_t place = i * linear->outputs + j;
            double size;
            l->sum[place] += product_element(linear, in, i, j, &size);
            l->size[place] += size;
        }
    }
    l->steps += has_bytes(linear->product) ? 4 : linear->inputs + 1;
}

/* Products that apply() have activations for answers that are going to be rounded: 7e-5 of the
 * answer, and of GELU 1.2e-5 besides. */
static double rounded_activation(const layer *l, double expected) {
    return l->linear.product->apply != NULL && l->epilogue.activation != DP_ACTIVATION_NONE
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
                    dp_precision_name(l->linear.product->precision), l->linear.product->name,
                    l->rows, l->linear.inputs, l->linear.outputs, i, j, (double)got, expected);
            }
        }
    }
    assert_gaps(l->out, l->before, l->rows, l->linear.outputs, l->out_stride);
}

START_TEST(layers_match_the_formula) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(60, 10); round++) {
        layer l = random_layer(p);
        dp_operand in = whole_operand(&l);
        run_layer(&l, l.out);
        expect_product(&l, &l.linear, &in);
        assert_layer(&l);
        guarded_end();
    }
}
END_TEST

/* Rows of floats as bf16. */
static uint16_t *halves_of(const float *x, size_t count) {
    uint16_t *halves = guarded_bytes(count * sizeof *halves, sizeof *halves);
    for (size_t i = 0; i < count; i++) {
        halves[i] = (uint16_t)nearest_bf16(x[i]);
    }
    return halves;
}

/* What products write as bf16 is what they write as f32, rounded: bit for bit, and nothing beside
 * it. */
START_TEST(layers_of_bf16_are_rounded) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(60, 10) && p->apply != NULL; round++) {
        layer l = random_layer(p);
        size_t count = extent(l.rows, l.linear.outputs, l.out_stride);
        uint16_t *before = halves_of(l.before, count), *out = halves_of(l.before, count);
        for (size_t i = 0; i < count; i++) {
            l.out[i] = float_of((uint32_t)before[i] << 16);
        }
        run_layer(&l, l.out);
        l.epilogue.bf16 = true;
        dp_linear_apply(kernels_of(p), &l.linear, l.rows, whole_operand(&l), out, l.out_stride,
                        l.epilogue);
        for (size_t i = 0; i < count; i++) {
            bool inside = i % l.out_stride < l.linear.outputs;
            ck_assert_uint_eq(out[i], inside ? nearest_bf16(l.out[i]) : before[i]);
        }
        guarded_end();
    }
}
END_TEST

/* Rows of bf16 become the operand that the same numbers in f32 become. */
START_TEST(rows_of_bf16_are_rows) {
    const dp_product *p = products[_i];
    for (size_t n = 1; n < 200 && p->apply != NULL; n++) {
        size_t words = dp_panel_depth(p, n);
        uint16_t *halves = halves_of(random_floats(n), n);
        float *x = guarded_floats(n);
        uint32_t *row = garbage_words(words), *expected = garbage_words(words);
        dp_row_scale scale = {0, 0}, expected_scale = {0, 0};
        for (size_t i = 0; i < n; i++) {
            x[i] = float_of((uint32_t)halves[i] << 16);
        }
        p->convert_bf16(halves, n, row, &scale);
        p->convert(x, n, expected, &expected_scale);
        ck_assert_mem_eq(row, expected, words * sizeof *row);
        ck_assert_mem_eq(&scale, &expected_scale, sizeof scale);
        guarded_end();
    }
}
END_TEST

/* Nothing is asked for: nothing is written. */
START_TEST(layers_without_outputs_or_rows) {
    const dp_product *p = products[_i];
    layer l = make_layer(p, 3, 40, 5);
    dp_linear none = {0};
    dp_linear_apply(kernels_of(p), &none, l.rows, (dp_operand){0}, l.out, l.out_stride, l.epilogue);
    dp_linear_apply(kernels_of(p), &l.linear, 0, (dp_operand){0}, l.out, l.out_stride, l.epilogue);
    ck_assert_mem_eq(l.out, l.before, extent(l.rows, 5, l.out_stride) * sizeof(float));
}
END_TEST

/* Bytes round alike everywhere, and so do their products. */
START_TEST(layers_of_bytes_are_the_same_everywhere) {
    const dp_product *p = products[_i], *plain = products[first_bytes];
    for (size_t round = 0; round < unless_brief(40, 10); round++) {
        layer l = random_layer(p);
        size_t count = extent(l.rows, l.linear.outputs, l.out_stride);
        float *expected = guarded_copy(l.before, count);
        l.epilogue.activation =
            DP_ACTIVATION_NONE; /* which each table has its own way to compute */
        run_layer(&l, l.out);
        pack_layer(plain, &l);
        run_layer(&l, expected);
        ck_assert_mem_eq(l.out, expected, count * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* The panels of a matrix with a smaller number of outputs give its first columns. */
START_TEST(views_give_the_first_columns) {
    const dp_product *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        l.epilogue.accumulate = false;
        run_layer(&l, l.out);
        layer view = l;
        view.linear.outputs = random_size(1, l.linear.outputs);
        view.out_stride = view.linear.outputs;
        float *out = guarded_floats(l.rows * view.out_stride);
        run_layer(&view, out);
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
    const dp_product *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t floats = extent(l.rows, l.linear.outputs, l.out_stride);
        float *out = guarded_copy(l.before, floats);
        dp_operand in = whole_operand(&l);
        run_layer(&l, l.out);
        for (size_t first = 0, count; first < l.linear.outputs; first += count) {
            count = p->nr * random_size(1, 3);
            count = count < l.linear.outputs - first ? count : l.linear.outputs - first;
            dp_linear part = dp_linear_outputs(&l.linear, first, count);
            dp_linear_apply(kernels_of(p), &part, l.rows, in, out + first, l.out_stride,
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
    const dp_product *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t inputs = l.linear.inputs, step = p->step * p->group;
        for (size_t first = 0, count; first < inputs; first += count) {
            count = step * random_size(1, (inputs - first) / step + 1);
            count = count < inputs - first ? count : inputs - first;
            dp_linear part = dp_linear_inputs(&l.linear, first, count);
            dp_operand in = operand_of(&l, 0, l.rows, first, count);
            dp_epilogue epilogue = {.accumulate = l.epilogue.accumulate || first > 0};
            if (first + count == inputs) {
                epilogue.activation = l.epilogue.activation;
            }
            dp_linear_apply(kernels_of(p), &part, l.rows, in, l.out, l.out_stride, epilogue);
            expect_product(&l, &part, &in);
        }
        assert_layer(&l);
        guarded_end();
    }
}
END_TEST

/* Threads split rows in ways that depend on their number; the answer must not. */
START_TEST(rows_do_not_depend_on_the_split) {
    const dp_product *p = products[_i];
    for (int round = 0; round < 40; round++) {
        layer l = random_layer(p);
        size_t floats = extent(l.rows, l.linear.outputs, l.out_stride);
        float *parts = guarded_copy(l.before, floats);
        run_layer(&l, l.out);
        for (size_t first = 0; first < l.rows;) {
            size_t count = random_size(1, l.rows - first);
            dp_operand in = operand_of(&l, first, count, 0, l.linear.inputs);
            dp_linear_apply(kernels_of(p), &l.linear, count, in, parts + first * l.out_stride,
                            l.out_stride, l.epilogue);
            first += count;
        }
        ck_assert_mem_eq(parts, l.out, floats * sizeof(float));
        guarded_end();
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

static void run_head(const dp_product *p, const dp_attention *attention) {
    size_t floats = dp_attention_scratch(p, attention->tokens, attention->head_size);
    dp_attention a = *attention;
    if (p->attend != NULL) {
        a.q = halves_of(a.q, extent(a.queries, a.head_size, a.stride));
        a.k = halves_of(a.k, extent(a.tokens, a.head_size, a.stride));
        a.v = halves_of(a.v, extent(a.tokens, a.head_size, a.stride));
    }
    dp_attention_run(kernels_of(p), p, &a, (float *)garbage_words(floats));
    for (size_t i = 0; p->attend != NULL && i < a.queries; i++) {
        for (size_t c = 0; c < a.head_size; c++) {
            size_t at = i * a.stride + c;
            ((float *)attention->q)[at] = float_of((uint32_t)((uint16_t *)a.q)[at] << 16);
        }
    }
}

static double rounded(const dp_product *p, float x) {
    return (double)(p->precision == DP_PRECISION_BF16 ? float_of(nearest_bf16(x) << 16) : x);
}

static double dot(const dp_product *p, const float *a, const float *b, size_t n, double *size) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double term = rounded(p, a[i]) * rounded(p, b[i]);
        sum += term;
        *size = fmax(*size, 1) + fabs(term);
    }
    return sum;
}

/* The answer of one query, in double precision on the rounded numbers, and a bound for its error:
 * that of a score is the relative error of its weight. Weights, which add up to 1, are rounded to
 * bf16 once more, each by 2^-8 of itself; no value is larger than 1. */
static double answer_query(const dp_product *p, const head *h, size_t query, double *answer) {
    const dp_attention *a = &h->attention;
    double scores[512], largest = -INFINITY, total = 0, size = 0;
    for (size_t t = 0; t < a->tokens; t++) {
        double terms = 0;
        scores[t] =
            (double)a->scale * dot(p, h->q + query * a->stride, (const float *)a->k + t * a->stride,
                                   a->head_size, &terms);
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
            answer[c] += scores[t] / total * rounded(p, ((const float *)a->v)[t * a->stride + c]);
        }
    }
    return 2 * UNIT * ((double)(a->head_size + a->tokens) + (double)a->head_size * size + 16) +
           (p->precision == DP_PRECISION_BF16 ? 0x1p-8 : 0) + (p->attend != NULL ? 0x1p-8 : 0);
}

static void assert_head(const dp_product *p, const head *h) {
    const dp_attention *a = &h->attention;
    run_head(p, a);
    for (size_t i = 0; i < a->queries; i++) {
        double expected[256];
        double bound = answer_query(p, h, i, expected);
        for (size_t c = 0; c < a->head_size; c++) {
            float got = ((float *)a->q)[i * a->stride + c];
            if (!is_near(got, expected[c], bound)) {
                ck_abort_msg("%s, %s: %zu queries of %zu tokens, head of %zu: (%zu, %zu) is %.9g, "
                             "not %.9g (bound %g)",
                             dp_precision_name(p->precision), p->name, a->queries, a->tokens,
                             a->head_size, i, c, (double)got, expected[c], bound);
            }
        }
    }
    assert_gaps(a->q, h->q, a->queries, a->head_size, a->stride);
}

START_TEST(attention_matches_the_formula) {
    static const size_t known[][3] = {{1, 1, 1},    {2, 1, 3},    {197, 3, 64}, {197, 1, 64},
                                      {50, 50, 32}, {17, 17, 15}, {257, 2, 64}, {33, 33, 128}};
    for (size_t round = 0; round < unless_brief(40, COUNT(known)); round++) {
        head h = round < COUNT(known)
                     ? make_head(known[round][0], known[round][1], known[round][2], 1)
                     : random_head();
        assert_head(products[_i], &h);
        guarded_end();
    }
}
END_TEST

/* Scores so far apart that one token gets all the weight; bf16 rounds a value of 1 to 1. */
START_TEST(attention_with_extreme_scores) {
    for (float size = 1e3F; size < 1e18F; size *= 1e3F) {
        head h = make_head(40, 40, 8, size);
        dp_attention a = h.attention;
        run_head(products[_i], &a);
        for (size_t i = 0; i < a.queries; i++) {
            for (size_t c = 0; c < a.head_size; c++) {
                ck_assert(fabsf(((float *)a.q)[i * a.stride + c]) <= 1.0001F);
            }
        }
        guarded_end();
    }
}
END_TEST

START_TEST(queries_do_not_depend_on_the_split) {
    const dp_product *p = products[_i];
    for (size_t round = 0; round < unless_brief(30, 10); round++) {
        head h = random_head();
        dp_attention whole = h.attention, part = h.attention;
        size_t floats = extent(whole.queries, whole.head_size, whole.stride);
        float *q = guarded_copy(h.q, floats);
        run_head(p, &whole);
        for (size_t first = 0; first < whole.queries; first += part.queries) {
            part.q = q + first * whole.stride;
            part.queries = random_size(1, whole.queries - first);
            run_head(p, &part);
        }
        ck_assert_mem_eq(q, whole.q, floats * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* ---- the suite ---- */

static TCase *add_cases(Suite *suite, const char *name) {
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, random_restart, guarded_end);
    suite_add_tcase(suite, cases);
    return cases;
}

#define ADD(cases, test) tcase_add_loop_test(cases, test, 0, product_count)
#define ADD_BYTES(cases, test) tcase_add_loop_test(cases, test, first_bytes, product_count)
#define ADD_F32(cases, test) tcase_add_loop_test(cases, test, 0, first_bf16)
#define ADD_BF16(cases, test) tcase_add_loop_test(cases, test, first_bf16, first_bytes)
#define ADD_FLOATS(cases, test) tcase_add_loop_test(cases, test, 0, first_bytes)
#define ADD_ROUNDED(cases, test) tcase_add_loop_test(cases, test, first_bf16, product_count)

static void add_choice(Suite *suite) {
    TCase *choice = add_cases(suite, "choice");
    ADD(choice, sizes_fit_together);
    ADD(choice, burning_counts_its_rounds);
    tcase_add_test(choice, choices_stay_within_their_mask);
    tcase_add_test(choice, choices_are_the_best_there_is);
    tcase_add_test(choice, auto_is_bf16_where_that_is_fast);
    tcase_add_test(choice, precisions_have_names);
}

static void add_numbers(Suite *suite) {
    TCase *rows = add_cases(suite, "rows");
    ADD_BF16(rows, bf16_is_the_nearest);
    ADD_ROUNDED(rows, rows_of_any_length);
    ADD_ROUNDED(rows, rows_are_the_same_everywhere);
    ADD_BF16(rows, spread_rows_hold_the_same);
    ADD_BYTES(rows, bytes_are_within_half_a_step);
    ADD_BYTES(rows, bytes_of_whole_numbers_are_exact);
    ADD_BYTES(rows, bytes_of_tiny_rows_are_zeros);
    ADD_BYTES(rows, bytes_of_rows_that_are_not_finite);

    TCase *panels = add_cases(suite, "panels and operands");
    ADD(panels, panels_hold_the_matrix);
    ADD_FLOATS(panels, panels_hold_a_transposed_matrix);
    ADD_ROUNDED(panels, operands_can_be_put_together);
    ADD_F32(panels, operands_of_f32_are_the_rows_themselves);
    tcase_add_test(panels, row_strides_are_aligned);
}

static void add_tiles(Suite *suite) {
    TCase *tiles = add_cases(suite, "tiles");
    ADD(tiles, tiles_of_whole_numbers_are_exact);
    ADD(tiles, tiles_are_within_rounding);
    ADD(tiles, elements_do_not_depend_on_the_tile);
    ADD_BYTES(tiles, tiles_of_bytes_are_the_same_everywhere);
    ADD_BYTES(tiles, sums_of_bytes_do_not_overflow);
    ADD_FLOATS(tiles, tiny_numbers_may_be_flushed);
    ADD(tiles, rows_that_are_not_finite_are_seen);
}

static Suite *products_suite(void) {
    Suite *suite = suite_create("products");
    add_choice(suite);
    add_numbers(suite);
    add_tiles(suite);

    TCase *layers = add_cases(suite, "layers");
    ADD(layers, layers_match_the_formula);
    ADD_ROUNDED(layers, layers_of_bf16_are_rounded);
    ADD_ROUNDED(layers, rows_of_bf16_are_rows);
    ADD(layers, layers_without_outputs_or_rows);
    ADD_BYTES(layers, layers_of_bytes_are_the_same_everywhere);
    ADD(layers, views_give_the_first_columns);
    ADD(layers, outputs_can_be_asked_in_parts);
    ADD(layers, inputs_can_be_given_in_parts);
    ADD(layers, rows_do_not_depend_on_the_split);

    TCase *attention = add_cases(suite, "attention");
    ADD_FLOATS(attention, attention_matches_the_formula);
    ADD_FLOATS(attention, attention_with_extreme_scores);
    ADD_FLOATS(attention, queries_do_not_depend_on_the_split);
    return suite;
}

/* ---- the benchmark ---- */

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

static void run_benchmark(void) {
    bench b = {.a = bench_floats(BENCH_ROWS * BENCH_WIDTH),
               .b = bench_floats(BENCH_WIDTH * BENCH_WIDTH),
               .c = bench_floats(BENCH_ROWS * BENCH_WIDTH)};
    for (int i = 0; i < product_count; i++) {
        b.product = products[i];
        bench_product(&b);
    }
}

int main(int count, char **arguments) {
    find_products();
    random_seed("test_products");
    if (count == 2 && strcmp(arguments[1], "--bench") == 0) {
        run_benchmark();
        return 0;
    }
    for (int i = 0; i < product_count; i++) {
        printf("%s%s %s", i == 0 ? "products: " : ", ", dp_precision_name(products[i]->precision),
               products[i]->name);
    }
    printf("\n");
    fflush(stdout);
    SRunner *runner = srunner_create(products_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
