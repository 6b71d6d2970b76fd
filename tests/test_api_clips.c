/*
 * What clips mean, seen from outside: however the same pixels and the same frames are described,
 * the answer is the same, bit for bit, with any number of threads and from any thread. Views and
 * crops are the mean of single views whose frames are picked here by hand.
 */
#include "api_support.h"

#include <check.h>
#include <math.h>
#include <pthread.h>

static dp_model *model;
static dp_session *session;

static void set_up(void) {
    random_restart();
    model = open_golden(SMALL_MODEL);
    session = new_session(model, 1);
}

static void tear_down(void) {
    dp_session_destroy(session);
    dp_model_close(model);
}

static void check_same(const dp_clip *a, const dp_clip *b) {
    answer first = classify(session, a);
    answer second = classify(session, b);
    ck_assert(same_bits(&first, &second));
}

/* Rounding may differ, nothing else. */
static void check_close(const answer *got, const answer *expected) {
    ck_assert_uint_gt(got->count, 0);
    ck_assert_uint_eq(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++) {
        ck_assert_float_eq_tol(got->values[i], expected->values[i],
                               1e-5F * (1.0F + fabsf(expected->values[i])));
    }
}

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

/* ---- how pixels are described ---- */

/* The same gray pixels in all formats. Limited range has a luma for every 85th gray only. */
#define GRAY_WIDTH 21
#define GRAY_HEIGHT 17
#define GRAY_PIXELS ((size_t)GRAY_WIDTH * GRAY_HEIGHT)
#define CHROMA_BYTES ((size_t)((GRAY_WIDTH + 1) / 2) * ((GRAY_HEIGHT + 1) / 2))

typedef struct gray_frame {
    uint8_t planes[3][4 * GRAY_WIDTH * GRAY_HEIGHT];
    dp_frame frame;
} gray_frame;

static size_t pixel_bytes(int32_t format) {
    static const size_t bytes[] = {3, 3, 4, 4, 1, 1, 1};
    return bytes[format];
}

static gray_frame describe_gray(const uint8_t *gray, int32_t format, int32_t color) {
    gray_frame made = {
        .frame = {.width = GRAY_WIDTH, .height = GRAY_HEIGHT, .format = format, .color = color}};
    size_t step = pixel_bytes(format);
    bool limited = format >= DP_FORMAT_NV12 &&
                   (color == DP_COLOR_BT601_LIMITED || color == DP_COLOR_BT709_LIMITED);
    for (size_t i = 0; i < GRAY_PIXELS; i++) {
        memset(made.planes[0] + i * step, limited ? 16 + gray[i] / 85 * 73 : gray[i], step);
        if (step == 4) {
            made.planes[0][i * step + 3] = (uint8_t)random_below(256); /* alpha */
        }
    }
    memset(made.planes[1], 128, 2 * CHROMA_BYTES);
    memset(made.planes[2], 128, CHROMA_BYTES);
    made.frame.stride[0] = (ptrdiff_t)step * GRAY_WIDTH;
    made.frame.stride[1] = (GRAY_WIDTH + 1) / 2 * (format == DP_FORMAT_NV12 ? 2 : 1);
    made.frame.stride[2] = (GRAY_WIDTH + 1) / 2;
    return made;
}

static answer classify_gray(const uint8_t *gray, int32_t format, int32_t color) {
    static gray_frame made[SMALL_FRAMES];
    dp_frame frames[SMALL_FRAMES];
    dp_clip clip;
    dp_clip_default(&clip);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        made[i] = describe_gray(gray + i * GRAY_PIXELS, format, color);
        frames[i] = made[i].frame;
        for (size_t plane = 0; plane < 3; plane++) {
            frames[i].plane[plane] = made[i].planes[plane];
        }
    }
    clip.frames = frames;
    clip.frame_count = SMALL_FRAMES;
    clip.sampling = DP_SAMPLING_GIVEN;
    return classify(session, &clip);
}

