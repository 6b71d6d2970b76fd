/*
 * lib/video, resizes with any number of taps: values that PyTorch computed, and what must not
 * change a bit: the order in which rows are read, and mirrored storage. Python tests compare
 * pictures of all sizes with PyTorch (test_resize.py).
 */
#include "pictures.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- known values ---- */

/* torch.nn.functional.interpolate() of 8 x 8 pixels, whose rows are all this, in f64. */
static const uint8_t eight[8] = {10, 50, 20, 200, 90, 0, 255, 30};

typedef struct known_row {
    size_t size;
    dpi_filter filter;
    bool antialias;
    double expected[12];
} known_row;

static const known_row known_table[] = {
    {4, DPI_FILTER_BILINEAR, false, {30, 110, 45, 142.5}},
    {4, DPI_FILTER_BILINEAR, true, {28.571429, 100, 90.625, 122.142857}},
    {4, DPI_FILTER_BICUBIC, false, {32.8125, 117.5, 10.78125, 166.40625}},
    {4, DPI_FILTER_BICUBIC, true, {21.631799, 106.660232, 87.200772, 126.464435}},
    {3, DPI_FILTER_BILINEAR, true, {43.157895, 100.357143, 116.447368}},
    {3, DPI_FILTER_BICUBIC, false, {46.863426, 170.3125, 244.84375}},
    {3, DPI_FILTER_BICUBIC, true, {38.484692, 104.838544, 111.868806}},
    {8, DPI_FILTER_BICUBIC, false, {10, 50, 20, 200, 90, 0, 255, 30}},
    {8, DPI_FILTER_BICUBIC, true, {10, 50, 20, 200, 90, 0, 255, 30}},
    {12,
     DPI_FILTER_BILINEAR,
     true,
     {10, 30, 45, 25, 110, 181.666667, 108.333333, 45, 42.5, 212.5, 142.5, 30}},
    {12,
     DPI_FILTER_BICUBIC,
     false,
     {6.527778, 32.8125, 46.041667, 9.375, 117.5, 201.400463, 116.724537, 10.78125, 32.690972,
      236.371528, 166.40625, 10.46875}},
    {12,
     DPI_FILTER_BICUBIC,
     true,
     {7.368421, 30.588235, 46.62037, 13.657407, 115, 198.217593, 110.532407, 22.1875, 28.090278,
      236.284722, 150.882353, 15.197368}},
};

static void check_known(const known_row *row, bool mirrored) {
    uint8_t pixels[64];
    for (size_t i = 0; i < 64; i++) {
        pixels[i] = eight[mirrored ? 7 - i % 8 : i % 8];
    }
    dp_frame frame = {.plane = {pixels},
                      .stride = {8},
                      .width = 8,
                      .height = 8,
                      .format = DP_FORMAT_GRAY8,
                      .mirrored = mirrored};
    dpi_frame_target target = plain_target(row->size);
    target.filter = row->filter;
    target.antialias = row->antialias;
    float *out = load_frame(&frame, &target, 1);
    for (size_t i = 0; i < 3 * row->size * row->size; i++) {
        double expected = row->expected[i % row->size];
        ck_assert_msg(fabs((double)out[i] - expected) < 1e-4, "value %zu is %g, not %g", i,
                      (double)out[i], expected);
    }
    free(out);
}

START_TEST(pytorch_has_these_values) {
    check_known(&known_table[_i], false);
    check_known(&known_table[_i], true);
}
END_TEST

/* What is left over, 9, 7 or 5 pixels, is halved to 4.5, 3.5 and 2.5, and divided by two or three
 * gaps between crops. */
typedef struct crop_row {
    int32_t longer;
    size_t crop, crops;
    bool down;
    size_t first; /* column of the resized picture */
} crop_row;

static const crop_row crop_table[] = {
    {25, 0, 1, false, 4}, {25, 0, 1, true, 4}, {23, 0, 1, false, 4}, {23, 0, 1, true, 3},
    {21, 0, 1, false, 2}, {21, 0, 1, true, 2}, {25, 1, 3, false, 4}, {23, 1, 3, false, 4},
    {23, 0, 3, true, 0},  {23, 1, 3, true, 3}, {23, 2, 3, true, 7},  {23, 1, 4, true, 2},
    {23, 2, 4, false, 5}, {23, 2, 4, true, 4}, {23, 3, 4, true, 7},
};

/* Nothing is resized: the columns are numbers. */
#define CROP_SIDE ((size_t)16)

START_TEST(crops_begin_where_the_rule_says) {
    const crop_row *row = &crop_table[_i];
    uint8_t *pixels = must(malloc((size_t)row->longer * CROP_SIDE));
    for (size_t i = 0; i < (size_t)row->longer * CROP_SIDE; i++) {
        pixels[i] = (uint8_t)(i % (size_t)row->longer);
    }
    dp_frame frame = {.plane = {pixels},
                      .stride = {row->longer},
                      .width = row->longer,
                      .height = (int32_t)CROP_SIDE,
                      .format = DP_FORMAT_GRAY8};
    dpi_frame_target target = plain_target(CROP_SIDE);
    target.crop = row->crop;
    target.crops = row->crops;
    target.crops_round_down = row->down;
    float *out = load_frame(&frame, &target, 1);
    ck_assert(out[0] == (float)row->first);
    free(out);
    free(pixels);
}
END_TEST

