/*
 * lib/model, matrices while a model is built: sizes that no memory has are refused, and work stops
 * where the caller says so.
 */
#include "isa/isa.h"
#include "model/builder.h"
#include "suite.h"
#include "support.h"

#include <string.h>

/* ---- a builder with a little memory, which is told to stop at the first report ---- */

static struct dp_model model;
static dpi_message message;
static dpi_watch watch;
static int reports;
static float scratch[1024];
static dpi_builder builder;

static int stop_at_once(void *user, const char *stage, double fraction) {
    (void)user, (void)stage, (void)fraction;
    reports++;
    return 1;
}

static void set_up(void) {
    reports = 0;
    watch = (dpi_watch){.progress = stop_at_once, .stage = "fusing"};
    model = (struct dp_model){.kernels = dpi_kernels_choose(0)};
    builder = (dpi_builder){.model = &model,
                            .message = &message,
                            .watch = &watch,
                            .filling = true,
                            .scratch = scratch,
                            .scratch_size = COUNT(scratch),
                            .gemm_here = *dpi_gemm_choose(DP_PRECISION_F32, 0)};
    for (size_t i = 0; i < COUNT(scratch); i++) {
        scratch[i] = 7;
    }
}

/* The next work of any size is reported. */
static void expect_report(void) {
    builder.worked = DPI_WATCHED_NUMBERS;
}

static dpi_matrix take(dpi_scope *scope, size_t rows, size_t columns) {
    dpi_matrix matrix = dpi_matrix_take(scope, rows, columns);
    ck_assert_int_eq(builder.status, DP_OK);
    return matrix;
}

static void assert_untouched(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ck_assert(values[i] == 7);
    }
}

/* ---- sizes ---- */

START_TEST(sizes_that_no_memory_has_are_refused) {
    static const struct {
        size_t used, rows, columns;
    } sizes[] = {
        {0, SIZE_MAX / 2, 3}, {0, SIZE_MAX, 1}, {SIZE_MAX - 100, 10, 10}, {0, SIZE_MAX / 3, 1}};
    dpi_scope scope = {&builder, sizes[_i].used};
    builder.filling = false;
    dpi_matrix matrix = dpi_matrix_take(&scope, sizes[_i].rows, sizes[_i].columns);
    ck_assert_ptr_null(matrix.values);
    ck_assert_int_eq(builder.status, DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(message.text, "larger than this machine can address"));
    ck_assert_uint_eq(scope.used, sizes[_i].used);
    ck_assert_uint_eq(builder.scratch_peak, 0);
}
END_TEST

START_TEST(filling_takes_no_more_than_was_counted) {
    dpi_scope scope = {&builder, 0};
    (void)take(&scope, 1, COUNT(scratch) - 16);
    ck_assert_ptr_null(dpi_matrix_take(&scope, 1, 17).values);
    ck_assert_int_eq(builder.status, DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(message.text, "more memory than was counted"));
    (void)dpi_matrix_take(&scope, SIZE_MAX,
                          SIZE_MAX); /* the first failure is the one that counts */
    ck_assert_ptr_nonnull(strstr(message.text, "more memory than was counted"));
}
END_TEST

/* ---- work ---- */

START_TEST(a_product_stops_before_its_first_row) {
    dpi_scope scope = {&builder, 0};
    dpi_matrix a = take(&scope, 3, 4);
    dpi_matrix b = take(&scope, 4, 40);
    expect_report();
    dpi_matrix product = dpi_matrix_multiply(&scope, a, b);
    ck_assert_int_eq(builder.status, DP_ERR_CANCELLED);
    ck_assert_int_eq(reports, 1);
    assert_untouched(product.values, 3 * 40);
}
END_TEST

START_TEST(folding_stops_after_a_row) {
    dpi_scope scope = {&builder, 0};
    dpi_affine map, norm;
    map.w = take(&scope, 3, 4);
    map.bias = take(&scope, 1, 3);
    norm.w = take(&scope, 1, 4);
    norm.bias = take(&scope, 1, 4);
    expect_report();
    dpi_affine_fold_norm(&builder, map, norm);
    ck_assert_int_eq(builder.status, DP_ERR_CANCELLED);
    ck_assert_int_eq(reports, 1);
    ck_assert(map.bias.values[0] == 7 + 4 * 7 * 7);
    assert_untouched(map.bias.values + 1, 2);
}
END_TEST

START_TEST(who_said_stop_is_not_asked_again) {
    expect_report();
    dpi_builder_work(&builder, 1);
    ck_assert_int_eq(builder.status, DP_ERR_CANCELLED);
    dpi_builder_work(&builder, DPI_WATCHED_NUMBERS);
    ck_assert_int_eq(reports, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model_matrices");
    TCase *matrices = add_case(suite, "matrices", 60, set_up, NULL);
    tcase_add_loop_test(matrices, sizes_that_no_memory_has_are_refused, 0, 4);
    tcase_add_test(matrices, filling_takes_no_more_than_was_counted);
    tcase_add_test(matrices, a_product_stops_before_its_first_row);
    tcase_add_test(matrices, folding_stops_after_a_row);
    tcase_add_test(matrices, who_said_stop_is_not_asked_again);
    return run_suite(suite);
}
