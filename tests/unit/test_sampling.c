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
    dpi_sampler sampler = {row->n, row->t, row->r, row->views, row->sampling};
    for (size_t i = 0; i < row->t; i++) {
        ck_assert_uint_eq(dpi_sample_frame(&sampler, row->view, i), row->expected[i]);
    }
}
END_TEST

/* Within the clip and in order, later views not before earlier ones; one centre view leaves as many
 * frames out before it as after it, give or take one. */
START_TEST(sampling_is_ordered_and_in_range) {
    random_start(7);
    for (int round = 0; round < 2000; round++) {
        dpi_sampler s = {random_size(1, 400), random_size(1, 40), random_size(1, 9),
                         random_size(1, 6), (int32_t)random_below(3)};
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
    dpi_sampler uniform = {SIZE_MAX, 4, 1, 1, DP_SAMPLING_UNIFORM};
    for (size_t i = 0; i < 4; i++) { /* (2i + 1) * (2^64 - 1) / 8 */
        ck_assert_uint_eq(dpi_sample_frame(&uniform, 0, i), (2 * i + 1) * ((size_t)1 << 61) - 1);
    }
    dpi_sampler center = {SIZE_MAX, 16, 1, 256, DP_SAMPLING_CENTER};
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
    tcase_add_test(sampling, sampling_is_ordered_and_in_range);
    tcase_add_test(sampling, sampling_does_not_overflow);
    return suite;
}

int main(void) {
    return run_suite(sampling_suite());
}
