/*
 * Events from probabilities of windows: hand-made sequences, and which events they are.
 */
#include "api_support.h"
#include "suite.h"

#include <math.h>

#define CLASSES 3
#define SECOND 1000000

static dp_events_options options;
static dp_events *events;
static dp_event found[64];
static size_t found_count;

static void set_up(void) {
    dp_events_options_default(&options);
    events = NULL;
    found_count = 0;
}

static void tear_down(void) {
    dp_events_destroy(events);
}

static void create(void) {
    ck_assert_msg(dp_events_create(CLASSES, &options, &events) == DP_OK, "%s", dp_last_message());
}

static void take_found(void) {
    while (found_count < COUNT(found) && dp_events_next(events, &found[found_count]) == 1) {
        found_count++;
    }
}

/* Window i is from i to i + 2 seconds: its middle is at i + 1. */
static void push_window(int64_t i, float first, float second) {
    const float probabilities[CLASSES] = {first, second, 1.0F - first - second};
    ck_assert_msg(dp_events_push(events, i * SECOND, (i + 2) * SECOND, probabilities) == DP_OK,
                  "%s", dp_last_message());
    take_found();
}

static void finish(void) {
    ck_assert_int_eq(dp_events_finish(events), DP_OK);
    take_found();
}

/* A digit for each window: tenths of the probability of class 0. */
static void push_tenths(const char *tenths) {
    for (int64_t i = 0; tenths[i] != '\0'; i++) {
        push_window(i, (float)(tenths[i] - '0') / 10.0F, 0.0F);
    }
    finish();
}

static void expect_event(size_t i, int32_t index, double start, double end) {
    ck_assert_uint_lt(i, found_count);
    ck_assert_int_eq(found[i].index, index);
    ck_assert_int_eq(found[i].start_us, (int64_t)(start * SECOND));
    ck_assert_int_eq(found[i].end_us, (int64_t)(end * SECOND));
}

/* Class 2 has what is left, which is never ignored where it matters. */
static void ignore_others(void) {
    ck_assert_int_eq(dp_events_ignore(events, 2), DP_OK);
}

/* ---- when ---- */

START_TEST(an_event_lies_between_the_middles_of_windows) {
    create();
    ignore_others();
    push_tenths("00077700");
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 3.5, 6.5);
    ck_assert_int_eq(found[0].windows, 3);
    ck_assert(found[0].peak == 0.7F);
    ck_assert_int_eq(found[0].peak_us, 4 * SECOND);
    ck_assert_float_eq_tol(found[0].mean, 0.7F, 1e-6F);
}
END_TEST

START_TEST(the_first_window_counts_from_its_start_and_the_last_to_its_end) {
    create();
    ignore_others();
    push_tenths("9999");
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 0.0, 5.0);
}
END_TEST

START_TEST(the_peak_is_the_first_of_the_highest) {
    create();
    ignore_others();
    push_tenths("0579960");
    ck_assert_uint_eq(found_count, 1);
    ck_assert(found[0].peak == 0.9F);
    ck_assert_int_eq(found[0].peak_us, 4 * SECOND);
    ck_assert_float_eq_tol(found[0].mean, (0.5F + 0.7F + 0.9F + 0.9F + 0.6F) / 5.0F, 1e-6F);
}
END_TEST

/* ---- thresholds ---- */

START_TEST(an_event_goes_on_down_to_a_lower_threshold) {
    options.begin_at = 0.6;
    options.end_below = 0.4;
    create();
    ignore_others();
    push_tenths("0565443300555");
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 2.5, 6.5);
}
END_TEST

START_TEST(the_lower_threshold_is_seven_tenths_of_the_upper_one) {
    options.begin_at = 0.5;
    create();
    ignore_others();
    push_tenths("005443000");
    expect_event(0, 0, 2.5, 5.5);
}
END_TEST

