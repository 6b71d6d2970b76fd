/*
 * lib/os/environment.c: what DUALPATH_CPU allows, by each of its names.
 */
#define _POSIX_C_SOURCE 200809L /* setenv() */
#include "suite.h"
#include "support.h"

#include <check.h>
#include <stdlib.h>

#include "os/environment.c"

/* `lower`: a level that this one builds on. */
static const struct {
    const char *name, *lower;
    uint32_t adds;
} cases[] = {
    {"avx2", "c", DP_CPU_AVX2},           {"avx2-vnni", "avx2", DP_CPU_VNNI},
    {"avx512", "avx2", DP_CPU_AVX512},    {"avx512-vnni", "avx512", DP_CPU_VNNI | DP_CPU_BF16},
    {"amx", "avx512-vnni", DP_CPU_AMX},   {"neon", "c", DP_CPU_NEON},
    {"neon-dot", "neon", DP_CPU_DOTPROD}, {"neon-i8mm", "neon-dot", DP_CPU_I8MM | DP_CPU_ARM_BF16},
};

static uint32_t mask_of(const char *level) {
    ck_assert_int_eq(setenv("DUALPATH_CPU", level, 1), 0);
    return read_mask();
}

START_TEST(levels_add_to_those_that_they_build_on) {
    uint32_t lower = mask_of(cases[_i].lower);
    ck_assert_uint_eq(lower & cases[_i].adds, 0);
    ck_assert_uint_eq(mask_of(cases[_i].name), lower | cases[_i].adds);
}
END_TEST

START_TEST(plain_c_is_a_level_and_anything_else_is_none) {
    static const char *const others[] = {"", "C", "avx", "avx2 ", "sse4", "avx512-vnni-bf16"};
    ck_assert_uint_eq(mask_of("c"), 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_uint_eq(mask_of(others[i]), DP_CPU_ALL);
    }
    ck_assert_int_eq(unsetenv("DUALPATH_CPU"), 0);
    ck_assert_uint_eq(read_mask(), DP_CPU_ALL);
}
END_TEST

START_TEST(the_environment_is_read_once) {
    (void)mask_of("avx2");
    ck_assert_uint_eq(dpi_environment_cpu_mask(), DP_CPU_AVX2);
    (void)mask_of("amx");
    ck_assert_uint_eq(dpi_environment_cpu_mask(), DP_CPU_AVX2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("environment");
    TCase *levels = add_case(suite, "levels", 20, NULL, NULL);
    tcase_add_loop_test(levels, levels_add_to_those_that_they_build_on, 0, (int)COUNT(cases));
    tcase_add_test(levels, plain_c_is_a_level_and_anything_else_is_none);
    tcase_add_test(levels, the_environment_is_read_once);
    return run_suite(suite);
}
