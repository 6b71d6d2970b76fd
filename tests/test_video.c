/*
 * lib/video: sampling against tables made by hand, frames and framesets against a reference in
 * double precision that converts whole frames and knows no shortcuts. Every plane is a heap block
 * of exactly the described bytes, or lies between pages that must not be touched.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "video/video.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- random numbers ---- */

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((random_state >> 33) % bound);
}

static size_t random_size(uint32_t first, uint32_t last) {
    return first + random_below(last - first + 1);
}

static void *must(void *block) {
    ck_assert_ptr_nonnull(block);
    return block;
}

static float *new_floats(size_t count) {
    return must(malloc(count * sizeof(float)));
}

/* ---- pictures: a frame and the memory it describes ---- */

static const char *const format_names[] = {"rgb24", "bgr24", "rgba", "bgra",
                                           "gray8", "nv12",  "i420"};

typedef struct plane_shape {
    size_t row_bytes, rows;
} plane_shape;

/* The bytes that dualpath.h describes for a plane; none for an unused one. */
static plane_shape shape_of_plane(int format, size_t width, size_t height, int plane) {
    static const size_t pixel_bytes[] = {3, 3, 4, 4, 1, 1, 1};
    static const size_t chroma_bytes[][2] = {[DP_FORMAT_NV12] = {2, 0}, [DP_FORMAT_I420] = {1, 1}};
    if (plane == 0) {
        return (plane_shape){width * pixel_bytes[format], height};
    }
    if (format < DP_FORMAT_NV12 || chroma_bytes[format][plane - 1] == 0) {
        return (plane_shape){0, 0};
    }
    return (plane_shape){(width + 1) / 2 * chroma_bytes[format][plane - 1], (height + 1) / 2};
}

typedef struct picture {
    dp_frame frame;
    void *blocks[3];
} picture;

/* Random bytes in blocks of exact size, with `padding` bytes between rows. `flip` lays the rows out
 * bottom up, which makes strides negative. */
static picture make_picture(int format, int color, int width, int height, size_t padding,
                            int flip) {
    picture made = {.frame = {.width = width, .height = height, .format = format, .color = color}};
    for (int plane = 0; plane < 3; plane++) {
        plane_shape shape = shape_of_plane(format, (size_t)width, (size_t)height, plane);
        if (shape.rows == 0) {
            continue;
        }
        size_t stride = shape.row_bytes + padding;
        size_t bytes = (shape.rows - 1) * stride + shape.row_bytes;
        uint8_t *block = must(malloc(bytes));
        for (size_t i = 0; i < bytes; i++) {
            block[i] = (uint8_t)random_below(256);
        }
        made.blocks[plane] = block;
        made.frame.plane[plane] = flip ? block + (shape.rows - 1) * stride : block;
        made.frame.stride[plane] = flip ? -(ptrdiff_t)stride : (ptrdiff_t)stride;
    }
    return made;
}

static void free_picture(picture *made) {
    for (int plane = 0; plane < 3; plane++) {
        free(made->blocks[plane]);
    }
}

/* ---- the reference ---- */

static double sample_at(const dp_frame *frame, int plane, int y, int byte) {
    return frame->plane[plane][y * frame->stride[plane] + byte];
}

static double clamp(double value) {
    return fmin(fmax(value, 0), 255);
}

/* The definition of Y'CbCr: luma is kr R + kg G + kb B, Cb and Cr are scaled B - luma, R - luma. */
static void reference_yuv(int color, double luma, double cb, double cr, double *rgb) {
    int wide = color == DP_COLOR_BT709_LIMITED || color == DP_COLOR_BT709_FULL;
    int full = color == DP_COLOR_BT601_FULL || color == DP_COLOR_BT709_FULL;
    double kr = wide ? 0.2126 : 0.299, kb = wide ? 0.0722 : 0.114, kg = 1 - kr - kb;
    double y = full ? luma : (luma - 16) / 219 * 255;
    double chroma_span = full ? 255 : 224;
    double red = y + (cr - 128) / chroma_span * 255 * 2 * (1 - kr);
    double blue = y + (cb - 128) / chroma_span * 255 * 2 * (1 - kb);
    rgb[0] = clamp(red);
    rgb[1] = clamp((y - kr * red - kb * blue) / kg);
    rgb[2] = clamp(blue);
}