START_TEST(short_events_are_left_out) {
    options.shortest_us = 2 * SECOND;
    create();
    ignore_others();
    push_tenths("0900990009990");
    ck_assert_uint_eq(found_count, 2);
    expect_event(0, 0, 4.5, 6.5);
    expect_event(1, 0, 9.5, 12.5);
}
END_TEST

START_TEST(events_with_little_between_them_are_one) {
    options.join_us = 2 * SECOND;
    create();
    ignore_others();
    push_tenths("09909900990");
    ck_assert_uint_eq(found_count, 2);
    expect_event(0, 0, 1.5, 6.5);
    ck_assert_int_eq(found[0].windows, 4);
    ck_assert_float_eq_tol(found[0].mean, 0.9F, 1e-6F);
    expect_event(1, 0, 8.5, 10.5);
}
END_TEST

/* Two short ones that are joined are long enough. */
START_TEST(joining_comes_before_leaving_out) {
    options.join_us = 2 * SECOND;
    options.shortest_us = 3 * SECOND;
    create();
    ignore_others();
    push_tenths("09090000900");
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 1.5, 4.5);
}
END_TEST

START_TEST(a_window_without_a_clear_answer_is_nothing) {
    options.entropy = 0.8;
    options.begin_at = 0.3;
    create();
    push_window(0, 0.4F, 0.3F);
    push_window(1, 0.9F, 0.05F);
    push_window(2, 0.34F, 0.33F);
    finish();
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 1.5, 2.5);
}
END_TEST

/* ---- smoothing ---- */

START_TEST(a_window_is_the_mean_of_its_neighbours) {
    options.smooth = 3;
    create();
    ignore_others();
    push_tenths("0090099900");
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 5.5, 8.5); /* 0 3 3 3 3 6 9 6 3 0 */
    ck_assert_float_eq_tol(found[0].mean, 0.7F, 1e-6F);
}
END_TEST

START_TEST(the_ends_have_fewer_neighbours) {
    options.smooth = 5;
    create();
    ignore_others();
    push_tenths("9900");
    ck_assert_uint_eq(found_count, 1); /* 6, 4.5, 4.5, 3 */
    expect_event(0, 0, 0.0, 3.5);
    ck_assert_float_eq_tol(found[0].peak, 0.6F, 1e-6F);
}
END_TEST

START_TEST(an_event_is_known_half_the_smoothing_later) {
    options.smooth = 3;
    create();
    ignore_others();
    dp_event open;
    push_window(0, 0.9F, 0.0F);
    ck_assert_int_eq(dp_events_open(events, 0, &open), 0);
    push_window(1, 0.9F, 0.0F);
    ck_assert_int_eq(dp_events_open(events, 0, &open), 1);
    ck_assert_int_eq(open.start_us, 0);
    ck_assert_int_eq(open.windows, 1);
    ck_assert_int_eq(dp_events_open(events, 1, &open), 0);
    ck_assert_int_eq(dp_events_open(events, CLASSES, &open), 0);
    ck_assert_int_eq(dp_events_open(events, -1, &open), 0);
    ck_assert_int_eq(dp_events_open(NULL, 0, &open), 0);
    ck_assert_int_eq(dp_events_open(events, 0, NULL), 0);
}
END_TEST

/* ---- several classes ---- */

START_TEST(several_classes_have_events_at_the_same_time) {
    options.begin_at = 0.4;
    create();
    ignore_others();
    push_window(0, 0.1F, 0.8F);
    push_window(1, 0.45F, 0.5F);
    push_window(2, 0.8F, 0.1F);
    finish();
    ck_assert_uint_eq(found_count, 2);
    expect_event(0, 1, 0.0, 2.5);
    expect_event(1, 0, 1.5, 4.0);
    ck_assert_int_eq(dp_events_reset(events), DP_OK);
    push_window(0, 0.8F, 0.1F);
    push_window(1, 0.45F, 0.5F);
    finish(); /* both are over then: the one that began first comes first */
    expect_event(2, 0, 0.0, 3.0);
    expect_event(3, 1, 1.5, 3.0);
}
END_TEST

