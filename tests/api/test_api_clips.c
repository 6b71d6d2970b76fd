/*
 * What clips mean, seen from outside: views and crops are the mean of single views whose frames are
 * picked here by hand, and what the model sees of them can be looked at.
 */
#include "small_session.h"

/* Answers of logits and features only: probabilities are not averaged. */
static answer without_probabilities(const answer *all) {
    answer rest = {{0}, 0};
    add_values(&rest, all->values, 3);
    add_values(&rest, all->values + 6, (int32_t)all->count - 6);
    return rest;
}

/* ---- which frames ---- */

typedef struct choice {
    dp_sampling sampling;
    int32_t rate, views;
    size_t frames;
} choice;

static const choice choices[] = {
    {DP_SAMPLING_CENTER, 1, 1, 16},  {DP_SAMPLING_CENTER, 1, 1, 1},
    {DP_SAMPLING_CENTER, 1, 1, 5},   {DP_SAMPLING_CENTER, 1, 1, 17},
    {DP_SAMPLING_CENTER, 1, 1, 40},  {DP_SAMPLING_CENTER, 3, 1, 40},
    {DP_SAMPLING_CENTER, 2, 3, 45},  {DP_SAMPLING_CENTER, 0, 2, 100},
    {DP_SAMPLING_CENTER, 7, 2, 11},  {DP_SAMPLING_CENTER, 65536, 1, 20},
    {DP_SAMPLING_FIRST, 1, 1, 3},    {DP_SAMPLING_FIRST, 1, 1, 40},
    {DP_SAMPLING_FIRST, 3, 2, 60},   {DP_SAMPLING_FIRST, 1, 5, 29},
    {DP_SAMPLING_FIRST, 0, 4, 99},   {DP_SAMPLING_UNIFORM, 1, 1, 1},
    {DP_SAMPLING_UNIFORM, 1, 1, 7},  {DP_SAMPLING_UNIFORM, 1, 1, 16},
    {DP_SAMPLING_UNIFORM, 0, 1, 77}, {DP_SAMPLING_UNIFORM, 5, 3, 50},
};

/* The formulas at dp_sampling in dualpath.h, word by word. */
static size_t pick(const choice *how, size_t view, size_t i) {
    size_t n = how->frames;
    size_t r = how->rate > 0 ? (size_t)how->rate : 4; /* the model's */
    size_t views = (size_t)how->views;
    size_t m = (n + r - 1) / r;
    size_t spare = m > SMALL_FRAMES ? m - SMALL_FRAMES : 0;
    if (how->sampling == DP_SAMPLING_UNIFORM) {
        return ((2 * i * views + 2 * view + 1) * n) / (2 * SMALL_FRAMES * views);
    }
    size_t start = how->sampling == DP_SAMPLING_CENTER ? (2 * view + 1) * spare / (2 * views)
                                                       : view * spare / views;
    size_t index = start + i < m ? start + i : m - 1;
    return index * r;
}

/* The answer to a view whose frames are given one by one. */
static answer classify_picked(const test_clip *from, const choice *how, size_t view) {
    dp_frame frames[SMALL_FRAMES];
    dp_clip given = from->clip;
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        frames[i] = from->frames[pick(how, view, i)];
    }
    given.frames = frames;
    given.frame_count = SMALL_FRAMES;
    given.sampling = DP_SAMPLING_GIVEN;
    given.views = 1;
    return classify(session, &given);
}

static void add_answer(answer *sum, const answer *one) {
    sum->count = one->count;
    for (size_t i = 0; i < one->count; i++) {
        sum->values[i] += one->values[i];
    }
}

static void divide(answer *sum, size_t by) {
    for (size_t i = 0; i < sum->count; i++) {
        sum->values[i] /= (float)by;
    }
}

