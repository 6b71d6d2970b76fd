/*
 * The contract of dualpath.h: clips and frames, with every number out of its range. Each is refused
 * with its status and a sentence that names it, and the session still works.
 */
#include "api_fixture.h"

#include <limits.h>

/* ---- clips ---- */

/* The result of an earlier call is passed again: it must not survive. */
static void check_clip_refused(const dp_clip *wrong, dp_status status, const char *mentioned) {
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_OK);
    SESSION_REFUSED(dp_classify_clip(session, wrong, &result), status, mentioned);
    check_empty(&result);
    check_still_works();
}

START_TEST(classifying_needs_its_arguments) {
    dp_result result;
    dp_result_default(&result);
    REFUSED(dp_classify_clip(NULL, &clip.clip, &result), DP_ERR_ARGUMENT, "session is NULL");
    REFUSED(dp_classify_clip(NULL, NULL, NULL), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "result is NULL");
    check_clip_refused(NULL, DP_ERR_ARGUMENT, "clip is NULL");
}
END_TEST

START_TEST(frame_counts_are_checked) {
    static const size_t wrong[] = {0, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(dp_frame) + 1};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        dp_clip changed = clip.clip;
        changed.frame_count = wrong[i];
        check_clip_refused(&changed, DP_ERR_ARGUMENT, "frames");
    }
    dp_clip changed = clip.clip;
    changed.frames = NULL;
    check_clip_refused(&changed, DP_ERR_ARGUMENT, "no frames");
}
END_TEST

#define FIELD(name) offsetof(dp_clip, name)

static const struct {
    size_t field;
    int32_t value;
    const char *mentioned;
} wrong_numbers[] = {
    {FIELD(sampling), -1, "-1 is no dp_sampling"},
    {FIELD(sampling), 8, "8 is no dp_sampling"},
    {FIELD(sampling), INT32_MAX, "dp_sampling"},
    {FIELD(sampling), INT32_MIN, "dp_sampling"},
    {FIELD(rate), -1, "rate is -1, expected 0 .. 65536"},
    {FIELD(rate), 65537, "rate is 65537"},
    {FIELD(rate), INT32_MAX, "rate"},
    {FIELD(rate), INT32_MIN, "rate"},
    {FIELD(views), -1, "views is -1, expected 0 .. 256"},
    {FIELD(views), 257, "views is 257"},
    {FIELD(views), INT32_MAX, "views"},
    {FIELD(views), INT32_MIN, "views"},
    {FIELD(crops), -1, "crops is -1, expected 0 .. 64"},
    {FIELD(crops), 65, "crops is 65"},
    {FIELD(crops), INT32_MAX, "crops"},
    {FIELD(crops), INT32_MIN, "crops"},
};

START_TEST(numbers_of_a_clip_are_checked) {
    dp_clip changed = clip.clip;
    memcpy((uint8_t *)&changed + wrong_numbers[_i].field, &wrong_numbers[_i].value,
           sizeof wrong_numbers[_i].value);
    check_clip_refused(&changed, DP_ERR_ARGUMENT, wrong_numbers[_i].mentioned);
}
END_TEST

START_TEST(largest_numbers_of_a_clip_do) {
    dp_clip changed = clip.clip;
    changed.rate = 65536;
    changed.frame_count = 1;
    changed.views = (int32_t)unless_brief(DP_MAX_VIEWS, 1);
    changed.crops = (int32_t)unless_brief(1, DP_MAX_CROPS);
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
    changed.views = 1;
    changed.crops = DP_MAX_CROPS;
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
}
END_TEST

START_TEST(given_frames_are_exactly_as_many) {
    test_clip longer = make_clip(SMALL_FRAMES + 1, 3, 2);
    longer.clip.sampling = DP_SAMPLING_GIVEN;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "exactly the model's 16 frames, not 17");
    longer.clip.frame_count = SMALL_FRAMES - 1;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "exactly the model's 16 frames, not 15");
    longer.clip.frame_count = SMALL_FRAMES;
    longer.clip.views = 2;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "one view, not 2");
    longer.clip.views = 1;
    ck_assert_uint_gt(classify(session, &longer.clip).count, 0);
    free_clip(&longer);
}
END_TEST