static void check_gray_formats(uint32_t levels, uint8_t step, bool all_colors) {
    static uint8_t gray[SMALL_FRAMES * GRAY_PIXELS];
    for (size_t i = 0; i < sizeof gray; i++) {
        gray[i] = (uint8_t)(random_below(levels) * step);
    }
    answer expected = classify_gray(gray, DP_FORMAT_GRAY8, 0);
    for (int32_t format = DP_FORMAT_RGB24; format <= DP_FORMAT_I420; format++) {
        for (int32_t color = 0; color <= DP_COLOR_BT709_FULL; color++) {
            if (all_colors || color == DP_COLOR_BT601_FULL || color == DP_COLOR_BT709_FULL) {
                answer got = classify_gray(gray, format, color);
                check_close(&got, &expected);
                ck_assert(format >= DP_FORMAT_NV12 || same_bits(&got, &expected));
            }
        }
    }
}

START_TEST(formats_agree_about_gray) {
    check_gray_formats(256, 1, false);
    check_gray_formats(4, 85, true);
}
END_TEST

/* The same colours with their bytes in another order, and with an alpha that is not looked at. */
static void reorder(const uint8_t *rgb, size_t count, int32_t format, uint8_t *out) {
    size_t step = pixel_bytes(format);
    bool blue_first = format == DP_FORMAT_BGR24 || format == DP_FORMAT_BGRA;
    for (size_t i = 0; i < count; i++) {
        out[i * step] = rgb[3 * i + (blue_first ? 2 : 0)];
        out[i * step + 1] = rgb[3 * i + 1];
        out[i * step + 2] = rgb[3 * i + (blue_first ? 0 : 2)];
        if (step == 4) {
            out[i * step + 3] = (uint8_t)random_below(256);
        }
    }
}

START_TEST(packed_formats_agree_about_colours) {
    enum { WIDTH = 17, HEIGHT = 21, PIXELS = WIDTH * HEIGHT };
    static uint8_t bytes[SMALL_FRAMES][4 * PIXELS];
    test_clip clip = make_clip(SMALL_FRAMES, WIDTH, HEIGHT);
    dp_frame frames[SMALL_FRAMES];
    dp_clip other = clip.clip;
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        int32_t format = (int32_t)(i % (DP_FORMAT_BGRA + 1));
        reorder(clip.frames[i].plane[0], PIXELS, format, bytes[i]);
        frames[i] = clip.frames[i];
        frames[i].format = format;
        frames[i].plane[0] = bytes[i];
        frames[i].stride[0] = (ptrdiff_t)pixel_bytes(format) * WIDTH;
    }
    other.frames = frames;
    check_same(&clip.clip, &other);
    free_clip(&clip);
}
END_TEST

/* The same image in memory from the bottom up, with room between the rows. */
START_TEST(flipped_frames_are_the_same) {
    test_clip clip = make_clip(SMALL_FRAMES, 19, 23);
    size_t row = 3 * 19;
    size_t stride = row + 5;
    size_t bytes = 22 * stride + row; /* the last row needs no room behind it */
    uint8_t *flipped = must(malloc(SMALL_FRAMES * bytes), "memory");
    dp_frame frames[SMALL_FRAMES];
    dp_clip other = clip.clip;
    memset(flipped, 0xee, SMALL_FRAMES * bytes);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        uint8_t *bottom = flipped + i * bytes;
        for (size_t y = 0; y < 23; y++) {
            memcpy(bottom + (22 - y) * stride, clip.frames[i].plane[0] + y * row, row);
        }
        frames[i] = dp_frame_rgb24(bottom + 22 * stride, 19, 23);
        frames[i].stride[0] = -(ptrdiff_t)stride;
    }
    other.frames = frames;
    check_same(&clip.clip, &other);
    free(flipped);
    free_clip(&clip);
}
END_TEST