static void reference_pixel(const dp_frame *f, int y, int x, double *rgb) {
    static const int step[] = {3, 3, 4, 4}, red[] = {0, 2, 0, 2};
    switch (f->format) {
    case DP_FORMAT_GRAY8:
        rgb[0] = rgb[1] = rgb[2] = sample_at(f, 0, y, x);
        return;
    case DP_FORMAT_NV12:
        reference_yuv(f->color, sample_at(f, 0, y, x), sample_at(f, 1, y / 2, x / 2 * 2),
                      sample_at(f, 1, y / 2, x / 2 * 2 + 1), rgb);
        return;
    case DP_FORMAT_I420:
        reference_yuv(f->color, sample_at(f, 0, y, x), sample_at(f, 1, y / 2, x / 2),
                      sample_at(f, 2, y / 2, x / 2), rgb);
        return;
    default:
        for (int c = 0; c < 3; c++) {
            int place = abs(red[f->format] - c);
            rgb[c] = sample_at(f, 0, y, x * step[f->format] + place);
        }
    }
}

/* Source coordinate of a pixel of the resized, cropped axis: the formulas as Python writes them.
 * rint() rounds halves to even, as round() does there. */
static double reference_coordinate(int source, int short_side, const dp_frame_target *t, size_t i) {
    double size = (double)t->size, resized = floor(size * source / short_side);
    double share = t->crops == 1 ? 0.5 : (double)t->crop / (double)(t->crops - 1);
    double offset = rint((resized - size) * share);
    return fmax((offset + (double)i + 0.5) * source / resized - 0.5, 0);
}

static double mix(double a, double b, double weight) {
    return a * (1 - weight) + b * weight;
}

/* Pixel (y, x) of the target, all three channels. */
static void reference_target(const dp_frame *frame, const dp_frame_target *target, size_t y,
                             size_t x, double *out) {
    int short_side = frame->width < frame->height ? frame->width : frame->height;
    double sy = reference_coordinate(frame->height, short_side, target, y);
    double sx = reference_coordinate(frame->width, short_side, target, x);
    int top = (int)sy, left = (int)sx;
    int bottom = top + 1 < frame->height ? top + 1 : top;
    int right = left + 1 < frame->width ? left + 1 : left;
    double corner[4][3];
    reference_pixel(frame, top, left, corner[0]);
    reference_pixel(frame, top, right, corner[1]);
    reference_pixel(frame, bottom, left, corner[2]);
    reference_pixel(frame, bottom, right, corner[3]);
    for (int c = 0; c < 3; c++) {
        double upper = mix(corner[0][c], corner[1][c], sx - left);
        double lower = mix(corner[2][c], corner[3][c], sx - left);
        double value = mix(upper, lower, sy - top);
        out[c] = value * (double)target->scale[c] + (double)target->offset[c];
    }
}

/* ---- loading with every buffer a heap block of exact size ---- */

/* Values of 0 .. 255 as they are, the centre crop. */
/* The kernels under test: main() runs the suite with each table of this machine. */
static const dp_kernels *kernels;

static dp_frame_target plain_target(size_t size) {
    return (dp_frame_target){
        .size = size, .crop = 0, .crops = 1, .scale = {1, 1, 1}, .kernels = kernels};
}

/* A different affine map for each channel, so that a mix-up shows. */
static dp_frame_target normalised_target(size_t size, size_t crop, size_t crops) {
    return (dp_frame_target){.size = size,
                             .kernels = kernels,
                             .crop = crop,
                             .crops = crops,
                             .scale = {1 / 58.395F, 1 / 57.12F, 1 / 57.375F},
                             .offset = {-2.117904F, -2.035714F, -1.804444F}};
}