/* ---- frames ---- */

static const uint8_t samples[4096];

#define TURNED(rotate, format_, color_, width_, height_, p0, p1, p2, s0, s1, s2)               \
    {                                                                                          \
        .plane = {p0, p1, p2}, .stride = {s0, s1, s2}, .width = (width_), .height = (height_), \
        .format = (format_), .color = (color_), .rotation = (rotate)                           \
    }
#define FRAME(...) TURNED(0, __VA_ARGS__)
/* 8 x 6 unless it says otherwise; the planes of all formats fit. */
#define PACKED(format, width, height, stride) \
    FRAME(format, 0, width, height, samples, NULL, NULL, stride, 0, 0)
#define NV12(color, p0, p1, s0, s1) FRAME(DP_FORMAT_NV12, color, 8, 6, p0, p1, NULL, s0, s1, 0)
#define I420(color, p0, p1, p2, s0, s1, s2) \
    FRAME(DP_FORMAT_I420, color, 8, 6, p0, p1, p2, s0, s1, s2)
#define SHAPED(across, down)                                                                   \
    {                                                                                          \
        .plane = {samples}, .stride = {8}, .width = 8, .height = 6, .format = DP_FORMAT_GRAY8, \
        .aspect_width = (across), .aspect_height = (down)                                      \
    }
#define GARBAGE ((const uint8_t *)1)

