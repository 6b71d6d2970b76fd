/*
 * lib/gemm, packing: weights packed into panels hold the matrix, or its transpose,
 * with zeros behind it.
 */
#include "gemm_support.h"

/* w [outputs][inputs] with `down` from output to output and `across` from input to input, as panels
 * have it; zeros behind. */
static void assert_panels(const dpi_gemm *p, const uint32_t *panels, const float *scale,
                          const float *w, size_t down, size_t across, size_t outputs,
                          size_t inputs) {
    size_t depth = dpi_layout_depth(&p->layout, inputs);
    for (size_t o = 0; o < dpi_layout_columns(&p->layout, outputs); o++) {
        const uint32_t *column = panel_column(p, panels, depth, o);
        for (size_t i = 0; i < depth * p->layout.kr; i++) {
            bool there = o < outputs && i < inputs;
            double factor = has_bytes(p) && there ? (double)scale[o] : 1;
            double expected = there ? (double)w[o * down + i * across] : 0, bound = 0;
            if (there && p->layout.precision == DP_PRECISION_BF16) {
                expected = (double)float_of(nearest_bf16((float)expected) << 16);
            } else if (there && has_bytes(p)) {
                bound = BYTE_ERROR * factor;
            }
            double got = o < outputs ? factor * in_column(p, column, i)
                                     : number_in(p, column[i / p->layout.kr * p->layout.nr],
                                                 i % p->layout.kr);
            if (fabs(got - expected) > bound) {
                ck_abort_msg("%s, %s: (%zu, %zu) of %zux%zu is %g, not %g",
                             dp_precision_name(p->layout.precision), p->name, o, i, outputs, inputs,
                             got, expected);
            }
        }
    }
}

START_TEST(panels_hold_the_matrix) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 150);
        size_t stride = inputs + random_below(4),
               words = dpi_layout_size(&p->layout, inputs, outputs);
        ck_assert_uint_eq(words,
                          round_up(outputs, p->layout.nr) * dpi_layout_depth(&p->layout, inputs));
        float *w = random_floats(extent(outputs, inputs, stride));
        float *scale = has_bytes(p) ? guarded_floats(outputs) : NULL;
        uint32_t *panels = garbage_words(words);
        uint32_t *scratch = p->layout.precision != DP_PRECISION_F32
                                ? garbage_words(dpi_layout_depth(&p->layout, inputs))
                                : NULL;
        dpi_pack_panels(&p->layout, panels, scale, w, stride, outputs, inputs, scratch);
        assert_panels(p, panels, scale, w, stride, 1, outputs, inputs);
        guarded_end();
    }
}
END_TEST

START_TEST(panels_hold_a_transposed_matrix) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 60; round++) {
        size_t outputs = random_size(1, 90), inputs = random_size(1, 90);
        size_t stride = outputs + random_below(4);
        float *w = random_floats(extent(inputs, outputs, stride));
        uint32_t *panels = garbage_words(dpi_layout_size(&p->layout, inputs, outputs));
        dpi_pack_panels_transposed(&p->layout, panels, w, stride, outputs, inputs);
        assert_panels(p, panels, NULL, w, 1, stride, outputs, inputs);
        guarded_end();
    }
}
END_TEST

/* ---- layouts and targets ---- */

START_TEST(layouts_are_the_same_if_panels_are) {
    const dpi_layout a = dpi_target_packing(DP_TARGET_AVX512, DP_PRECISION_BF16)->layout;
    dpi_layout other = a;
    ck_assert(dpi_layout_equals(&a, &other));
    other.precision = DP_PRECISION_INT8;
    ck_assert(!dpi_layout_equals(&a, &other));
    other = a;
    other.step /= 2;
    ck_assert(!dpi_layout_equals(&a, &other));
    other = a;
    other.nr /= 2;
    ck_assert(!dpi_layout_equals(&a, &other));
}
END_TEST

/* Both products of a model must read the panels of its target, and its processor must be of that
 * family. */
START_TEST(targets_are_what_both_products_read) {
    static const dp_target all[] = {DP_TARGET_PLAIN, DP_TARGET_ROWS, DP_TARGET_AVX2,
                                    DP_TARGET_AVX512, DP_TARGET_NEON};
    for (size_t i = 0; i < COUNT(all); i++) {
        dpi_gemm f32 = *dpi_target_packing(all[i], DP_PRECISION_F32);
        dpi_gemm bf16 = *dpi_target_packing(all[i], DP_PRECISION_BF16);
        f32.cpu = DP_CPU_ALL;
        ck_assert_int_eq((int)dpi_target_of(&f32, &bf16), (int)all[i]);
        bf16.layout.nr *= 2;
        ck_assert_int_eq((int)dpi_target_of(&f32, &bf16), (int)DP_TARGET_NATIVE);
        bf16.layout.nr /= 2;
        f32.layout.nr = DPI_MAX_NR;
        ck_assert_int_eq((int)dpi_target_of(&f32, &bf16), (int)DP_TARGET_NATIVE);
    }
    ck_assert_ptr_null(dpi_target_packing(DP_TARGET_NATIVE, DP_PRECISION_F32));
    dpi_gemm f32 = *dpi_target_packing(DP_TARGET_AVX512, DP_PRECISION_F32);
    f32.cpu = 0;
    ck_assert_int_eq((int)dpi_target_of(&f32, &f32), (int)DP_TARGET_NATIVE);
}
END_TEST

static Suite *panels_suite(void) {
    Suite *suite = suite_create("gemm_panels");
    TCase *panels = add_guarded_case(suite, "panels");
    ADD(panels, panels_hold_the_matrix);
    ADD_FLOATS(panels, panels_hold_a_transposed_matrix);
    tcase_add_test(panels, layouts_are_the_same_if_panels_are);
    tcase_add_test(panels, targets_are_what_both_products_read);
    return suite;
}

int main(void) {
    return run_products("test_gemm_panels", panels_suite);
}
