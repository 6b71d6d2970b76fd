/*
 * lib/video, sampling: which frames a view takes, against tables made by hand and the bounds that
 * every choice keeps.
 */
#include "suite.h"
#include "support.h"
#include "video/video.h"

/* ---- sampling ---- */

typedef struct sampling_row {
    int32_t sampling;
    size_t n, t, r, views, view;
    size_t expected[8];
} sampling_row;

static const sampling_row sampling_table[] = {
    /* centre: start (2v + 1) * spare / (2V), spare = max(ceil(n / r) - T, 0) */
    {DP_SAMPLING_CENTER, 10, 4, 1, 1, 0, {3, 4, 5, 6}},
    {DP_SAMPLING_CENTER, 11, 4, 1, 1, 0, {3, 4, 5, 6}},
    {DP_SAMPLING_CENTER, 12, 4, 1, 1, 0, {4, 5, 6, 7}},
    {DP_SAMPLING_CENTER, 40, 4, 4, 1, 0, {12, 16, 20, 24}},
    {DP_SAMPLING_CENTER, 41, 4, 4, 1, 0, {12, 16, 20, 24}},
    {DP_SAMPLING_CENTER, 45, 4, 4, 1, 0, {16, 20, 24, 28}},
    {DP_SAMPLING_CENTER, 10, 4, 1, 2, 0, {1, 2, 3, 4}},
    {DP_SAMPLING_CENTER, 10, 4, 1, 2, 1, {4, 5, 6, 7}},
    {DP_SAMPLING_CENTER, 10, 4, 1, 3, 2, {5, 6, 7, 8}},
    /* short clips: the last of the frames that are left repeats */
    {DP_SAMPLING_CENTER, 1, 4, 4, 1, 0, {0, 0, 0, 0}},
    {DP_SAMPLING_CENTER, 5, 4, 2, 1, 0, {0, 2, 4, 4}},
    {DP_SAMPLING_CENTER, 6, 4, 2, 1, 0, {0, 2, 4, 4}},
    {DP_SAMPLING_CENTER, 4, 4, 1, 1, 0, {0, 1, 2, 3}},
    {DP_SAMPLING_CENTER, 3, 4, 65536, 2, 1, {0, 0, 0, 0}},
    /* first: start v * spare / V */
    {DP_SAMPLING_FIRST, 10, 4, 1, 1, 0, {0, 1, 2, 3}},
    {DP_SAMPLING_FIRST, 10, 4, 1, 3, 1, {2, 3, 4, 5}},
    {DP_SAMPLING_FIRST, 10, 4, 1, 3, 2, {4, 5, 6, 7}},
    {DP_SAMPLING_FIRST, 40, 4, 4, 4, 3, {16, 20, 24, 28}},
    {DP_SAMPLING_FIRST, 7, 4, 3, 1, 0, {0, 3, 6, 6}},
    /* uniform: (2iV + 2v + 1) * n / (2TV) */
    {DP_SAMPLING_UNIFORM, 10, 4, 1, 1, 0, {1, 3, 6, 8}},
    {DP_SAMPLING_UNIFORM, 3, 4, 1, 1, 0, {0, 1, 1, 2}},
    {DP_SAMPLING_UNIFORM, 1, 4, 9, 1, 0, {0, 0, 0, 0}},
    {DP_SAMPLING_UNIFORM, 10, 2, 1, 2, 0, {1, 6}},
    {DP_SAMPLING_UNIFORM, 10, 2, 1, 2, 1, {3, 8}},
    {DP_SAMPLING_UNIFORM, 8, 8, 4, 1, 0, {0, 1, 2, 3, 4, 5, 6, 7}},
    {DP_SAMPLING_GIVEN, 5, 5, 4, 1, 0, {0, 1, 2, 3, 4}},
};

START_TEST(sampling_follows_the_table) {
    const sampling_row *row = &sampling_table[_i];
    dpi_sampler sampler = {row->n, row->t, row->r, row->views, row->sampling, false};
    for (size_t i = 0; i < row->t; i++) {
        ck_assert_uint_eq(dpi_sample_frame(&sampler, row->view, i), row->expected[i]);
    }
}
END_TEST

/* Rules of published evaluations, and clips that wrap around. */
typedef struct published_row {
    int32_t sampling;
    bool wraps;
    size_t n, r, views, view;
    size_t expected[4];
} published_row;