/* Images of one colour stay what they are at every size, so all of these clips are the same. */
START_TEST(sizes_may_differ_from_frame_to_frame) {
    static const int32_t sizes[SMALL_FRAMES][2] = {
        {16, 16}, {1, 1}, {1, 65536}, {65536, 1}, {2, 3}, {640, 480}, {17, 16}, {16, 17},
        {15, 15}, {1, 2}, {300, 7},   {7, 300},   {3, 2}, {32, 32},   {33, 65}, {100, 1},
    };
    static uint8_t pixels[SMALL_FRAMES][640 * 480];
    dp_frame differing[SMALL_FRAMES], equal[SMALL_FRAMES];
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        memset(pixels[i], (int)random_below(256), sizeof pixels[i]);
        differing[i] = (dp_frame){.plane = {pixels[i]},
                                  .stride = {sizes[i][0]},
                                  .width = sizes[i][0],
                                  .height = sizes[i][1],
                                  .format = DP_FORMAT_GRAY8};
        equal[i] = differing[i];
        equal[i].width = equal[i].height = 16;
        equal[i].stride[0] = 16;
    }
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frame_count = SMALL_FRAMES;
    clip.sampling = DP_SAMPLING_GIVEN;
    clip.frames = differing;
    answer got = classify(session, &clip);
    clip.frames = equal;
    answer expected = classify(session, &clip);
    check_close(&got, &expected);
}
END_TEST

START_TEST(one_frame_may_be_all_of_them) {
    test_clip clip = make_clip(1, 20, 18);
    dp_frame frames[SMALL_FRAMES];
    dp_clip repeated = clip.clip;
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        frames[i] = clip.frames[0];
    }
    repeated.frames = frames;
    repeated.frame_count = SMALL_FRAMES;
    check_same(&clip.clip, &repeated);
    free_clip(&clip);
}
END_TEST

/* ---- threads ---- */

static const char *const models[] = {SMALL_MODEL, LABELLED_MODEL, FEATURES_MODEL,
                                     "quantised-q8_0.gguf", "grid1.gguf"};

START_TEST(threads_do_not_change_a_bit) {
    for (int unfused = 0; unfused < 2; unfused++) {
        dp_model *tried = NULL;
        dp_model_options options;
        dp_model_options_default(&options);
        options.unfused = unfused;
        ck_assert_int_eq(dp_model_open(find_golden(models[_i]).text, &options, &tried), DP_OK);
        test_clip clip = make_clip(33, 37, 29);
        clip.clip.views = 2;
        answer expected = {{0}, 0};
        for (int threads = 1; threads <= (int)unless_brief(8, 3); threads++) {
            dp_session *other = new_session(tried, threads);
            answer got = classify(other, &clip.clip);
            expected = threads == 1 ? got : expected;
            ck_assert(same_bits(&got, &expected));
            dp_session_destroy(other);
        }
        free_clip(&clip);
        dp_model_close(tried);
    }
}
END_TEST

START_TEST(default_threads_do_not_either) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    dp_session *other = NULL;
    ck_assert_int_eq(dp_session_create(model, NULL, &other), DP_OK);
    answer expected = classify(session, &clip.clip);
    answer got = classify(other, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(other);
    free_clip(&clip);
}
END_TEST

/* What a session was asked before leaves no trace. */
START_TEST(earlier_clips_leave_no_trace) {
    test_clip first = make_clip(SMALL_FRAMES, 16, 16);
    test_clip second = make_clip(45, 64, 21);
    second.clip.views = 3;
    second.clip.crops = 2;
    answer expected = classify(session, &first.clip);
    answer other = classify(session, &second.clip);
    answer got = classify(session, &first.clip);
    ck_assert(same_bits(&got, &expected));
    ck_assert(!same_bits(&other, &expected));
    free_clip(&first);
    free_clip(&second);
}
END_TEST

/* Threads with sessions of their own on one model, while others open the same file and fail. */
#define CALLERS 4
#define ROUNDS 6

typedef struct caller {
    pthread_t thread;
    int number;
    test_clip clip;
    answer expected;
    int wrong;
} caller;

static void *call_often(void *argument) {
    caller *self = argument;
    char name[32];
    (void)snprintf(name, sizeof name, "missing file %d", self->number);
    for (int round = 0; round < ROUNDS; round++) {
        dp_session *own = new_session(model, 1 + self->number % 3);
        answer got = classify(own, &self->clip.clip);
        dp_model *opened = NULL;
        dp_status status = dp_model_open(name, NULL, &opened);
        self->wrong += !same_bits(&got, &self->expected) || status != DP_ERR_IO ||
                       strstr(dp_last_message(), name) == NULL;
        opened = open_golden(SMALL_MODEL);
        dp_model_close(opened);
        dp_session_destroy(own);
    }
    return NULL;
}

