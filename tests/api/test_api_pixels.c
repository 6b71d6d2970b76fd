/*
 * What frames mean, seen from outside: however the same pixels are described, the answer is the
 * same, bit for bit.
 */
#include "small_session.h"

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
    bool limited = format >= DP_FORMAT_NV12 && strstr(dp_color_name(color), "-limited") != NULL;
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
        for (int32_t color = 0; color <= DP_COLOR_BT2020_FULL; color++) {
            bool full = strstr(dp_color_name(color), "-full") != NULL;
            if (all_colors || full) {
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

/* The same images in memory as a camera holds them that lies on one of its sides. */
START_TEST(turned_frames_are_the_same) {
    const int32_t rotation = _i == 0 ? 90 : 270;
    const size_t width = 19, height = 23;
    test_clip clip = make_clip(SMALL_FRAMES, (int32_t)width, (int32_t)height);
    size_t bytes = 3 * width * height;
    uint8_t *lying = must(malloc(SMALL_FRAMES * bytes), "memory");
    dp_frame frames[SMALL_FRAMES];
    dp_clip other = clip.clip;
    for (size_t i = 0; i < SMALL_FRAMES * width * height; i++) {
        size_t frame = i / (width * height), y = i / width % height, x = i % width;
        size_t row = rotation == 90 ? width - 1 - x : x;
        size_t column = rotation == 90 ? y : height - 1 - y;
        memcpy(lying + frame * bytes + 3 * (row * height + column),
               clip.frames[frame].plane[0] + 3 * (y * width + x), 3);
    }
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        frames[i] = dp_frame_rgb24(lying + i * bytes, (int32_t)height, (int32_t)width);
        frames[i].rotation = rotation;
    }
    other.frames = frames;
    check_same(&clip.clip, &other);
    other.crops = clip.clip.crops = 3;
    check_same(&clip.clip, &other);
    free(lying);
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

static Suite *pixels_suite(void) {
    Suite *suite = suite_create("api_pixels");
    TCase *pixels = add_case(suite, "pixels", 120, set_up, tear_down);
    tcase_add_test(pixels, formats_agree_about_gray);
    tcase_add_test(pixels, packed_formats_agree_about_colours);
    tcase_add_test(pixels, flipped_frames_are_the_same);
    tcase_add_loop_test(pixels, turned_frames_are_the_same, 0, 2);
    tcase_add_test(pixels, sizes_may_differ_from_frame_to_frame);
    tcase_add_test(pixels, one_frame_may_be_all_of_them);
    return suite;
}

int main(void) {
    random_seed("test_api_pixels");
    return run_suite(pixels_suite());
}
