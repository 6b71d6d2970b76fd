/*
 * lib/kernels, products of matrices: the rows that they read, rounded to bf16 and to bytes, one row
 * at a time and put together, against the definition of the rounding.
 */
#include "gemm_support.h"

/* ---- rows of bf16 ---- */

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

/* ---- rows of bytes ---- */

static float largest_of(const float *x, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    return largest;
}

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

static Suite *lhs_suite(void) {
    Suite *suite = suite_create("gemm_lhs");
    TCase *rows = add_guarded_case(suite, "rows");
    ADD_BF16(rows, bf16_is_the_nearest);
    ADD_ROUNDED(rows, rows_of_any_length);
    ADD_ROUNDED(rows, rows_are_the_same_everywhere);
    ADD_BF16(rows, spread_rows_hold_the_same);
    ADD_ROUNDED(rows, rows_of_bf16_are_rows);
    ADD_BYTES(rows, bytes_are_within_half_a_step);
    ADD_BYTES(rows, bytes_of_whole_numbers_are_exact);
    ADD_BYTES(rows, bytes_of_tiny_rows_are_zeros);
    ADD_BYTES(rows, bytes_of_rows_that_are_not_finite);

    TCase *operands = add_guarded_case(suite, "operands");
    ADD_ROUNDED(operands, operands_can_be_put_together);
    ADD_F32(operands, operands_of_f32_are_the_rows_themselves);
    tcase_add_test(operands, row_strides_are_aligned);
    return suite;
}

int main(void) {
    return run_products("test_gemm_lhs", lhs_suite);
}