/* The whole target [3][R][R], in as many calls as there are pieces. */
static float *load_frame(const dp_frame *frame, const dp_frame_target *target, size_t pieces) {
    size_t size = target->size;
    float *out = new_floats(3 * size * size);
    for (size_t piece = 0; piece < pieces; piece++) {
        size_t first = piece * size / pieces, end = (piece + 1) * size / pieces;
        float *scratch = new_floats(dp_frame_scratch(size));
        dp_load_rows(frame, target, first, end - first, out + first * size, size * size, scratch);
        free(scratch);
    }
    return out;
}

/* Largest distance to the reference, in the target's units; infinite if a value is not a number. */
static double distance_to_reference(const dp_frame *frame, const dp_frame_target *target) {
    size_t size = target->size;
    float *out = load_frame(frame, target, 1);
    double distance = 0;
    for (size_t i = 0; i < size * size; i++) {
        double expected[3];
        reference_target(frame, target, i / size, i % size, expected);
        for (size_t c = 0; c < 3; c++) {
            double difference = fabs((double)out[c * size * size + i] - expected[c]);
            distance = difference <= distance ? distance : difference;
            if (!isfinite(difference)) {
                free(out);
                return INFINITY;
            }
        }
    }
    free(out);
    return distance;
}

/* A few roundings of floats as large as 255. */
#define TOLERANCE 1e-4

static void assert_like_reference(const picture *made, const dp_frame_target *target) {
    double distance = distance_to_reference(&made->frame, target);
    double bound = TOLERANCE * (double)target->scale[0] + 1e-6;
    ck_assert_msg(distance <= bound, "%dx%d %s color %d to %zu, crop %zu of %zu: off by %g",
                  made->frame.width, made->frame.height, format_names[made->frame.format],
                  made->frame.color, target->size, target->crop, target->crops, distance);
}

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
    dp_sampler sampler = {row->n, row->t, row->r, row->views, row->sampling};
    for (size_t i = 0; i < row->t; i++) {
        ck_assert_uint_eq(dp_sample_frame(&sampler, row->view, i), row->expected[i]);
    }
}
END_TEST

/* Within the clip and in order, later views not before earlier ones; one centre view leaves as many
 * frames out before it as after it, give or take one. */