static const struct {
    dp_frame frame;
    const char *mentioned;
} wrong_frames[] = {
    {PACKED(DP_FORMAT_RGB24, 0, 6, 24), "0 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, 0, 24), "8 x 0"},
    {PACKED(DP_FORMAT_RGB24, -1, 6, 24), "-1 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, -6, 24), "8 x -6"},
    {PACKED(DP_FORMAT_RGB24, INT32_MIN, 6, 24), "outside of 1 .. 65536"},
    {PACKED(DP_FORMAT_RGB24, 8, INT32_MIN, 24), "outside of 1 .. 65536"},
    {PACKED(DP_FORMAT_RGB24, 65537, 6, 1 << 20), "65537 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, 65537, 24), "8 x 65537"},
    {PACKED(DP_FORMAT_RGB24, INT32_MAX, INT32_MAX, 24), "outside of 1 .. 65536"},
    {PACKED(-1, 8, 6, 24), "-1 is no dp_format"},
    {PACKED(7, 8, 6, 32), "7 is no dp_format"},
    {PACKED(INT32_MAX, 8, 6, 32), "dp_format"},
    {PACKED(INT32_MIN, 8, 6, 32), "dp_format"},
    {TURNED(-90, DP_FORMAT_GRAY8, 0, 8, 6, samples, NULL, NULL, 8, 0, 0),
     "rotation is -90, expected 0, 90, 180 or 270"},
    {TURNED(45, DP_FORMAT_GRAY8, 0, 8, 6, samples, NULL, NULL, 8, 0, 0), "rotation is 45"},
    {TURNED(360, DP_FORMAT_GRAY8, 0, 8, 6, samples, NULL, NULL, 8, 0, 0), "rotation is 360"},
    {TURNED(INT32_MIN, DP_FORMAT_GRAY8, 0, 8, 6, samples, NULL, NULL, 8, 0, 0),
     "rotation is -2147483648"},
    {SHAPED(-1, 1), "an aspect of -1 : 1, expected 1 .. 65536 each, or 0 : 0"},
    {SHAPED(1, -1), "an aspect of 1 : -1"},
    {SHAPED(0, 1), "an aspect of 0 : 1"},
    {SHAPED(1, 0), "an aspect of 1 : 0"},
    {SHAPED(65537, 1), "an aspect of 65537 : 1"},
    {SHAPED(1, INT32_MAX), "an aspect of 1 : 2147483647"},
    {SHAPED(INT32_MIN, INT32_MIN), "an aspect of -2147483648"},
    /* strides */
    {PACKED(DP_FORMAT_RGB24, 8, 6, 0), "stride of 0 bytes for rows of 24"},
    {PACKED(DP_FORMAT_RGB24, 8, 6, 23), "stride of 23 bytes"},
    {PACKED(DP_FORMAT_RGB24, 8, 6, -23), "stride of -23 bytes"},
    {PACKED(DP_FORMAT_BGR24, 8, 6, 23), "rows of 24"},
    {PACKED(DP_FORMAT_RGBA, 8, 6, 31), "rows of 32"},
    {PACKED(DP_FORMAT_BGRA, 8, 6, -31), "rows of 32"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, 7), "rows of 8"},
    {PACKED(DP_FORMAT_GRAY8, 8, 2, 7), "rows of 8"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MAX), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MIN), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, -PTRDIFF_MAX), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MAX / 2), "more than"},
    {NV12(0, samples, samples, 7, 8), "plane 0 has a stride of 7 bytes for rows of 8"},
    {NV12(0, samples, samples, 8, 7), "plane 1 has a stride of 7 bytes for rows of 8"},
    {NV12(0, samples, samples, 8, PTRDIFF_MIN), "plane 1"},
    {I420(0, samples, samples, samples, 7, 4, 4), "plane 0 has a stride of 7 bytes"},
    {I420(0, samples, samples, samples, 8, 3, 4), "plane 1 has a stride of 3 bytes for rows of 4"},
    {I420(0, samples, samples, samples, 8, 4, -3), "plane 2 has a stride of -3 bytes"},
    {I420(0, samples, samples, samples, 8, 4, PTRDIFF_MAX), "plane 2"},
    /* planes */
    {FRAME(DP_FORMAT_RGB24, 0, 8, 6, NULL, NULL, NULL, 24, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_BGR24, 0, 8, 6, NULL, samples, samples, 24, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_RGBA, 0, 8, 6, NULL, NULL, NULL, 32, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_BGRA, 0, 8, 6, NULL, NULL, NULL, 32, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_GRAY8, 0, 8, 6, NULL, NULL, NULL, 8, 0, 0), "plane 0 is NULL"},
    {NV12(0, NULL, samples, 8, 8), "plane 0 is NULL"},
    {NV12(0, samples, NULL, 8, 8), "plane 1 is NULL"},
    {I420(0, NULL, samples, samples, 8, 4, 4), "plane 0 is NULL"},
    {I420(0, samples, NULL, samples, 8, 4, 4), "plane 1 is NULL"},
    {I420(0, samples, samples, NULL, 8, 4, 4), "plane 2 is NULL"},
    /* colours */
    {NV12(-1, samples, samples, 8, 8), "-1 is no dp_color"},
    {NV12(6, samples, samples, 8, 8), "6 is no dp_color"},
    {I420(INT32_MAX, samples, samples, samples, 8, 4, 4), "dp_color"},
    {I420(INT32_MIN, samples, samples, samples, 8, 4, 4), "dp_color"},
};

START_TEST(wrong_frames_are_named) {
    static const size_t places[] = {0, 5, SMALL_FRAMES - 1};
    dp_frame frames[SMALL_FRAMES];
    for (size_t i = 0; i < COUNT(places); i++) {
        char number[16];
        dp_clip changed = clip.clip;
        memcpy(frames, clip.frames, sizeof frames);
        frames[places[i]] = wrong_frames[_i].frame;
        changed.frames = frames;
        (void)snprintf(number, sizeof number, "frame %zu: ", places[i]);
        check_clip_refused(&changed, DP_ERR_FRAME, number);
        check_clip_refused(&changed, DP_ERR_FRAME, wrong_frames[_i].mentioned);
    }
}
END_TEST

/* Also frames that the model does not sample: a clip is sound as a whole or not at all. */
START_TEST(frames_beside_the_sample_are_checked) {
    dp_frame frames[SMALL_FRAMES + 1];
    dp_clip changed = clip.clip;
    memcpy(frames, clip.frames, SMALL_FRAMES * sizeof frames[0]);
    frames[SMALL_FRAMES] = clip.frames[0];
    frames[SMALL_FRAMES].width = 0;
    changed.frames = frames;
    changed.frame_count = SMALL_FRAMES + 1;
    check_clip_refused(&changed, DP_ERR_FRAME, "frame 16: ");
}
END_TEST

