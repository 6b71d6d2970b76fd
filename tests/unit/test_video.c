/*
 * lib/video: frames, turned or not, and framesets against a reference in double precision that
 * converts whole frames and knows no shortcuts, with each table of kernels that this machine has.
 * Every plane is a heap block of exactly the described bytes, or lies between pages that must not
 * be touched.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "isa/isa.h"
#include "pictures.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- resize, crop, formats ---- */

static const int shapes[][2] = {
    {1, 1},   {1, 2},   {2, 1},   {1, 9},   {9, 1},   {2, 2},   {3, 3},     {5, 4},
    {4, 5},   {16, 16}, {17, 16}, {16, 17}, {31, 16}, {48, 16}, {33, 57},   {64, 48},
    {15, 15}, {100, 7}, {7, 100}, {8, 8},   {32, 32}, {65, 33}, {320, 240},
};

START_TEST(frames_match_the_reference) {
    random_start((uint64_t)_i + 1);
    static const size_t sizes[] = {1, 2, 3, 16, 30};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (int format = DP_FORMAT_RGB24; format <= DP_FORMAT_I420; format++) {
            int color = (int)random_below(COLORS), flip = (int)random_below(2);
            picture made = make_picture(format, color, shapes[_i][0], shapes[_i][1],
                                        random_below(2) ? random_below(9) : 0, flip);
            dpi_frame_target target = plain_target(sizes[s]);
            assert_like_reference(&made, &target);
            target = normalised_target(sizes[s], 0, 1);
            for (int turn = 0; turn < 8; turn++) {
                made.frame.rotation = turn % 4 * 90;
                made.frame.mirrored = turn / 4;
                assert_like_reference(&made, &target);
            }
            free_picture(&made);
        }
    }
}
END_TEST

START_TEST(random_frames_match_the_reference) {
    random_restart();
    for (int round = 0; round < 300; round++) {
        int format = (int)random_below(7), color = (int)random_below(COLORS);
        size_t crops = random_size(1, 4), crop = random_below((uint32_t)crops);
        picture made = make_picture(format, color, (int)random_size(1, 90), (int)random_size(1, 90),
                                    random_below(5), (int)random_below(2));
        made.frame.rotation = 90 * (int)random_below(4);
        made.frame.mirrored = (int)random_below(2);
        dpi_frame_target target = normalised_target(random_size(1, 40), crop, crops);
        assert_like_reference(&made, &target);
        made.frame.aspect_width = (int)random_size(1, 20);
        made.frame.aspect_height = (int)random_size(1, 20);
        assert_like_reference(&made, &target);
        free_picture(&made);
    }
}
END_TEST

/* 3 x 2 pixels of 2:3 are shown as a square: nothing is resized across, 2 rows become 3. */
START_TEST(wide_pixels_known_values) {
    static const uint8_t pixels[] = {10, 20, 30, 40, 50, 60};
    static const float expected[] = {10, 20, 30, 25, 35, 45, 40, 50, 60};
    dp_frame frame = {.plane = {pixels},
                      .stride = {3},
                      .width = 3,
                      .height = 2,
                      .format = DP_FORMAT_GRAY8,
                      .aspect_width = 2,
                      .aspect_height = 3};
    dpi_frame_target target = plain_target(3);
    float *out = load_frame(&frame, &target, 1);
    for (int i = 0; i < 9; i++) {
        ck_assert_msg(out[i] == expected[i], "value %d is %g", i, (double)out[i]);
    }
    free(out);
}
END_TEST

static void assert_same_target(const dp_frame *a, const dp_frame *b, const dpi_frame_target *to) {
    float *first = load_frame(a, to, 1), *second = load_frame(b, to, 1);
    ck_assert_mem_eq(first, second, 3 * to->size * to->size * sizeof(float));
    free(first);
    free(second);
}