START_TEST(one_at_a_time_the_likeliest_ends_the_other) {
    options.begin_at = 0.4;
    options.end_below = 0.1;
    options.single = 1;
    create();
    push_window(0, 0.2F, 0.8F);
    push_window(1, 0.45F, 0.5F);
    push_window(2, 0.55F, 0.45F);
    push_window(3, 0.3F, 0.4F);
    push_window(4, 0.3F, 0.3F);
    finish();
    ck_assert_uint_eq(found_count, 3);
    expect_event(0, 1, 0.0, 2.5);
    expect_event(1, 0, 2.5, 3.5);
    expect_event(2, 1, 3.5, 6.0);
}
END_TEST

START_TEST(one_at_a_time_another_event_between_two_keeps_them_apart) {
    options.single = 1;
    options.join_us = 10 * SECOND;
    create();
    ignore_others();
    push_window(0, 0.9F, 0.0F);
    push_window(1, 0.0F, 0.0F);
    push_window(2, 0.9F, 0.0F);
    push_window(3, 0.0F, 0.9F);
    push_window(4, 0.9F, 0.0F);
    finish();
    ck_assert_uint_eq(found_count, 3);
    expect_event(0, 0, 0.0, 3.5);
    expect_event(1, 1, 3.5, 4.5);
    expect_event(2, 0, 4.5, 6.0);
}
END_TEST

START_TEST(an_ignored_class_is_no_event_and_ends_others) {
    options.single = 1;
    options.end_below = 0.1;
    create();
    ignore_others();
    push_window(0, 0.9F, 0.0F);
    push_window(1, 0.3F, 0.0F);
    push_window(2, 0.3F, 0.3F);
    finish();
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 0.0, 1.5);
}
END_TEST

/* ---- rules ---- */

START_TEST(nothing_in_is_nothing_out) {
    create();
    finish();
    ck_assert_uint_eq(found_count, 0);
    ck_assert_int_eq(dp_events_next(NULL, found), 0);
    ck_assert_int_eq(dp_events_next(events, NULL), 0);
}
END_TEST

START_TEST(after_a_reset_everything_begins_anew) {
    create();
    ignore_others();
    push_window(7, 0.9F, 0.0F);
    ck_assert_int_eq(dp_events_reset(events), DP_OK);
    push_tenths("0990");
    ck_assert_int_eq(dp_events_reset(events), DP_OK);
    push_tenths("0990");
    ck_assert_uint_eq(found_count, 2);
    expect_event(0, 0, 1.5, 3.5);
    expect_event(1, 0, 1.5, 3.5);
}
END_TEST

#define REFUSED(call, status, part)                                               \
    do {                                                                          \
        ck_assert_int_eq(call, status);                                           \
        ck_assert_msg(strstr(dp_last_message(), part) != NULL, "\"%s\" lacks %s", \
                      dp_last_message(), part);                                   \
    } while (0)