START_TEST(views_are_the_mean_of_picked_frames) {
    const choice *how = &choices[_i];
    test_clip clip = make_clip(how->frames, 16, 16);
    clip.clip.sampling = (int32_t)how->sampling;
    clip.clip.rate = how->rate;
    clip.clip.views = how->views;
    answer all = classify(session, &clip.clip);
    answer mean = {{0}, 0};
    for (size_t view = 0; view < (size_t)how->views; view++) {
        answer one = classify_picked(&clip, how, view);
        ck_assert(how->views > 1 || same_bits(&all, &one));
        add_answer(&mean, &one);
    }
    divide(&mean, (size_t)how->views);
    all = without_probabilities(&all);
    mean = without_probabilities(&mean);
    check_close(&all, &mean);
    free_clip(&clip);
}
END_TEST

/* Asked before there are frames: the same as the formulas, view by view. */
START_TEST(sampled_frames_can_be_asked_for) {
    const choice *how = &choices[_i];
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frame_count = how->frames;
    clip.sampling = (int32_t)how->sampling;
    clip.rate = how->rate;
    clip.views = how->views;
    for (int32_t view = 0; view < how->views; view++) {
        size_t indices[SMALL_FRAMES + 1] = {[5] = 99, [SMALL_FRAMES] = 99};
        ck_assert_int_eq(dp_model_sample_view(model, &clip, view, 5, indices), DP_OK);
        ck_assert_uint_eq(indices[5], 99);
        ck_assert_int_eq(dp_model_sample_view(model, &clip, view, SMALL_FRAMES, indices), DP_OK);
        for (size_t i = 0; i < SMALL_FRAMES; i++) {
            ck_assert_uint_eq(indices[i], pick(how, (size_t)view, i));
        }
        ck_assert_uint_eq(indices[SMALL_FRAMES], 99);
    }
}
END_TEST

static void check_sampling_refused(const dp_clip *clip, int32_t view, int32_t count,
                                   const char *mentioned) {
    size_t indices[SMALL_FRAMES] = {99};
    ck_assert_int_eq(dp_model_sample_view(model, clip, view, count, indices), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), mentioned));
    ck_assert_uint_eq(indices[0], 99);
}

START_TEST(what_is_asked_of_a_sampling_is_checked) {
    size_t index = 0;
    dp_clip clip;
    dp_clip_default(&clip);
    check_sampling_refused(&clip, 0, 1, "no frames");
    clip.frame_count = 20;
    check_sampling_refused(NULL, 0, 1, "the clip is NULL");
    check_sampling_refused(&clip, -1, 1, "view is -1, expected 0 .. 0");
    check_sampling_refused(&clip, 1, 1, "view is 1, expected 0 .. 0");
    check_sampling_refused(&clip, 0, 0, "count is 0, expected 1 .. 16");
    check_sampling_refused(&clip, 0, 17, "count is 17");
    check_sampling_refused(&clip, 0, INT32_MIN, "count is -2147483648");
    ck_assert_int_eq(dp_model_sample_view(NULL, &clip, 0, 1, &index), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "model is NULL"));
    ck_assert_int_eq(dp_model_sample_view(model, &clip, 0, 1, NULL), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "indices is NULL"));
    clip.sampling = DP_SAMPLING_GIVEN;
    check_sampling_refused(&clip, 0, 1, "exactly the model's 16 frames, not 20");
    clip.struct_size = 3;
    check_sampling_refused(&clip, 0, 1, "struct_size is 3");
}
END_TEST

START_TEST(rate_zero_is_the_models) {
    test_clip clip = make_clip(80, 16, 16);
    dp_clip own = clip.clip;
    own.rate = 4;
    clip.clip.rate = 0;
    check_same(&clip.clip, &own);
    free_clip(&clip);
}
END_TEST

/* Frames whose short side is that of the model are cropped only: crop c begins at
 * c * spare / (crops - 1), rounded half to even, and a single crop at spare / 2. */
static const struct {
    int32_t longer, crops, starts[4];
} crop_table[] = {
    {16, 1, {0}},        {16, 3, {0, 0, 0}},  {23, 1, {4}},
    {22, 1, {3}},        {21, 1, {2}},        {31, 2, {0, 15}},
    {31, 3, {0, 8, 15}}, {29, 3, {0, 6, 13}}, {26, 4, {0, 3, 7, 10}},
};

static dp_frame crop_frame(const dp_frame *frame, bool wide, int32_t start) {
    dp_frame part = *frame;
    part.plane[0] += wide ? 3 * start : frame->stride[0] * start;
    part.width = part.height = SMALL_SIDE;
    return part;
}