/* Only the ratio counts, and that of square pixels is the same as none, bit for bit. */
START_TEST(square_pixels_change_no_bit) {
    static const int aspects[][2] = {{1, 1}, {7, 7}, {DP_MAX_ASPECT, DP_MAX_ASPECT}};
    random_start(23);
    for (int round = 0; round < 60; round++) {
        picture made = make_picture((int)random_below(7), (int)random_below(COLORS),
                                    (int)random_size(1, 90), (int)random_size(1, 90), 2, 0);
        made.frame.rotation = 90 * (int)random_below(4);
        dpi_frame_target target = normalised_target(random_size(1, 40), 1, 3);
        for (size_t i = 0; i < COUNT(aspects); i++) {
            dp_frame square = made.frame;
            square.aspect_width = aspects[i][0];
            square.aspect_height = aspects[i][1];
            assert_same_target(&made.frame, &square, &target);
        }
        free_picture(&made);
    }
}
END_TEST

/* Pixels that are turned lie the other way round. */
START_TEST(turned_pixels_have_the_turned_aspect) {
    random_start(29);
    for (int round = 0; round < 60; round++) {
        int side = (int)random_size(1, 60);
        picture made = make_picture(DP_FORMAT_GRAY8, 0, side, 1, 0, 0);
        dp_frame column = made.frame; /* the same bytes, one below the other */
        column.width = 1;
        column.height = side;
        column.stride[0] = 1;
        column.aspect_width = made.frame.aspect_height = (int)random_size(1, 9);
        column.aspect_height = made.frame.aspect_width = (int)random_size(1, 9);
        made.frame.rotation = 90;
        dpi_frame_target target = normalised_target(random_size(1, 40), 0, 3);
        assert_same_target(&made.frame, &column, &target);
        free_picture(&made);
    }
}
END_TEST

/* A resize to the same size changes nothing, not even the last bit. */
START_TEST(equal_size_is_the_identity) {
    picture made = make_picture(DP_FORMAT_RGB24, 0, 24, 24, 5, 0);
    dpi_frame_target target = plain_target(24);
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
    dpi_frame_target target = plain_target(8);
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
    dpi_frame_target target = plain_target(4);
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
            random_start(i + 1);
            picture made =
                make_picture(DP_FORMAT_I420, DP_COLOR_BT601_FULL, sides[i][0], sides[i][1], 0, 0);
            dpi_frame_target target = normalised_target(30, crop, 3);
            assert_like_reference(&made, &target);
            made.frame.rotation = 90 * (int)crop + 90;
            assert_like_reference(&made, &target);
            made.frame.aspect_width = crop == 0 ? 1 : DP_MAX_ASPECT;
            made.frame.aspect_height = crop == 1 ? 1 : DP_MAX_ASPECT - 1;
            assert_like_reference(&made, &target);
            free_picture(&made);
        }
    }
}
END_TEST