static const published_row published_table[] = {
    /* interval: start v * a + a / 2, a = (n - T * r + 1) / V; here 23 */
    {DP_SAMPLING_INTERVAL, false, 100, 8, 3, 0, {11, 19, 27, 35}},
    {DP_SAMPLING_INTERVAL, false, 100, 8, 3, 1, {34, 42, 50, 58}},
    {DP_SAMPLING_INTERVAL, true, 100, 8, 3, 2, {57, 65, 73, 81}},
    {DP_SAMPLING_INTERVAL, true, 15, 4, 3, 2, {0, 4, 8, 12}},
    {DP_SAMPLING_INTERVAL, true, 16, 4, 1, 0, {0, 4, 8, 12}},
    {DP_SAMPLING_INTERVAL, true, 17, 4, 1, 0, {1, 5, 9, 13}},
    {DP_SAMPLING_INTERVAL, true, 10, 4, 1, 0, {0, 4, 8, 2}},
    {DP_SAMPLING_INTERVAL, true, 1, 4, 2, 1, {0, 0, 0, 0}},
    {DP_SAMPLING_INTERVAL, true, 3, 4, 1, 0, {0, 1, 2, 0}},
    {DP_SAMPLING_INTERVAL, false, 10, 4, 1, 0, {0, 4, 8, 9}},
    /* spread: s = n - (T - 1) * r - 1, here 75: 37.5 is rounded down of one view, to 38 of three */
    {DP_SAMPLING_SPREAD, false, 100, 8, 1, 0, {37, 45, 53, 61}},
    {DP_SAMPLING_SPREAD, false, 100, 8, 3, 0, {0, 8, 16, 24}},
    {DP_SAMPLING_SPREAD, false, 100, 8, 3, 1, {38, 46, 54, 62}},
    {DP_SAMPLING_SPREAD, false, 100, 8, 3, 2, {75, 83, 91, 99}},
    {DP_SAMPLING_SPREAD, false, 30, 8, 3, 1, {2, 10, 18, 26}},
    {DP_SAMPLING_SPREAD, false, 10, 8, 3, 1, {0, 8, 9, 9}},
    {DP_SAMPLING_SPREAD, true, 10, 8, 3, 1, {0, 8, 6, 4}},
    {DP_SAMPLING_SPREAD, false, 1, 8, 1, 0, {0, 0, 0, 0}},
    /* segments: bounds (n - 1) / T * i: 0, 24.75, 49.5 (to 50), 74.25, 99 */
    {DP_SAMPLING_SEGMENTS, false, 100, 8, 1, 0, {12, 37, 62, 86}},
    /* 0, 0.5 (to 0), 1, 1.5 (to 2), 2 */
    {DP_SAMPLING_SEGMENTS, false, 3, 8, 1, 0, {0, 0, 1, 2}},
    {DP_SAMPLING_SEGMENTS, true, 1, 1, 1, 0, {0, 0, 0, 0}},
    {DP_SAMPLING_SEGMENTS, false, 5, 1, 1, 0, {0, 1, 2, 3}},
    {DP_SAMPLING_CENTER, true, 10, 4, 1, 0, {0, 4, 8, 2}},
    {DP_SAMPLING_CENTER, true, 40, 4, 1, 0, {12, 16, 20, 24}},
    {DP_SAMPLING_FIRST, true, 6, 65536, 1, 0, {0, 4, 2, 0}},
};

START_TEST(published_rules_follow_the_table) {
    const published_row *row = &published_table[_i];
    dpi_sampler sampler = {row->n, 4, row->r, row->views, row->sampling, row->wraps};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(dpi_sample_frame(&sampler, row->view, i), row->expected[i]);
    }
}
END_TEST

/* Within the clip and in order, later views not before earlier ones; one centre view leaves as many
 * frames out before it as after it, give or take one. */
START_TEST(sampling_is_ordered_and_in_range) {
    static const int32_t rules[] = {DP_SAMPLING_CENTER,   DP_SAMPLING_FIRST,  DP_SAMPLING_UNIFORM,
                                    DP_SAMPLING_INTERVAL, DP_SAMPLING_SPREAD, DP_SAMPLING_SEGMENTS};
    random_start(7);
    for (int round = 0; round < 2000; round++) {
        dpi_sampler s = {random_size(1, 400),
                         random_size(1, 40),
                         random_size(1, 9),
                         random_size(1, 6),
                         rules[random_below(COUNT(rules))],
                         false};
        size_t previous_first = 0;
        for (size_t view = 0; view < s.views; view++) {
            size_t previous = dpi_sample_frame(&s, view, 0);
            ck_assert_uint_ge(previous, previous_first);
            previous_first = previous;
            for (size_t i = 0; i < s.view_frames; i++) {
                size_t index = dpi_sample_frame(&s, view, i);
                ck_assert_uint_lt(index, s.frame_count);
                ck_assert_uint_ge(index, previous);
                previous = index;
            }
        }
        if (s.sampling == DP_SAMPLING_CENTER && s.views == 1) {
            size_t kept = (s.frame_count + s.rate - 1) / s.rate;
            size_t spare = kept > s.view_frames ? kept - s.view_frames : 0;
            ck_assert_uint_eq(previous_first, spare / 2 * s.rate);
        }
    }
}
END_TEST

/* Counts so large that the formulas' products do not fit 64 bits. */
START_TEST(sampling_does_not_overflow) {
#if SIZE_MAX == UINT64_MAX
    dpi_sampler uniform = {SIZE_MAX, 4, 1, 1, DP_SAMPLING_UNIFORM, false};
    for (size_t i = 0; i < 4; i++) { /* (2i + 1) * (2^64 - 1) / 8 */
        ck_assert_uint_eq(dpi_sample_frame(&uniform, 0, i), (2 * i + 1) * ((size_t)1 << 61) - 1);
    }
    dpi_sampler center = {SIZE_MAX, 16, 1, 256, DP_SAMPLING_CENTER, false};
    /* 511 * (2^64 - 17) / 512 = 2^64 - 17 - (2^64 - 17) / 512, rounded down */
    ck_assert_uint_eq(dpi_sample_frame(&center, 255, 0), SIZE_MAX - 16 - ((size_t)1 << 55));
    ck_assert_uint_eq(dpi_sample_frame(&center, 255, 3), SIZE_MAX - 13 - ((size_t)1 << 55));
#endif
}
END_TEST

static Suite *sampling_suite(void) {
    Suite *suite = suite_create("sampling");
    TCase *sampling = add_case(suite, "sampling", 60, NULL, NULL);
    tcase_add_loop_test(sampling, sampling_follows_the_table, 0, (int)COUNT(sampling_table));
    tcase_add_loop_test(sampling, published_rules_follow_the_table, 0, (int)COUNT(published_table));
    tcase_add_test(sampling, sampling_is_ordered_and_in_range);
    tcase_add_test(sampling, sampling_does_not_overflow);
    return suite;
}

int main(void) {
    return run_suite(sampling_suite());
}