static void check_crops(size_t row, bool wide) {
    int32_t longer = crop_table[row].longer;
    int32_t crops = crop_table[row].crops;
    test_clip clip = make_clip(SMALL_FRAMES, wide ? longer : 16, wide ? 16 : longer);
    clip.clip.crops = crops;
    answer all = classify(session, &clip.clip);
    answer mean = {{0}, 0};
    for (int32_t crop = 0; crop < crops; crop++) {
        dp_frame frames[SMALL_FRAMES];
        dp_clip part = clip.clip;
        for (size_t i = 0; i < SMALL_FRAMES; i++) {
            frames[i] = crop_frame(&clip.frames[i], wide, crop_table[row].starts[crop]);
        }
        part.frames = frames;
        part.crops = 1;
        answer one = classify(session, &part);
        add_answer(&mean, &one);
    }
    divide(&mean, (size_t)crops);
    all = without_probabilities(&all);
    mean = without_probabilities(&mean);
    check_close(&all, &mean);
    free_clip(&clip);
}

START_TEST(crops_are_the_mean_of_parts) {
    check_crops((size_t)_i, true);
    check_crops((size_t)_i, false);
}
END_TEST

START_TEST(views_and_crops_multiply) {
    test_clip clip = make_clip(40, 31, 16);
    clip.clip.views = 2;
    clip.clip.crops = 2;
    answer all = classify(session, &clip.clip);
    answer mean = {{0}, 0};
    const choice how = {DP_SAMPLING_FIRST, 1, 2, 40};
    for (int32_t part = 0; part < 4; part++) {
        test_clip cropped = clip;
        dp_frame frames[40];
        for (size_t i = 0; i < 40; i++) {
            frames[i] = crop_frame(&clip.frames[i], true, part % 2 * 15);
        }
        cropped.frames = frames;
        cropped.clip.crops = 1;
        answer one = classify_picked(&cropped, &how, (size_t)part / 2);
        add_answer(&mean, &one);
    }
    divide(&mean, 4);
    all = without_probabilities(&all);
    mean = without_probabilities(&mean);
    check_close(&all, &mean);
    free_clip(&clip);
}
END_TEST

/* A view of one frame that repeats is the same whichever of them it is, and so is their mean: the
 * rounding of a sum of n equal numbers in f64 is far below the last bit of an f32. */
START_TEST(equal_views_average_to_one_of_them) {
    test_clip still = make_clip(1, 16, 16);
    answer one = classify(session, &still.clip);
    still.clip.views = DP_MAX_VIEWS;
    still.clip.crops = (int32_t)unless_brief(DP_MAX_CROPS, 1);
    answer all = classify(session, &still.clip);
    ck_assert(same_bits(&all, &one));
    free_clip(&still);
}
END_TEST

/* ---- what the model sees ---- */

/* Frames of one grey each, 16 of the model's size: whole ones in the spatial path, and each in its
 * tile of the frameset. */
START_TEST(views_show_what_is_seen) {
    const float *spatial = NULL;
    const float *temporal = NULL;
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    size_t side = (size_t)info.input_size, tile = side / (size_t)info.grid;
    test_clip made = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        memset(made.pixels + i * side * side * 3, (int)(10 + 15 * i), side * side * 3);
    }
    answer before = classify(session, &made.clip);
    ck_assert_int_eq(dp_session_preprocess_view(session, &made.clip, 0, 0, &spatial, &temporal),
                     DP_OK);
    for (size_t i = 0; i < 3 * side * side; i++) {
        size_t c = i / (side * side), y = i / side % side, x = i % side;
        size_t frame = y / tile * (size_t)info.grid + x / tile;
        float grey = (float)(10 + 15 * frame) / 255;
        ck_assert_float_eq_tol(temporal[i] * info.std[c] + info.mean[c], grey, 1e-6F);
    }
    size_t distance = SMALL_FRAMES / (size_t)info.spatial_frames;
    for (size_t i = 0; i < (size_t)info.spatial_frames * 3 * side * side; i++) {
        size_t c = i / (side * side) % 3;
        float grey = (float)(10 + 15 * (i / (3 * side * side) * distance)) / 255;
        ck_assert_float_eq_tol(spatial[i] * info.std[c] + info.mean[c], grey, 1e-6F);
    }
    dp_prediction top;
    ck_assert_int_eq(dp_session_top(session, 1, &top), DP_OK);
    ck_assert(top.logit == before.values[top.index]);
    answer after = classify(session, &made.clip);
    ck_assert(same_bits(&before, &after));
    free_clip(&made);
}
END_TEST