/* Rows do not depend on which rows were asked for together. */
START_TEST(pieces_give_the_same_bits) {
    random_start(11);
    for (int format = DP_FORMAT_RGB24; format <= DP_FORMAT_I420; format++) {
        picture made = make_picture(format, 0, 41, 29, 3, 1);
        dpi_frame_target target = normalised_target(32, 1, 3);
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
        for (int turn = 0; turn < 16; turn++) {
            dpi_frame_target target = normalised_target(16, (size_t)turn / 8, 2);
            frame.rotation = turn % 4 * 90;
            frame.mirrored = turn / 4 % 2;
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
    {DP_COLOR_BT2020_LIMITED, 74, 97, 240, {255, 0.4938F, 1.1393F}},  /* red */
    {DP_COLOR_BT2020_LIMITED, 29, 240, 119, {0.0289F, 0.0103F, 255}}, /* blue */
    {DP_COLOR_BT2020_FULL, 67, 92, 255, {254.2742F, 0.3621F, 0}},
    {DP_COLOR_BT2020_FULL, 15, 255, 118, {0.254F, 0, 253.9378F}},
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
        dpi_frame_target target = plain_target(1);
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
        dpi_frame_target target = plain_target(1);
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

/* Every cell of a frameset, each frame a different one; nothing but its cell is written. */
START_TEST(cells_are_shrunk_frames) {
    random_start((uint64_t)_i);
    size_t g = (size_t)_i, side = random_size(1, 5), size = side * g, area = size * size;
    float *frameset = new_floats(3 * area), *expected = new_floats(3 * area);
    for (size_t i = 0; i < 3 * area; i++) {
        expected[i] = frameset[i] = 1e6F;
    }
    for (size_t cell = 0; cell < g * g; cell++) {
        float *frame = random_image(size);
        dpi_frame_target target = plain_target(size);
        dpi_fill_cell(frame, &target, g, cell, frameset);
        for (size_t i = 0; i < 3 * side * side; i++) {
            size_t c = i / (side * side), y = i / side % side, x = i % side;
            size_t place = (cell / g * side + y) * size + cell % g * side + x;
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
    dpi_frame_target target = plain_target(7);
    dpi_fill_cell(frame, &target, 1, 0, frameset);
    ck_assert_mem_eq(frame, frameset, 3 * 7 * 7 * sizeof(float));
    target.antialias_cells = true;
    dpi_fill_cell(frame, &target, 1, 0, frameset);
    ck_assert_mem_eq(frame, frameset, 3 * 7 * 7 * sizeof(float));
    free(frame);
    free(frameset);
}
END_TEST

/* dpi_load_cell() is dpi_load_rows() and dpi_fill_cell(), bit for bit, and leaves the rest alone.
 */
START_TEST(loaded_cells_are_loaded_frames) {
    random_start((uint64_t)_i);
    size_t g = (size_t)_i;
    for (int round = 0; round < 40; round++) {
        picture made =
            make_picture((int)random_below(7), (int)random_below(COLORS), (int)random_size(1, 80),
                         (int)random_size(1, 80), random_below(4), (int)random_below(2));
        size_t size = g * random_size(1, 6), bytes = 3 * size * size * sizeof(float);
        size_t cell = random_below((uint32_t)(g * g));
        made.frame.aspect_width = made.frame.aspect_height = 1 + (int)random_below(2);
        made.frame.aspect_width += (int)random_below(2);
        dpi_frame_target target = normalised_target(size, random_below(2), 2);
        target.antialias_cells = round % 2 == 1;
        target.filter = round % 3 == 2 ? DPI_FILTER_BICUBIC : DPI_FILTER_BILINEAR;
        target.antialias = round % 5 == 4;
        float *frame = load_frame(&made.frame, &target, 1);
        float *expected = random_image(size), *frameset = must(malloc(bytes));
        memcpy(frameset, expected, bytes);
        dpi_fill_cell(frame, &target, g, cell, expected);
        float *scratch = new_floats(dpi_cell_scratch(&target));
        dpi_load_cell(&made.frame, &target, g, cell, frameset, scratch);
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
    TCase *frames = add_case(suite, "frames", 60, NULL, NULL);
    tcase_add_loop_test(frames, frames_match_the_reference, 0, (int)COUNT(shapes));
    tcase_add_test(frames, random_frames_match_the_reference);
    tcase_add_test(frames, wide_pixels_known_values);
    tcase_add_test(frames, square_pixels_change_no_bit);
    tcase_add_test(frames, turned_pixels_have_the_turned_aspect);
    tcase_add_test(frames, equal_size_is_the_identity);
    tcase_add_test(frames, upscaling_known_values);
    tcase_add_loop_test(frames, crops_begin_where_they_should, 0, (int)COUNT(crop_table));
    tcase_add_test(frames, extreme_sides_are_exact);
    tcase_add_test(frames, pieces_give_the_same_bits);
    tcase_add_loop_test(frames, nothing_outside_the_rows_is_touched, DP_FORMAT_RGB24,
                        DP_FORMAT_I420 + 1);

    TCase *colors = add_case(suite, "colors", 60, NULL, NULL);
    tcase_add_loop_test(colors, colors_have_known_values, 0, (int)COUNT(color_table));
    tcase_add_test(colors, packed_formats_name_their_bytes);

    TCase *framesets = add_case(suite, "framesets", 60, NULL, NULL);
    tcase_add_loop_test(framesets, cells_are_shrunk_frames, 1, 9);
    tcase_add_test(framesets, grid_of_one_is_the_identity);
    tcase_add_loop_test(framesets, loaded_cells_are_loaded_frames, 1, 9);
    return suite;
}

int main(void) {
    random_seed("test_video");
    return run_with_all_kernels(video_suite);
}