START_TEST(windows_are_checked) {
    static const float good[CLASSES] = {0.9F, 0.1F, 0.0F}, high[CLASSES] = {0.0F, 1.5F, 0.0F},
                       low[CLASSES] = {-0.1F, 0.0F, 0.0F}, none[CLASSES] = {0.0F, 0.0F, NAN};
    create();
    REFUSED(dp_events_push(NULL, 0, 1, good), DP_ERR_ARGUMENT, "the events are NULL");
    REFUSED(dp_events_push(events, 0, 1, NULL), DP_ERR_ARGUMENT, "the probabilities are NULL");
    REFUSED(dp_events_push(events, 2, 1, good), DP_ERR_ARGUMENT, "a window from 2 to 1 us");
    REFUSED(dp_events_push(events, INT64_MIN, 1, good), DP_ERR_ARGUMENT, "expected -2^61");
    REFUSED(dp_events_push(events, 0, INT64_MAX, good), DP_ERR_ARGUMENT, "expected -2^61");
    REFUSED(dp_events_push(events, 0, 1, high), DP_ERR_NUMERIC, "of class 1 is 1.5");
    REFUSED(dp_events_push(events, 0, 1, low), DP_ERR_NUMERIC, "of class 0 is -0.1");
    REFUSED(dp_events_push(events, 0, 1, none), DP_ERR_NUMERIC, "of class 2 is");
    ck_assert_int_eq(dp_events_push(events, 5, 8, good), DP_OK);
    REFUSED(dp_events_push(events, 4, 9, good), DP_ERR_ARGUMENT, "time may not go back");
    REFUSED(dp_events_push(events, 6, 7, good), DP_ERR_ARGUMENT, "time may not go back");
    REFUSED(dp_events_ignore(events, 3), DP_ERR_ARGUMENT, "class 3, expected 0 .. 2");
    REFUSED(dp_events_ignore(events, -1), DP_ERR_ARGUMENT, "class -1");
    REFUSED(dp_events_ignore(NULL, 0), DP_ERR_ARGUMENT, "the events are NULL");
    REFUSED(dp_events_finish(NULL), DP_ERR_ARGUMENT, "the events are NULL");
    REFUSED(dp_events_reset(NULL), DP_ERR_ARGUMENT, "the events are NULL");
    ck_assert_int_eq(dp_events_finish(events), DP_OK);
    REFUSED(dp_events_push(events, 6, 9, good), DP_ERR_ARGUMENT, "the events are finished");
}
END_TEST

START_TEST(events_that_wait_are_not_lost) {
    static const float one[CLASSES] = {0.9F, 0.1F, 0.0F}, none[CLASSES] = {0.0F, 0.0F, 0.0F};
    create();
    ck_assert_int_eq(dp_events_push(events, 0, 2, one), DP_OK);
    ck_assert_int_eq(dp_events_push(events, 2, 4, none), DP_OK);
    REFUSED(dp_events_push(events, 4, 6, none), DP_ERR_ARGUMENT, "1 events are over: ask for them");
    take_found();
    ck_assert_uint_eq(found_count, 1);
    ck_assert_int_eq(dp_events_push(events, 4, 6, none), DP_OK);
}
END_TEST

static void refuse_options(const char *part) {
    size_t bytes = 1;
    REFUSED(dp_events_create(CLASSES, &options, &events), DP_ERR_ARGUMENT, part);
    ck_assert_ptr_null(events);
    REFUSED(dp_events_size(CLASSES, &options, &bytes), DP_ERR_ARGUMENT, part);
    ck_assert_uint_eq(bytes, 0);
    dp_events_options_default(&options);
}

START_TEST(options_of_events_are_checked) {
    options.begin_at = 0.0;
    refuse_options("begin_at is 0");
    options.begin_at = 1.1;
    refuse_options("begin_at is 1.1");
    options.begin_at = NAN;
    refuse_options("begin_at is");
    options.end_below = 0.6;
    refuse_options("end_below is 0.6, expected 0 .. begin_at, which is 0.5");
    options.end_below = -0.1;
    refuse_options("end_below is -0.1");
    options.entropy = 0.0;
    refuse_options("entropy is 0");
    options.shortest_us = -1;
    refuse_options("shortest_us is negative");
    options.join_us = -1;
    refuse_options("join_us is negative");
    options.smooth = 0;
    refuse_options("smooth is 0, expected an odd number");
    options.smooth = 4;
    refuse_options("smooth is 4");
    options.smooth = DP_MAX_SMOOTH + 2;
    refuse_options("smooth is 257");
    options.struct_size = 8;
    refuse_options("struct_size is 8");
    REFUSED(dp_events_create(0, NULL, &events), DP_ERR_ARGUMENT, "classes is 0");
    REFUSED(dp_events_create((1 << 24) + 1, NULL, &events), DP_ERR_ARGUMENT, "classes is 16777217");
    REFUSED(dp_events_create(1, NULL, NULL), DP_ERR_ARGUMENT, "the new events is NULL");
    REFUSED(dp_events_size(1, NULL, NULL), DP_ERR_ARGUMENT, "the size is NULL");
}
END_TEST

