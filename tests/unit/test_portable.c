/*
 * What plain C has instead of the C library, against the C library: text of messages, exp and erfc.
 */
#include "base/text.h"
#include "nn/exp_erfc.h"
#include "suite.h"

#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

#define SAME(...)                                                                    \
    do {                                                                             \
        char ours[96], theirs[96];                                                   \
        size_t length = dpi_print(ours, sizeof ours, __VA_ARGS__);                   \
        ck_assert_int_eq(snprintf(theirs, sizeof theirs, __VA_ARGS__), (int)length); \
        ck_assert_str_eq(ours, theirs);                                              \
    } while (0)

START_TEST(numbers_are_printed_as_printf_does) {
    SAME("%d %d %d", 0, INT32_MIN, INT32_MAX);
    SAME("%lld %lld", (long long)INT64_MIN, (long long)INT64_MAX);
    SAME("%ld %ld", LONG_MIN, LONG_MAX);
    SAME("%zu %zu", (size_t)0, SIZE_MAX);
    SAME("%lu %llu", 4294967295ul, (unsigned long long)UINT64_MAX);
    SAME("%08lx %08lx %lx", 0ul, 0x89abcdeful, 0xful);
    SAME("100 %% of %u", 7u);
}
END_TEST

START_TEST(reals_are_printed_as_printf_does) {
    static const double values[] = {0.0,      1.0,   -1.0,    0.1,    123456.0, 999999.4, 999999.6,
                                    1e6,      1e-4,  9.9e-5,  1e-5,   -2.5e-30, 1.7e308,  5e-324,
                                    0.485,    100.0, 10.25,   1e300,  65536.0,  INFINITY, -INFINITY,
                                    0.000123, 12e5,  1234567, 1e-300, 0.5};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        SAME("%g", values[i]);
    }
    SAME("%g", (double)NAN);
    srand(1);
    for (int i = 0; i < 100000; i++) {
        double value = (double)rand() / RAND_MAX * pow(10.0, rand() % 40 - 20);
        SAME("<%g>", value);
    }
}
END_TEST

START_TEST(text_is_cut_where_it_must_be) {
    char text[8];
    SAME("%s|%.3s|%.9s", "all", "abcdef", "short");
    ck_assert_uint_eq(dpi_print(text, sizeof text, "%s%d", "12345", 6789), 7);
    ck_assert_str_eq(text, "1234567");
    ck_assert_uint_eq(dpi_print(text, 1, "%s", "nothing fits"), 0);
    ck_assert_str_eq(text, "");
    const char open[3] = {'a', 'b', 'c'}; /* without an end, which %.3s does not look for */
    ck_assert_uint_eq(dpi_print(text, sizeof text, "%.3s", open), 3);
}
END_TEST

/* ---- functions ---- */

static void check_near(double is, double wanted, double x) {
    ck_assert_msg(fabs(is - wanted) <= 1e-13 * fabs(wanted), "of %.17g: %.17g, not %.17g", x, is,
                  wanted);
}

START_TEST(exp_is_exact) {
    for (double x = -708.0; x < 709.7; x += 0.00731) {
        check_near(dpi_exp(x), exp(x), x);
    }
    ck_assert(dpi_exp(0.0) == 1.0 && dpi_exp(-0.0) == 1.0);
    ck_assert(dpi_exp(-800.0) == 0.0 && dpi_exp(-INFINITY) == 0.0);
    ck_assert(isinf(dpi_exp(710.0)) && isinf(dpi_exp(INFINITY)));
    ck_assert(isnan(dpi_exp(NAN)));
}
END_TEST

START_TEST(erfc_is_exact) {
    for (double x = -6.0; x < 26.0; x += 0.00037) {
        check_near(dpi_erfc(x), erfc(x), x);
    }
    ck_assert(dpi_erfc(-INFINITY) == 2.0 && dpi_erfc(INFINITY) == 0.0);
    ck_assert(isnan(dpi_erfc(NAN)));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("portable");
    TCase *text = tcase_create("text");
    TCase *functions = tcase_create("functions");
    tcase_add_test(text, numbers_are_printed_as_printf_does);
    tcase_add_test(text, reals_are_printed_as_printf_does);
    tcase_add_test(text, text_is_cut_where_it_must_be);
    suite_add_tcase(suite, text);
    tcase_add_test(functions, exp_is_exact);
    tcase_add_test(functions, erfc_is_exact);
    suite_add_tcase(suite, functions);
    return run_suite(suite);
}