/* The long side of 3 x 5 pixels, 3 becoming 4, is 6.67. */
START_TEST(long_sides_are_rounded_down_or_to_nearest) {
    static const struct {
        int32_t width, height;
        size_t size;
        uint64_t down, nearest;
    } sides[] = {{5, 3, 4, 6, 7},           {3, 5, 4, 6, 7},
                 {340, 256, 224, 297, 298}, {5, 2, 3, 7, 8},
                 {4, 3, 4, 5, 5},           {65536, 1, 4096, (uint64_t)1 << 28, (uint64_t)1 << 28}};
    static const uint8_t byte = 1;
    for (size_t i = 0; i < COUNT(sides); i++) {
        dp_frame frame = {.plane = {&byte, NULL, NULL},
                          .width = sides[i].width,
                          .height = sides[i].height,
                          .format = DP_FORMAT_GRAY8};
        for (int nearest = 0; nearest < 2; nearest++) {
            dpi_frame_target target = plain_target(sides[i].size);
            target.rounds_to_nearest = nearest != 0;
            dpi_frame_reader reader;
            float *scratch = new_floats(dpi_frame_scratch(&target));
            dpi_frame_reader_init(&reader, &frame, &target, scratch);
            bool wide = sides[i].width > sides[i].height;
            ck_assert_uint_eq((wide ? &reader.horizontal : &reader.vertical)->resized,
                              nearest ? sides[i].nearest : sides[i].down);
            ck_assert_uint_eq((wide ? &reader.vertical : &reader.horizontal)->resized,
                              sides[i].size);
            free(scratch);
        }
    }
}
END_TEST

/* ---- bits that do not change ---- */

static dpi_frame_target random_target(void) {
    dpi_frame_target target = normalised_target(random_size(1, 24), random_below(3), 3);
    target.filter = random_below(2) ? DPI_FILTER_BICUBIC : DPI_FILTER_BILINEAR;
    target.antialias = random_below(2);
    target.rounds_to_nearest = random_below(2);
    target.crops_round_down = random_below(2);
    return target;
}

static picture random_picture(void) {
    picture made =
        make_picture((int)random_below(7), (int)random_below(COLORS), (int)random_size(1, 200),
                     (int)random_size(1, 200), random_below(4), (int)random_below(2));
    made.frame.rotation = 90 * (int)random_below(4);
    made.frame.mirrored = (int)random_below(2);
    made.frame.aspect_width = (int)random_size(1, 3);
    made.frame.aspect_height = (int)random_size(1, 3);
    return made;
}

/* In one call, in several that know nothing of each other, and from the last row to the first. */
START_TEST(rows_do_not_depend_on_others) {
    random_start(31);
    for (int round = 0; round < 60; round++) {
        picture made = random_picture();
        dpi_frame_target target = random_target();
        size_t size = target.size, area = size * size;
        float *whole = load_frame(&made.frame, &target, 1);
        float *parts = load_frame(&made.frame, &target, 3), *backwards = new_floats(3 * area);
        float *scratch = guarded_floats(dpi_frame_scratch(&target));
        dpi_frame_reader reader;
        dpi_frame_reader_init(&reader, &made.frame, &target, scratch);
        for (size_t y = size; y-- > 0;) {
            dpi_frame_reader_row(&reader, y, backwards + y * size, area);
        }
        guarded_end();
        ck_assert_mem_eq(whole, parts, 3 * area * sizeof *whole);
        ck_assert_mem_eq(whole, backwards, 3 * area * sizeof *whole);
        free(whole);
        free(parts);
        free(backwards);
        free_picture(&made);
    }
}
END_TEST

/* Weights sum up to 1: a picture of one colour stays as it is. */
START_TEST(flat_pictures_stay_flat) {
    random_start(37);
    for (int round = 0; round < 60; round++) {
        int32_t width = (int32_t)random_size(1, 300), height = (int32_t)random_size(1, 300);
        uint8_t *pixels = must(malloc((size_t)width * (size_t)height));
        memset(pixels, 200, (size_t)width * (size_t)height);
        dp_frame frame = {.plane = {pixels},
                          .stride = {width},
                          .width = width,
                          .height = height,
                          .format = DP_FORMAT_GRAY8};
        dpi_frame_target random = random_target(), target = plain_target(random.size);
        target.filter = random.filter;
        target.antialias = random.antialias;
        float *out = load_frame(&frame, &target, 1);
        for (size_t i = 0; i < 3 * target.size * target.size; i++) {
            ck_assert_float_eq_tol(out[i], 200, 1e-3F);
        }
        free(out);
        free(pixels);
    }
}
END_TEST

static Suite *filter_suite(void) {
    Suite *suite = suite_create("filter");
    TCase *values = add_case(suite, "values", 60, NULL, NULL);
    tcase_add_loop_test(values, pytorch_has_these_values, 0, (int)COUNT(known_table));
    tcase_add_loop_test(values, crops_begin_where_the_rule_says, 0, (int)COUNT(crop_table));
    tcase_add_test(values, long_sides_are_rounded_down_or_to_nearest);
    TCase *bits = add_case(suite, "bits", 120, NULL, NULL);
    tcase_add_test(bits, rows_do_not_depend_on_others);
    tcase_add_test(bits, flat_pictures_stay_flat);
    return suite;
}

int main(void) {
    random_seed("test_filter");
    return run_with_all_kernels(filter_suite);
}