START_TEST(sessions_run_side_by_side) {
    caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        callers[i].clip = make_clip(SMALL_FRAMES, 16 + i, 18);
        callers[i].expected = classify(session, &callers[i].clip.clip);
    }
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
        ck_assert_int_eq(callers[i].wrong, 0);
        free_clip(&callers[i].clip);
    }
}
END_TEST

static void *call_once(void *argument) {
    caller *self = argument;
    answer got = classify(session, &self->clip.clip);
    self->wrong = !same_bits(&got, &self->expected);
    return NULL;
}

/* One thread at a time may be another one each time. */
START_TEST(sessions_move_between_threads) {
    caller one = {.clip = make_clip(SMALL_FRAMES, 16, 16)};
    one.expected = classify(session, &one.clip.clip);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(pthread_create(&one.thread, NULL, call_once, &one), 0);
        ck_assert_int_eq(pthread_join(one.thread, NULL), 0);
        ck_assert_int_eq(one.wrong, 0);
        (void)call_once(&one);
        ck_assert_int_eq(one.wrong, 0);
    }
    free_clip(&one.clip);
}
END_TEST

/* ---- the suite ---- */

static TCase *add_case(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, set_up, tear_down);
    tcase_set_timeout(made, 120);
    suite_add_tcase(suite, made);
    return made;
}

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
    ck_assert_int_eq(dp_view_clip(session, &made.clip, 0, 0, &spatial, &temporal), DP_OK);
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
    ck_assert_int_eq(dp_view_clip(session, &made.clip, 1, 1, NULL, &seen), DP_OK);
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
    ck_assert_int_eq(dp_view_clip(session, &made.clip, 0, 0, NULL, &seen), DP_OK);
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
    ck_assert_int_eq(dp_view_clip(NULL, &made.clip, 0, 0, &seen, NULL), DP_ERR_ARGUMENT);
    ck_assert_ptr_null(seen);
    ck_assert_int_eq(dp_view_clip(session, NULL, 0, 0, &seen, NULL), DP_ERR_ARGUMENT);
    static const int32_t wrong[][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_int_eq(dp_view_clip(session, &made.clip, wrong[i][0], wrong[i][1], NULL, NULL),
                         DP_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(dp_session_message(session), "expected 0 .. 0"));
    }
    made.frames[1].width = 0;
    ck_assert_int_eq(dp_view_clip(session, &made.clip, 0, 0, &seen, NULL), DP_ERR_FRAME);
    free_clip(&made);
}
END_TEST

static Suite *clips_suite(void) {
    Suite *suite = suite_create("api_clips");
    TCase *sampling = add_case(suite, "sampling");
    tcase_add_loop_test(sampling, views_are_the_mean_of_picked_frames, 0, (int)COUNT(choices));
    tcase_add_test(sampling, rate_zero_is_the_models);
    tcase_add_loop_test(sampling, crops_are_the_mean_of_parts, 0, (int)COUNT(crop_table));
    tcase_add_test(sampling, views_and_crops_multiply);

    TCase *pixels = add_case(suite, "pixels");
    tcase_add_test(pixels, formats_agree_about_gray);
    tcase_add_test(pixels, packed_formats_agree_about_colours);
    tcase_add_test(pixels, flipped_frames_are_the_same);
    tcase_add_test(pixels, sizes_may_differ_from_frame_to_frame);
    tcase_add_test(pixels, one_frame_may_be_all_of_them);

    TCase *seen = add_case(suite, "seen");
    tcase_add_test(seen, views_show_what_is_seen);
    tcase_add_test(seen, views_are_seen_one_by_one);
    tcase_add_test(seen, views_are_checked);

    TCase *threads = add_case(suite, "threads");
    tcase_add_loop_test(threads, threads_do_not_change_a_bit, 0, (int)COUNT(models));
    tcase_add_test(threads, default_threads_do_not_either);
    tcase_add_test(threads, earlier_clips_leave_no_trace);
    tcase_add_test(threads, sessions_run_side_by_side);
    tcase_add_test(threads, sessions_move_between_threads);
    return suite;
}

int main(void) {
    random_seed("test_api_clips");
    SRunner *runner = srunner_create(clips_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