/* What is not used may be anything; a single row needs no stride. */
static const dp_frame odd_frames[] = {
    FRAME(DP_FORMAT_RGB24, 99, 8, 6, samples, GARBAGE, GARBAGE, 24, PTRDIFF_MIN, -1),
    FRAME(DP_FORMAT_GRAY8, INT32_MIN, 8, 6, samples, GARBAGE, NULL, 8, 1, PTRDIFF_MAX),
    FRAME(DP_FORMAT_NV12, 3, 8, 6, samples, samples, GARBAGE, 8, 8, PTRDIFF_MIN),
    PACKED(DP_FORMAT_GRAY8, 8, 1, 0),
    PACKED(DP_FORMAT_GRAY8, 8, 1, -3),
    PACKED(DP_FORMAT_GRAY8, 8, 1, -INT32_MAX),
    PACKED(DP_FORMAT_RGB24, 1, 1, 0),
    FRAME(DP_FORMAT_I420, 1, 1, 1, samples, samples, samples, 0, 0, 0),
    FRAME(DP_FORMAT_I420, 2, 8, 2, samples, samples, samples, 8, 0, 0),
    FRAME(DP_FORMAT_NV12, 3, 7, 1, samples, samples, NULL, 0, 0, 0),
    FRAME(DP_FORMAT_NV12, 5, 7, 5, samples, samples, NULL, 7, 8, 0),
    SHAPED(1, 65536),
    SHAPED(65536, 1),
};

START_TEST(odd_frames_do) {
    dp_frame frames[SMALL_FRAMES];
    dp_clip changed = clip.clip;
    memcpy(frames, clip.frames, sizeof frames);
    frames[3] = odd_frames[_i];
    changed.frames = frames;
    ck_assert_uint_gt(classify(session, &changed).count, 0);
    check_still_works();
}
END_TEST

/* ---- descriptors of packed frames ---- */

/* Of 7 x 5 pixels, so that chroma planes have 4 x 3 samples. */
typedef struct packed_row {
    int32_t format;
    uint64_t bytes;
    ptrdiff_t offset[3]; /* of the planes; -1: there is none */
    ptrdiff_t stride[3];
} packed_row;

static const packed_row packed_table[] = {
    {DP_FORMAT_RGB24, 105, {0, -1, -1}, {21, 0, 0}},
    {DP_FORMAT_BGR24, 105, {0, -1, -1}, {21, 0, 0}},
    {DP_FORMAT_RGBA, 140, {0, -1, -1}, {28, 0, 0}},
    {DP_FORMAT_BGRA, 140, {0, -1, -1}, {28, 0, 0}},
    {DP_FORMAT_GRAY8, 35, {0, -1, -1}, {7, 0, 0}},
    {DP_FORMAT_NV12, 59, {0, 35, -1}, {7, 8, 0}},
    {DP_FORMAT_I420, 59, {0, 35, 47}, {7, 4, 4}},
};

static dp_frame describe_packed(int32_t format, const uint8_t *pixels, int32_t width,
                                int32_t height) {
    switch ((dp_format)format) {
    case DP_FORMAT_RGB24:
        return dp_frame_rgb24(pixels, width, height);
    case DP_FORMAT_BGR24:
        return dp_frame_bgr24(pixels, width, height);
    case DP_FORMAT_RGBA:
        return dp_frame_rgba(pixels, width, height);
    case DP_FORMAT_BGRA:
        return dp_frame_bgra(pixels, width, height);
    case DP_FORMAT_GRAY8:
        return dp_frame_gray8(pixels, width, height);
    case DP_FORMAT_NV12:
        return dp_frame_nv12(pixels, width, height, DP_COLOR_BT709_FULL);
    default:
        return dp_frame_i420(pixels, width, height, DP_COLOR_BT709_FULL);
    }
}

