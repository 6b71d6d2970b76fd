/*
 * tests/instructions/arithmetic.h against the C library, where that says what is right: numbers
 * that are rounded once. What only instructions do is compared with them (same_bits.sh).
 */
#include "arithmetic.h"
#include "suite.h"
#include "support.h"

static float any_number(void) {
    return f32_of_bits(random_below(65536) << 16 | random_below(65536));
}

static void assert_same(float got, float expected, float a, float b, float c) {
    if (bits_of_f32(got) != bits_of_f32(expected) && !(isnan(got) && isnan(expected))) {
        ck_abort_msg("of %a, %a, %a: %a, not %a", (double)a, (double)b, (double)c, (double)got,
                     (double)expected);
    }
}

START_TEST(multiply_adds_round_once) {
    for (int round = 0; round < 300000; round++) {
        float a = any_number(), b = any_number();
        float c = random_below(2) ? any_number() : -a * b * (1 + random_float() * 0x1p-20F);
        assert_same(multiply_add(a, b, c), fmaf(a, b, c), a, b, c);
    }
}
END_TEST

/* An odd c and a half of its last place, but for what a double has no bits for. */
START_TEST(multiply_adds_close_to_the_middle_round_once) {
    for (int round = 0; round < 10000; round++) {
        float size = ldexpf(random_below(2) ? 1 : -1, (int)random_below(200) - 100);
        float c = size * (1 + (float)(2 * random_below(1U << 22) + 1) * 0x1p-23F);
        float a = size * 0x1p-12F * (1 + 0x1p-23F), b = 0x1p-12F * (1 - 0x1p-23F);
        assert_same(multiply_add(a, b, c), fmaf(a, b, c), a, b, c);
        assert_same(multiply_add(-a, b, c), fmaf(-a, b, c), a, b, c);
    }
}
END_TEST

START_TEST(whole_numbers_are_the_nearest) {
    for (int round = 0; round < 300000; round++) {
        float x = random_below(2) ? any_number() : (float)random_below(4000) / 8 - 250;
        assert_same(nearest_whole(x), rintf(x), x, 0, 0);
        assert_same(whole_below(x), floorf(x), x, 0, 0);
    }
}
END_TEST

int main(void) {
    random_seed("test_arithmetic");
    Suite *suite = suite_create("arithmetic");
    TCase *numbers = add_case(suite, "numbers", 60, random_restart, NULL);
    tcase_add_test(numbers, multiply_adds_round_once);
    tcase_add_test(numbers, multiply_adds_close_to_the_middle_round_once);
    tcase_add_test(numbers, whole_numbers_are_the_nearest);
    return run_suite(suite);
}