START_TEST(sampling_is_ordered_and_in_range) {
    random_state = 7;
    for (int round = 0; round < 2000; round++) {
        dp_sampler s = {random_size(1, 400), random_size(1, 40), random_size(1, 9),
                        random_size(1, 6), (int32_t)random_below(3)};
        size_t previous_first = 0;
        for (size_t view = 0; view < s.views; view++) {
            size_t previous = dp_sample_frame(&s, view, 0);
            ck_assert_uint_ge(previous, previous_first);
            previous_first = previous;
            for (size_t i = 0; i < s.view_frames; i++) {
                size_t index = dp_sample_frame(&s, view, i);
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
    dp_sampler uniform = {SIZE_MAX, 4, 1, 1, DP_SAMPLING_UNIFORM};
    for (size_t i = 0; i < 4; i++) { /* (2i + 1) * (2^64 - 1) / 8 */
        ck_assert_uint_eq(dp_sample_frame(&uniform, 0, i), (2 * i + 1) * ((size_t)1 << 61) - 1);
    }
    dp_sampler center = {SIZE_MAX, 16, 1, 256, DP_SAMPLING_CENTER};
    /* 511 * (2^64 - 17) / 512 = 2^64 - 17 - (2^64 - 17) / 512, rounded down */
    ck_assert_uint_eq(dp_sample_frame(&center, 255, 0), SIZE_MAX - 16 - ((size_t)1 << 55));
    ck_assert_uint_eq(dp_sample_frame(&center, 255, 3), SIZE_MAX - 13 - ((size_t)1 << 55));
#endif
}
END_TEST

/* ---- resize, crop, formats ---- */

static const int shapes[][2] = {
    {1, 1},   {1, 2},   {2, 1},   {1, 9},   {9, 1},   {2, 2},   {3, 3},     {5, 4},
    {4, 5},   {16, 16}, {17, 16}, {16, 17}, {31, 16}, {48, 16}, {33, 57},   {64, 48},
    {15, 15}, {100, 7}, {7, 100}, {8, 8},   {32, 32}, {65, 33}, {320, 240},
};

START_TEST(frames_match_the_reference) {
    random_state = (uint64_t)_i + 1;
    static const size_t sizes[] = {1, 2, 3, 16, 30};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (int format = DP_FORMAT_RGB24; format <= DP_FORMAT_I420; format++) {
            int color = (int)random_below(4), flip = (int)random_below(2);
            picture made = make_picture(format, color, shapes[_i][0], shapes[_i][1],
                                        random_below(2) ? random_below(9) : 0, flip);
            dp_frame_target target = plain_target(sizes[s]);
            assert_like_reference(&made, &target);
            target = normalised_target(sizes[s], 0, 1);
            assert_like_reference(&made, &target);
            free_picture(&made);
        }
    }
}
END_TEST

START_TEST(random_frames_match_the_reference) {
    const char *seed = getenv("DUALPATH_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("random_frames_match_the_reference: DUALPATH_SEED=%llu\n",
           (unsigned long long)random_state);
    for (int round = 0; round < 300; round++) {
        int format = (int)random_below(7), color = (int)random_below(4);
        size_t crops = random_size(1, 4), crop = random_below((uint32_t)crops);
        picture made = make_picture(format, color, (int)random_size(1, 90), (int)random_size(1, 90),
                                    random_below(5), (int)random_below(2));
        dp_frame_target target = normalised_target(random_size(1, 40), crop, crops);
        assert_like_reference(&made, &target);
        free_picture(&made);
    }
}
END_TEST

/* A resize to the same size changes nothing, not even the last bit. */
START_TEST(equal_size_is_the_identity) {
    picture made = make_picture(DP_FORMAT_RGB24, 0, 24, 24, 5, 0);
    dp_frame_target target = plain_target(24);
    float *out = load_frame(&made.frame, &target, 1);
    for (int i = 0; i < 24 * 24; i++) {
        for (int c = 0; c < 3; c++) {
            double sample = sample_at(&made.frame, 0, i / 24, i % 24 * 3 + c);
            ck_assert((double)out[c * 24 * 24 + i] == sample);
        }
    }
    free(out);
    free_picture(&made);
}
END_TEST

/* Two pixels, 0 and 100, made eight: half-pixel centres put them at 0.25 and 0.75 of the way. */
START_TEST(upscaling_known_values) {
    static const uint8_t pixels[] = {0, 100, 0, 100};
    static const float expected[] = {0, 0, 12.5F, 37.5F, 62.5F, 87.5F, 100, 100};
    dp_frame frame = {
        .plane = {pixels}, .stride = {2}, .width = 2, .height = 2, .format = DP_FORMAT_GRAY8};
    dp_frame_target target = plain_target(8);
    float *out = load_frame(&frame, &target, 1);
    for (int i = 0; i < 3 * 8 * 8; i++) {
        ck_assert_msg(out[i] == expected[i % 8], "value %d is %g", i, (double)out[i]);
    }
    free(out);
}
END_TEST

typedef struct crop_row {
    int width, height;
    size_t crop, crops;
    int first; /* column (or row) of the frame that the target begins with; R is 4 */
} crop_row;

static const crop_row crop_table[] = {
    {4, 4, 0, 1, 0},  {5, 4, 0, 1, 0},                    /* round(0.5) = 0 */
    {6, 4, 0, 1, 1},  {7, 4, 0, 1, 2},                    /* round(1.5) = 2 */
    {9, 4, 0, 1, 2},                                      /* round(2.5) = 2 */
    {4, 7, 0, 1, 2},  {4, 9, 0, 1, 2},  {11, 4, 0, 1, 4}, /* round(3.5) = 4 */
    {9, 4, 0, 2, 0},  {9, 4, 1, 2, 5},                    /* the two ends */
    {9, 4, 0, 3, 0},  {9, 4, 1, 3, 2},                    /* round(2.5) = 2 */
    {9, 4, 2, 3, 5},  {4, 7, 1, 3, 2},                    /* round(1.5) = 2 */
    {11, 4, 1, 4, 2}, {11, 4, 2, 4, 5},                   /* round(7/3), round(14/3) */
    {4, 4, 2, 3, 0},  {14, 4, 1, 5, 2},                   /* round(2.5) = 2 */
    {14, 4, 3, 5, 8},                                     /* round(7.5) = 8 */
};

START_TEST(crops_begin_where_they_should) {
    const crop_row *row = &crop_table[_i];
    uint8_t pixels[4 * 16];
    for (int i = 0; i < row->width * row->height; i++) {
        pixels[i] = (uint8_t)(row->width > row->height ? i % row->width : i / row->width);
    }
    dp_frame frame = {.plane = {pixels},
                      .stride = {row->width},
                      .width = row->width,
                      .height = row->height,
                      .format = DP_FORMAT_GRAY8};
    dp_frame_target target = plain_target(4);
    target.crop = row->crop;
    target.crops = row->crops;
    float *out = load_frame(&frame, &target, 1);
    ck_assert_int_eq((int)out[0], row->first);
    ck_assert_int_eq((int)out[15], row->first + 3);
    free(out);
}
END_TEST

/* As wide and as tall as a frame may be: coordinates beyond the precision of a float. */
START_TEST(extreme_sides_are_exact) {
    static const int sides[][2] = {{DP_MAX_FRAME_SIDE, 1},
                                   {1, DP_MAX_FRAME_SIDE},
                                   {DP_MAX_FRAME_SIDE, 2},
                                   {DP_MAX_FRAME_SIDE - 1, 33},
                                   {37, DP_MAX_FRAME_SIDE}};
    for (size_t i = 0; i < COUNT(sides); i++) {
        for (size_t crop = 0; crop < 3; crop++) {
            random_state = i + 1;
            picture made =
                make_picture(DP_FORMAT_I420, DP_COLOR_BT601_FULL, sides[i][0], sides[i][1], 0, 0);
            dp_frame_target target = normalised_target(30, crop, 3);
            assert_like_reference(&made, &target);
            free_picture(&made);
        }
    }
}
END_TEST

/* Rows do not depend on which rows were asked for together. */
START_TEST(pieces_give_the_same_bits) {
    random_state = 11;
    for (int format = DP_FORMAT_RGB24; format <= DP_FORMAT_I420; format++) {
        picture made = make_picture(format, 0, 41, 29, 3, 1);
        dp_frame_target target = normalised_target(32, 1, 3);
        float *whole = load_frame(&made.frame, &target, 1);
        for (size_t pieces = 2; pieces <= 32; pieces += 3) {
            float *parts = load_frame(&made.frame, &target, pieces);
            ck_assert_mem_eq(whole, parts, 3 * 32 * 32 * sizeof(float));
            free(parts);
        }
        free(whole);
        free_picture(&made);
    }
}
END_TEST

/* Each used plane with its rows in pages of their own, one page in two not to be touched: at the
 * end of the page an overrun is caught, at its beginning an underrun. */
typedef struct guarded_plane {
    uint8_t *pages;
    size_t bytes;
} guarded_plane;

static guarded_plane guard_plane(dp_frame *frame, int plane, int at_end) {
    plane_shape shape =
        shape_of_plane(frame->format, (size_t)frame->width, (size_t)frame->height, plane);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guarded_plane made = {NULL, (2 * shape.rows + 1) * page};
    if (shape.rows == 0) {
        return made;
    }
    made.pages = mmap(NULL, made.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(made.pages != MAP_FAILED);
    for (size_t y = 0; y < shape.rows; y++) {
        uint8_t *row = made.pages + (2 * y + 1) * page;
        ck_assert_int_eq(mprotect(row, page, PROT_READ | PROT_WRITE), 0);
        memset(row, (int)random_below(256), page);
    }
    frame->plane[plane] = made.pages + page + (at_end ? page - shape.row_bytes : 0);
    frame->stride[plane] = (ptrdiff_t)(2 * page);
    return made;
}

START_TEST(nothing_outside_the_rows_is_touched) {
    static const int sizes[][2] = {{1, 1}, {7, 5}, {8, 6}, {13, 40}, {64, 9}};
    for (int round = 0; round < 2 * (int)COUNT(sizes); round++) {
        dp_frame frame = {
            .width = sizes[round / 2][0], .height = sizes[round / 2][1], .format = _i};
        guarded_plane planes[3];
        for (int plane = 0; plane < 3; plane++) {
            planes[plane] = guard_plane(&frame, plane, round % 2);
        }
        for (size_t crop = 0; crop < 2; crop++) {
            dp_frame_target target = normalised_target(16, crop, 2);
            free(load_frame(&frame, &target, 1));
        }
        for (int plane = 0; plane < 3; plane++) {
            if (planes[plane].pages != NULL) {
                munmap(planes[plane].pages, planes[plane].bytes);
            }
        }
    }
}
END_TEST

/* ---- colours ---- */

typedef struct color_row {
    int color;
    uint8_t y, cb, cr;
    float rgb[3];
} color_row;

/* With the rounded factors that BT.601 and BT.709 are usually quoted with. */
static const color_row color_table[] = {
    {DP_COLOR_BT601_LIMITED, 16, 128, 128, {0, 0, 0}},
    {DP_COLOR_BT601_LIMITED, 235, 128, 128, {255, 255, 255}},
    {DP_COLOR_BT601_LIMITED, 0, 128, 128, {0, 0, 0}},         /* blacker than black */
    {DP_COLOR_BT601_LIMITED, 255, 128, 128, {255, 255, 255}}, /* whiter than white */
    {DP_COLOR_BT601_LIMITED, 126, 128, 128, {128.082F, 128.082F, 128.082F}},
    {DP_COLOR_BT601_LIMITED, 81, 90, 240, {254.440F, 0, 0}},       /* red */
    {DP_COLOR_BT601_LIMITED, 145, 54, 34, {0.179F, 255, 0.9304F}}, /* green */
    {DP_COLOR_BT601_LIMITED, 41, 240, 110, {0.381F, 0, 255}},      /* blue */
    {DP_COLOR_BT601_FULL, 0, 128, 128, {0, 0, 0}},
    {DP_COLOR_BT601_FULL, 255, 128, 128, {255, 255, 255}},
    {DP_COLOR_BT601_FULL, 16, 128, 128, {16, 16, 16}},
    {DP_COLOR_BT601_FULL, 76, 85, 255, {254.054F, 0.103F, 0}},
    {DP_COLOR_BT709_LIMITED, 16, 128, 128, {0, 0, 0}},
    {DP_COLOR_BT709_LIMITED, 235, 128, 128, {255, 255, 255}},
    {DP_COLOR_BT709_LIMITED, 63, 102, 240, {255, 0.585F, 0}},
    {DP_COLOR_BT709_FULL, 255, 128, 128, {255, 255, 255}},
    {DP_COLOR_BT709_FULL, 54, 99, 255, {253.9996F, 0, 0.1876F}},
};

START_TEST(colors_have_known_values) {
    const color_row *row = &color_table[_i];
    for (int format = DP_FORMAT_NV12; format <= DP_FORMAT_I420; format++) {
        uint8_t y = row->y, chroma[2] = {row->cb, row->cr};
        dp_frame frame = {.plane = {&y, chroma, chroma + 1},
                          .stride = {1, 2, 1},
                          .width = 1,
                          .height = 1,
                          .format = format,
                          .color = row->color};
        dp_frame_target target = plain_target(1);
        float *rgb = load_frame(&frame, &target, 1);
        for (int c = 0; c < 3; c++) {
            ck_assert_float_eq_tol(rgb[c], row->rgb[c], 2e-3F);
        }
        free(rgb);
    }
}
END_TEST

/* The same colours in each packed format. */
START_TEST(packed_formats_name_their_bytes) {
    static const uint8_t bytes[][4] = {[DP_FORMAT_RGB24] = {10, 20, 30},
                                       [DP_FORMAT_BGR24] = {30, 20, 10},
                                       [DP_FORMAT_RGBA] = {10, 20, 30, 99},
                                       [DP_FORMAT_BGRA] = {30, 20, 10, 99}};
    for (int format = DP_FORMAT_RGB24; format <= DP_FORMAT_BGRA; format++) {
        dp_frame frame = {
            .plane = {bytes[format]}, .stride = {4}, .width = 1, .height = 1, .format = format};
        dp_frame_target target = plain_target(1);
        float *rgb = load_frame(&frame, &target, 1);
        ck_assert(rgb[0] == 10 && rgb[1] == 20 && rgb[2] == 30);
        free(rgb);
    }
}
END_TEST

/* ---- framesets ---- */

/* Bilinear, half-pixel, from size to size / g, at (y, x) of the shrunk frame. */
static double reference_shrunk(const float *frame, size_t size, size_t g, size_t y, size_t x) {
    double half = (double)g / 2 - 0.5;
    double sy = (double)(y * g) + half, sx = (double)(x * g) + half;
    size_t top = (size_t)sy, left = (size_t)sx;
    size_t bottom = top + 1 < size ? top + 1 : top, right = left + 1 < size ? left + 1 : left;
    double wy = sy - (double)top, wx = sx - (double)left;
    double upper = mix((double)frame[top * size + left], (double)frame[top * size + right], wx);
    double lower =
        mix((double)frame[bottom * size + left], (double)frame[bottom * size + right], wx);
    return mix(upper, lower, wy);
}

static float *random_image(size_t size) {
    float *image = new_floats(3 * size * size);
    for (size_t i = 0; i < 3 * size * size; i++) {
        image[i] = (float)random_below(4096) / 1024 - 2;
    }
    return image;
}

/* Every tile of a frameset, each frame a different one; nothing but its tile is written. */
START_TEST(tiles_are_shrunk_frames) {
    random_state = (uint64_t)_i;
    size_t g = (size_t)_i, side = random_size(1, 5), size = side * g, area = size * size;
    float *frameset = new_floats(3 * area), *expected = new_floats(3 * area);
    for (size_t i = 0; i < 3 * area; i++) {
        expected[i] = frameset[i] = 1e6F;
    }
    for (size_t tile = 0; tile < g * g; tile++) {
        float *frame = random_image(size);
        dp_tile_frame(frame, size, g, tile, frameset);
        for (size_t i = 0; i < 3 * side * side; i++) {
            size_t c = i / (side * side), y = i / side % side, x = i % side;
            size_t place = (tile / g * side + y) * size + tile % g * side + x;
            expected[c * area + place] = (float)reference_shrunk(frame + c * area, size, g, y, x);
        }
        free(frame);
        for (size_t i = 0; i < 3 * area; i++) {
            ck_assert_float_eq_tol(frameset[i], expected[i], 1e-6F);
        }
    }
    free(frameset);
    free(expected);
}
END_TEST

START_TEST(grid_of_one_is_the_identity) {
    float *frame = random_image(7), *frameset = new_floats(3 * 7 * 7);
    dp_tile_frame(frame, 7, 1, 0, frameset);
    ck_assert_mem_eq(frame, frameset, 3 * 7 * 7 * sizeof(float));
    free(frame);
    free(frameset);
}
END_TEST

/* dp_load_tile() is dp_load_rows() and dp_tile_frame(), bit for bit, and leaves the rest alone. */
START_TEST(loaded_tiles_are_loaded_frames) {
    random_state = (uint64_t)_i;
    size_t g = (size_t)_i;
    for (int round = 0; round < 40; round++) {
        picture made =
            make_picture((int)random_below(7), (int)random_below(4), (int)random_size(1, 80),
                         (int)random_size(1, 80), random_below(4), (int)random_below(2));
        size_t size = g * random_size(1, 6), bytes = 3 * size * size * sizeof(float);
        size_t tile = random_below((uint32_t)(g * g));
        dp_frame_target target = normalised_target(size, random_below(2), 2);
        float *frame = load_frame(&made.frame, &target, 1);
        float *expected = random_image(size), *frameset = must(malloc(bytes));
        memcpy(frameset, expected, bytes);
        dp_tile_frame(frame, size, g, tile, expected);
        float *scratch = new_floats(dp_tile_scratch(size));
        dp_load_tile(&made.frame, &target, g, tile, frameset, scratch);
        ck_assert_mem_eq(frameset, expected, bytes);
        free(scratch);
        free(frame);
        free(expected);
        free(frameset);
        free_picture(&made);
    }
}
END_TEST

static Suite *video_suite(void) {
    Suite *suite = suite_create("video");
    TCase *sampling = tcase_create("sampling");
    tcase_add_loop_test(sampling, sampling_follows_the_table, 0, (int)COUNT(sampling_table));
    tcase_add_test(sampling, sampling_is_ordered_and_in_range);
    tcase_add_test(sampling, sampling_does_not_overflow);
    suite_add_tcase(suite, sampling);

    TCase *frames = tcase_create("frames");
    tcase_set_timeout(frames, 60);
    tcase_add_loop_test(frames, frames_match_the_reference, 0, (int)COUNT(shapes));
    tcase_add_test(frames, random_frames_match_the_reference);
    tcase_add_test(frames, equal_size_is_the_identity);
    tcase_add_test(frames, upscaling_known_values);
    tcase_add_loop_test(frames, crops_begin_where_they_should, 0, (int)COUNT(crop_table));
    tcase_add_test(frames, extreme_sides_are_exact);
    tcase_add_test(frames, pieces_give_the_same_bits);
    tcase_add_loop_test(frames, nothing_outside_the_rows_is_touched, DP_FORMAT_RGB24,
                        DP_FORMAT_I420 + 1);
    suite_add_tcase(suite, frames);

    TCase *colors = tcase_create("colors");
    tcase_add_loop_test(colors, colors_have_known_values, 0, (int)COUNT(color_table));
    tcase_add_test(colors, packed_formats_name_their_bytes);
    suite_add_tcase(suite, colors);

    TCase *framesets = tcase_create("framesets");
    tcase_add_loop_test(framesets, tiles_are_shrunk_frames, 1, 9);
    tcase_add_test(framesets, grid_of_one_is_the_identity);
    tcase_add_loop_test(framesets, loaded_tiles_are_loaded_frames, 1, 9);
    suite_add_tcase(suite, framesets);
    return suite;
}

/* The suite with each table of kernels that this machine has. */
int main(void) {
    static const uint32_t masks[] = {0, DP_CPU_AVX2 | DP_CPU_NEON, DP_CPU_ALL};
    int failed = 0;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        const dp_kernels *before = kernels;
        kernels = dp_kernels_choose(masks[i]);
        if (kernels == before) {
            continue;
        }
        printf("kernels: %s\n", kernels->name);
        (void)fflush(stdout);
        SRunner *runner = srunner_create(video_suite());
        srunner_run_all(runner, CK_ENV);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    return failed == 0 ? 0 : 1;
}
