/*
 * lib/kernels, products of matrices: what every one of them promises of its sizes, and which one is
 * chosen for a mask of instruction sets.
 */
#include "gemm_support.h"
#include "model/choose.h"
#include "model/model.h"

/* What the loops around the tiles rely on. */
START_TEST(sizes_fit_together) {
    const dpi_gemm *p = products[_i];
    static const size_t groups[] = {1, 2, 4};
    ck_assert_uint_eq(p->layout.kr, groups[p->layout.precision - DP_PRECISION_F32]);
    ck_assert(p->kernel.mr > 0 && p->layout.nr > 0 && p->layout.step > 0 && p->row_block > 0);
    ck_assert_uint_le(p->layout.nr, DPI_MAX_NR);
    ck_assert_uint_eq(DPI_MAX_NR % p->layout.nr, 0);
    ck_assert_uint_eq(p->row_block % p->kernel.mr, 0);
    ck_assert(p->run != dpi_gemm_run_tiles || p->kernel.kc % p->layout.step == 0);
    ck_assert_uint_eq(DPI_MAX_BYTE_DEPTH % (p->layout.step * p->layout.kr), 0);
    ck_assert(!has_bytes(p) || p->kernel.kc == DPI_WHOLE_DEPTH);
    ck_assert((p->layout.round_row == NULL) == (p->layout.precision == DP_PRECISION_F32));
    ck_assert((p->lhs.from_f32 == NULL) == (p->layout.precision == DP_PRECISION_F32));
    ck_assert_uint_le(p->lhs.expansion, p->lhs.allotted);
    ck_assert(p->kernel.panels > 0);
    ck_assert((p->kernel.run == NULL) == (p->run != dpi_gemm_run_tiles));
    /* rows that are written as bf16 can be read */
    ck_assert(p->lhs.output_type == DPI_NUMBER_F32 || p->lhs.from_bf16 != NULL);
    ck_assert((p->attention.run != NULL) || p->layout.precision == DP_PRECISION_INT8);
}
END_TEST

START_TEST(burning_counts_its_rounds) {
    const dpi_gemm *p = products[_i];
    uint64_t one = p->measure_peak(1);
    ck_assert_uint_gt(one, 0);
    ck_assert_uint_eq(p->measure_peak(1000), 1000 * one);
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
            const dpi_gemm *p = dpi_gemm_choose(precision, mask);
            ck_assert_int_eq((int)p->layout.precision, (int)precision);
            ck_assert_uint_eq(p->cpu & ~(mask & dpi_cpu_features()), 0);
        }
        ck_assert_uint_eq(dpi_gemm_choose(DP_PRECISION_F32, mask)->cpu,
                          dpi_kernels_choose(mask)->cpu);
    }
}
END_TEST

/* Slower than what it could be replaced by. */
static bool is_slow(const dpi_gemm *p) {
    return strcmp(p->name, "avx512-bf16") == 0 && dpi_cpu_has_slow_bf16();
}

/* The last of those that the mask allows. */
START_TEST(choices_are_the_best_there_is) {
    for (uint32_t mask = 0; mask < EVERY_MASK; mask += FIRST_FLAG) {
        const dpi_gemm *best[DP_PRECISION_AUTO] = {NULL};
        if ((mask & DP_CPU_AMX) != 0 && !dpi_amx_request()) {
            continue; /* it would be chosen, and cannot be compared */
        }
        for (int i = 0; i < product_count; i++) {
            if ((products[i]->cpu & ~mask) == 0 && !is_slow(products[i])) {
                best[products[i]->layout.precision] = products[i];
            }
        }
        for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO;
             precision++) {
            ck_assert_ptr_eq(dpi_gemm_choose(precision, mask), best[precision]);
        }
    }
    for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
        ck_assert_str_eq(dpi_gemm_choose(precision, 0)->name, "c");
        ck_assert_str_eq(dpi_gemm_choose(precision, ~FIRST_FLAG)->name, "c");
    }
}
END_TEST

/* bf16 needs DP_CPU_BF16 and all that it builds on, or where that is slow, AMX as well, which only
 * builds for Linux have; on ARM, DP_CPU_ARM_BF16. */
START_TEST(auto_is_bf16_where_that_is_fast) {
#if defined(__aarch64__)
    const uint32_t needed = DP_CPU_NEON | DP_CPU_ARM_BF16;
    const bool built = true;
#else
    const uint32_t amx = dpi_cpu_has_slow_bf16() ? DP_CPU_AMX | DP_CPU_VNNI : 0;
    const uint32_t needed = DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_BF16 | amx;
    const bool built = amx == 0 || dpi_gemm_amx(DP_PRECISION_BF16) != NULL;
#endif
    for (uint32_t mask = 0; mask < EVERY_MASK; mask += FIRST_FLAG) {
        bool has = built && (needed & ~(mask & dpi_cpu_features())) == 0;
        ck_assert_int_eq((int)dpi_precision_auto(mask),
                         (int)(has ? DP_PRECISION_BF16 : DP_PRECISION_F32));
    }
}
END_TEST

START_TEST(no_target_has_no_panels_to_read) {
    for (dp_precision precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
        ck_assert_ptr_null(dpi_gemm_choose_for_target(DP_TARGET_NATIVE, precision, DP_CPU_ALL));
        ck_assert_str_eq(dpi_gemm_choose_for_target(DP_TARGET_ROWS, precision, 0)->name, "rows");
        ck_assert_str_eq(dpi_gemm_choose_for_target(DP_TARGET_PLAIN, precision, 0)->name, "c");
    }
}
END_TEST

/* 65536 products of bytes fit 32 bits, whatever they are: 65536 * 127 * 255 < 2^31. */
START_TEST(only_deep_sums_of_bytes_become_f32) {
    const dpi_gemm *p = products[_i];
    bool of_bytes = p->layout.precision == DP_PRECISION_INT8;
    struct dp_model model = {.gemm_f32 = dpi_gemm_choose(DP_PRECISION_F32, 0)};
    ck_assert_ptr_eq(dpi_gemm_for_depth(&model, p, 1), p);
    ck_assert_ptr_eq(dpi_gemm_for_depth(&model, p, 65536), p);
    ck_assert_ptr_eq(dpi_gemm_for_depth(&model, p, 65537), of_bytes ? model.gemm_f32 : p);
    ck_assert_ptr_eq(dpi_gemm_for_depth(&model, p, SIZE_MAX), of_bytes ? model.gemm_f32 : p);
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
    ADD(choice, only_deep_sums_of_bytes_become_f32);
    tcase_add_test(choice, choices_stay_within_their_mask);
    tcase_add_test(choice, choices_are_the_best_there_is);
    tcase_add_test(choice, auto_is_bf16_where_that_is_fast);
    tcase_add_test(choice, no_target_has_no_panels_to_read);
    tcase_add_test(choice, precisions_have_names);
    return suite;
}

int main(void) {
    return run_products("test_gemm_choice", choice_suite);
}