static void assert_is_packed(const dp_frame *frame, const packed_row *row, const uint8_t *pixels) {
    for (int plane = 0; plane < 3; plane++) {
        const uint8_t *first =
            pixels == NULL || row->offset[plane] < 0 ? NULL : pixels + row->offset[plane];
        ck_assert_ptr_eq(frame->plane[plane], first);
        ck_assert_int_eq(frame->stride[plane], row->stride[plane]);
    }
    ck_assert(frame->width == 7 && frame->height == 5 && frame->format == row->format);
    ck_assert(frame->rotation == 0 && frame->mirrored == 0);
    ck_assert(frame->aspect_width == 0 && frame->aspect_height == 0);
}

START_TEST(packed_frames_are_described) {
    const packed_row *row = &packed_table[_i];
    dp_frame frame = describe_packed(row->format, samples, 7, 5);
    assert_is_packed(&frame, row, samples);
    ck_assert_int_eq(frame.color, row->format >= DP_FORMAT_NV12 ? DP_COLOR_BT709_FULL : 0);
    memset(&frame, 0xee, sizeof frame);
    ck_assert_uint_eq(dp_frame_init_packed(&frame, row->format, samples, 7, 5), row->bytes);
    assert_is_packed(&frame, row, samples);
    ck_assert_int_eq(frame.color, 0);
    ck_assert_uint_eq(dp_frame_init_packed(&frame, row->format, NULL, 7, 5), row->bytes);
    assert_is_packed(&frame, row, NULL);
    ck_assert_uint_eq(dp_frame_init_packed(NULL, row->format, NULL, 7, 5), row->bytes);
}
END_TEST

/* The call that gets the frame says what is wrong, so what was given must be in it. */
START_TEST(wrong_packed_frames_say_so_when_they_are_used) {
    static const int32_t sides[] = {0, -1, INT32_MIN, INT32_MAX, DP_MAX_FRAME_SIDE + 1};
    dp_frame frame;
    for (size_t i = 0; i < COUNT(sides); i++) {
        ck_assert_uint_eq(dp_frame_init_packed(&frame, _i, samples, sides[i], 5), 0);
        ck_assert(frame.width == sides[i] && frame.plane[0] == NULL && frame.stride[0] == 0);
        ck_assert_uint_eq(dp_frame_init_packed(&frame, _i, samples, 7, sides[i]), 0);
        ck_assert(frame.height == sides[i] && frame.plane[0] == NULL);
        ck_assert_uint_eq(dp_frame_init_packed(&frame, 7 + _i, samples, 7, 5), 0);
        ck_assert(frame.format == 7 + _i && frame.plane[0] == NULL);
    }
    uint64_t most = dp_frame_init_packed(NULL, _i, NULL, DP_MAX_FRAME_SIDE, DP_MAX_FRAME_SIDE);
    ck_assert_uint_ge(most, (uint64_t)1 << 32);
}
END_TEST

static Suite *frames_suite(void) {
    Suite *suite = suite_create("api_frames");
    TCase *clips = add_case(suite, "clips", 60, set_up, tear_down);
    tcase_add_test(clips, classifying_needs_its_arguments);
    tcase_add_test(clips, frame_counts_are_checked);
    tcase_add_loop_test(clips, numbers_of_a_clip_are_checked, 0, (int)COUNT(wrong_numbers));
    tcase_add_test(clips, largest_numbers_of_a_clip_do);
    tcase_add_test(clips, given_frames_are_exactly_as_many);

    TCase *frames = add_case(suite, "frames", 60, set_up, tear_down);
    tcase_add_loop_test(frames, wrong_frames_are_named, 0, (int)COUNT(wrong_frames));
    tcase_add_test(frames, frames_beside_the_sample_are_checked);
    tcase_add_loop_test(frames, odd_frames_do, 0, (int)COUNT(odd_frames));
    tcase_add_loop_test(frames, packed_frames_are_described, 0, (int)COUNT(packed_table));
    tcase_add_loop_test(frames, wrong_packed_frames_say_so_when_they_are_used, DP_FORMAT_RGB24,
                        DP_FORMAT_I420 + 1);
    return suite;
}

int main(void) {
    random_seed("test_api_frames");
    return run_suite(frames_suite());
}