/* A view of several is that of a clip whose frames were picked by hand. */
START_TEST(views_are_seen_one_by_one) {
    const float *seen = NULL;
    size_t floats = (size_t)3 * SMALL_SIDE * SMALL_SIDE;
    float *kept = must(malloc(floats * sizeof *kept), "memory");
    test_clip made = make_clip(2 * SMALL_FRAMES, 40, SMALL_SIDE);
    made.clip.views = 2;
    made.clip.crops = 2;
    ck_assert_int_eq(dp_session_preprocess_view(session, &made.clip, 1, 1, NULL, &seen), DP_OK);
    memcpy(kept, seen, floats * sizeof *kept);
    dp_frame picked[SMALL_FRAMES];
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        picked[i] = made.frames[SMALL_FRAMES / 2 + i];
        picked[i].plane[0] += (size_t)3 * (40 - SMALL_SIDE);
        picked[i].width = SMALL_SIDE;
    }
    made.clip.frames = picked;
    made.clip.frame_count = SMALL_FRAMES;
    made.clip.views = made.clip.crops = 1;
    ck_assert_int_eq(dp_session_preprocess_view(session, &made.clip, 0, 0, NULL, &seen), DP_OK);
    for (size_t i = 0; i < floats; i++) {
        ck_assert_float_eq_tol(seen[i], kept[i], 1e-5F);
    }
    free_clip(&made);
    free(kept);
}
END_TEST

START_TEST(views_are_checked) {
    const float *seen = (const float *)&session;
    test_clip made = make_clip(3, 20, 20);
    ck_assert_int_eq(dp_session_preprocess_view(NULL, &made.clip, 0, 0, &seen, NULL),
                     DP_ERR_ARGUMENT);
    ck_assert_ptr_null(seen);
    ck_assert_int_eq(dp_session_preprocess_view(session, NULL, 0, 0, &seen, NULL), DP_ERR_ARGUMENT);
    static const int32_t wrong[][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_int_eq(
            dp_session_preprocess_view(session, &made.clip, wrong[i][0], wrong[i][1], NULL, NULL),
            DP_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(dp_session_message(session), "expected 0 .. 0"));
    }
    made.frames[1].width = 0;
    ck_assert_int_eq(dp_session_preprocess_view(session, &made.clip, 0, 0, &seen, NULL),
                     DP_ERR_FRAME);
    free_clip(&made);
}
END_TEST

static Suite *clips_suite(void) {
    Suite *suite = suite_create("api_clips");
    TCase *sampling = add_case(suite, "sampling", 120, set_up, tear_down);
    tcase_add_loop_test(sampling, views_are_the_mean_of_picked_frames, 0, (int)COUNT(choices));
    tcase_add_loop_test(sampling, sampled_frames_can_be_asked_for, 0, (int)COUNT(choices));
    tcase_add_test(sampling, what_is_asked_of_a_sampling_is_checked);
    tcase_add_test(sampling, rate_zero_is_the_models);
    tcase_add_loop_test(sampling, crops_are_the_mean_of_parts, 0, (int)COUNT(crop_table));
    tcase_add_test(sampling, views_and_crops_multiply);
    tcase_add_test(sampling, equal_views_average_to_one_of_them);

    TCase *seen = add_case(suite, "seen", 120, set_up, tear_down);
    tcase_add_test(seen, views_show_what_is_seen);
    tcase_add_test(seen, views_are_seen_one_by_one);
    tcase_add_test(seen, views_are_checked);
    return suite;
}

int main(void) {
    random_seed("test_api_clips");
    return run_suite(clips_suite());
}
