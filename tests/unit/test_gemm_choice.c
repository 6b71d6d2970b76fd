/*
 * lib/kernels, products of matrices: what every one of them promises of its sizes, and which one is
 * chosen for a mask of instruction sets.
 */
#include "gemm_support.h"

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

static Suite *choice_suite(void) {
    Suite *suite = suite_create("gemm_choice");
    TCase *choice = add_guarded_case(suite, "choice");
    ADD(choice, sizes_fit_together);
    ADD(choice, burning_counts_its_rounds);
    tcase_add_test(choice, choices_stay_within_their_mask);
    tcase_add_test(choice, choices_are_the_best_there_is);
    tcase_add_test(choice, auto_is_bf16_where_that_is_fast);
    tcase_add_test(choice, precisions_have_names);
    return suite;
}

int main(void) {
    return run_products("test_gemm_choice", choice_suite);
}
