/*
 * Names of the interface's numbers: both directions, and what is no name and no number.
 */
#include "dualpath.h"
#include "suite.h"
#include "support.h"

#include <limits.h>

static const char *const statuses[] = {
    "DP_OK",          "DP_ERR_ARGUMENT",    "DP_ERR_MEMORY",   "DP_ERR_ARENA",   "DP_ERR_IO",
    "DP_ERR_FORMAT",  "DP_ERR_UNSUPPORTED", "DP_ERR_CHECKSUM", "DP_ERR_FRAME",   "DP_ERR_CANCELLED",
    "DP_ERR_NO_HEAD", "DP_ERR_NUMERIC",     "DP_ERR_THREAD",   "DP_ERR_BACKBONE"};
static const char *const precisions[] = {"default", "f32", "bf16", "int8", "auto"};
static const char *const targets[] = {"native", "plain", "rows", "avx2", "avx512", "neon"};
static const char *const samplings[] = {"model",  "first",    "uniform", "given",
                                        "center", "interval", "spread",  "segments"};
static const char *const fulls[] = {"refuse", "wait", "drop"};

static const char *const formats[] = {"rgb24", "bgr24", "rgba", "bgra", "gray8", "nv12", "i420"};
static const char *const colors[] = {"bt601-limited", "bt601-full",     "bt709-limited",
                                     "bt709-full",    "bt2020-limited", "bt2020-full"};

static const struct {
    const char *const *names;
    int32_t count;
    const char *unknown;
    const char *(*name_of)(int32_t number);
    int32_t (*number_of)(const char *name);
} kinds[] = {
    {statuses, COUNT(statuses), "DP_ERR_UNKNOWN", dp_status_name, dp_status_from_name},
    {precisions, COUNT(precisions), "unknown", dp_precision_name, dp_precision_from_name},
    {targets, COUNT(targets), "unknown", dp_target_name, dp_target_from_name},
    {samplings, COUNT(samplings), "unknown", dp_sampling_name, dp_sampling_from_name},
    {formats, COUNT(formats), "unknown", dp_format_name, dp_format_from_name},
    {colors, COUNT(colors), "unknown", dp_color_name, dp_color_from_name},
    {fulls, COUNT(fulls), "unknown", dp_full_name, dp_full_from_name},
};

START_TEST(numbers_have_names) {
    for (int32_t i = 0; i < kinds[_i].count; i++) {
        ck_assert_str_eq(kinds[_i].name_of(i), kinds[_i].names[i]);
        ck_assert_int_eq(kinds[_i].number_of(kinds[_i].names[i]), i);
    }
}
END_TEST

START_TEST(other_numbers_are_unknown) {
    const int32_t others[] = {kinds[_i].count, kinds[_i].count + 1, 255,    256,
                              65536,           INT32_MAX,           -1,     -2,
                              INT32_MIN,       INT32_MIN + 1,       1 << 30};
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_str_eq(kinds[_i].name_of(others[i]), kinds[_i].unknown);
    }
}
END_TEST

START_TEST(other_names_are_unknown) {
    static const char *const others[] = {"",      " ",    "F32",     "dp_ok",
                                         "f3",    "f322", "unknown", "0",
                                         "RGB24", "rgb",  "bt601",   "bt709-limited "};
    ck_assert_int_eq(kinds[_i].number_of(NULL), -1);
    ck_assert_int_eq(kinds[_i].number_of(kinds[_i].unknown), -1);
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_int_eq(kinds[_i].number_of(others[i]), -1);
    }
}
END_TEST

/* The last number of each enum has a name, and none behind it: tables are neither short nor long.
 */
START_TEST(names_are_those_of_the_header) {
    ck_assert_str_eq(dp_status_name(DP_ERR_BACKBONE), "DP_ERR_BACKBONE");
    ck_assert_str_eq(dp_precision_name(DP_PRECISION_AUTO), "auto");
    ck_assert_str_eq(dp_target_name(DP_TARGET_NEON), "neon");
    ck_assert_str_eq(dp_sampling_name(DP_SAMPLING_SEGMENTS), "segments");
    ck_assert_str_eq(dp_format_name(DP_FORMAT_I420), "i420");
    ck_assert_str_eq(dp_color_name(DP_COLOR_BT2020_FULL), "bt2020-full");
    ck_assert_int_eq(dp_status_from_name("no"), DP_ERR_UNKNOWN);
    ck_assert_int_eq(dp_precision_from_name("no"), DP_PRECISION_UNKNOWN);
    ck_assert_int_eq(dp_target_from_name("no"), DP_TARGET_UNKNOWN);
    ck_assert_int_eq(dp_sampling_from_name("no"), DP_SAMPLING_UNKNOWN);
    ck_assert_int_eq(dp_format_from_name("no"), DP_FORMAT_UNKNOWN);
    ck_assert_int_eq(dp_color_from_name("no"), DP_COLOR_UNKNOWN);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("api_names");
    TCase *names = add_case(suite, "names", 10, NULL, NULL);
    tcase_add_loop_test(names, numbers_have_names, 0, COUNT(kinds));
    tcase_add_loop_test(names, other_numbers_are_unknown, 0, COUNT(kinds));
    tcase_add_loop_test(names, other_names_are_unknown, 0, COUNT(kinds));
    tcase_add_test(names, names_are_those_of_the_header);
    return run_suite(suite);
}