START_TEST(events_lie_in_an_arena_of_their_size) {
    size_t bytes = 0;
    options.smooth = 5;
    ck_assert_int_eq(dp_events_size(CLASSES, &options, &bytes), DP_OK);
    uint8_t *arena = aligned_alloc(64, (bytes + 63) / 64 * 64);
    options.arena = arena;
    options.arena_size = bytes - 1;
    REFUSED(dp_events_create(CLASSES, &options, &events), DP_ERR_ARENA, "a dp_events needs");
    options.arena_size = bytes;
    create();
    ck_assert_ptr_eq(events, arena);
    ignore_others();
    push_tenths("00099999000");
    ck_assert_uint_eq(found_count, 1);
    dp_events_destroy(events);
    events = NULL;
    free(arena);
}
END_TEST

START_TEST(events_that_no_address_can_hold_are_refused) {
    size_t bytes = 0;
    options.smooth = DP_MAX_SMOOTH;
    dp_status status = dp_events_size(1 << 24, &options, &bytes);
    if (sizeof(size_t) == 4) {
        REFUSED(status, DP_ERR_MEMORY, "larger than this machine can address");
    } else {
        ck_assert_int_eq(status, DP_OK);
        ck_assert_uint_gt(bytes, (size_t)(1 << 24) * DP_MAX_SMOOTH);
    }
}
END_TEST

START_TEST(a_model_of_one_class_has_events) {
    static const float high[] = {1.0F}, low[] = {0.0F};
    options.entropy = 0.5;
    ck_assert_int_eq(dp_events_create(1, &options, &events), DP_OK);
    ck_assert_int_eq(dp_events_push(events, 0, 2, high), DP_OK);
    ck_assert_int_eq(dp_events_push(events, 2, 4, low), DP_OK);
    take_found();
    ck_assert_uint_eq(found_count, 1);
    expect_event(0, 0, 0.0, 2e-6);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("events");
    TCase *when = add_case(suite, "when", 60, set_up, tear_down);
    tcase_add_test(when, an_event_lies_between_the_middles_of_windows);
    tcase_add_test(when, the_first_window_counts_from_its_start_and_the_last_to_its_end);
    tcase_add_test(when, the_peak_is_the_first_of_the_highest);
    tcase_add_test(when, an_event_goes_on_down_to_a_lower_threshold);
    tcase_add_test(when, the_lower_threshold_is_seven_tenths_of_the_upper_one);
    tcase_add_test(when, short_events_are_left_out);
    tcase_add_test(when, events_with_little_between_them_are_one);
    tcase_add_test(when, joining_comes_before_leaving_out);
    tcase_add_test(when, a_window_without_a_clear_answer_is_nothing);
    tcase_add_test(when, a_window_is_the_mean_of_its_neighbours);
    tcase_add_test(when, the_ends_have_fewer_neighbours);
    tcase_add_test(when, an_event_is_known_half_the_smoothing_later);
    TCase *classes = add_case(suite, "classes", 60, set_up, tear_down);
    tcase_add_test(classes, several_classes_have_events_at_the_same_time);
    tcase_add_test(classes, one_at_a_time_the_likeliest_ends_the_other);
    tcase_add_test(classes, one_at_a_time_another_event_between_two_keeps_them_apart);
    tcase_add_test(classes, an_ignored_class_is_no_event_and_ends_others);
    TCase *rules = add_case(suite, "rules", 60, set_up, tear_down);
    tcase_add_test(rules, nothing_in_is_nothing_out);
    tcase_add_test(rules, after_a_reset_everything_begins_anew);
    tcase_add_test(rules, windows_are_checked);
    tcase_add_test(rules, events_that_wait_are_not_lost);
    tcase_add_test(rules, options_of_events_are_checked);
    tcase_add_test(rules, events_lie_in_an_arena_of_their_size);
    tcase_add_test(rules, events_that_no_address_can_hold_are_refused);
    tcase_add_test(rules, a_model_of_one_class_has_events);
    return run_suite(suite);
}
