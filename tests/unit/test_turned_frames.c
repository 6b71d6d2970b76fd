/*
 * Frames with a rotation and a mirror, against frames whose pixels were turned before: the same
 * bits, with each table of kernels that this machine has.
 */
#include "pictures.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

/* ---- pictures that are turned by the test ---- */

/* Elements [height][width] of some bytes each. */
typedef struct grid {
    uint8_t *bytes;
    size_t width, height, element;
} grid;

static grid new_grid(size_t width, size_t height, size_t element) {
    return (grid){must(malloc(width * height * element)), width, height, element};
}

static uint8_t *element_at(const grid *of, size_t y, size_t x) {
    return of->bytes + (y * of->width + x) * of->element;
}

/* Replaces `old`, column x of which becomes column width - 1 - x. */
static grid mirror_grid(grid old) {
    grid made = new_grid(old.width, old.height, old.element);
    for (size_t y = 0; y < old.height; y++) {
        for (size_t x = 0; x < old.width; x++) {
            memcpy(element_at(&made, y, old.width - 1 - x), element_at(&old, y, x), old.element);
        }
    }
    free(old.bytes);
    return made;
}

/* Replaces `old`, whose top row becomes the rightmost column. */
static grid turn_grid_clockwise(grid old) {
    grid made = new_grid(old.height, old.width, old.element);
    for (size_t y = 0; y < old.height; y++) {
        for (size_t x = 0; x < old.width; x++) {
            memcpy(element_at(&made, x, old.height - 1 - y), element_at(&old, y, x), old.element);
        }
    }
    free(old.bytes);
    return made;
}

/* Replaces `old` by what a frame with this rotation and mirror shows. */
static grid make_grid_upright(grid old, const dp_frame *frame) {
    grid made = frame->mirrored ? mirror_grid(old) : old;
    for (int turn = 0; turn < frame->rotation / 90; turn++) {
        made = turn_grid_clockwise(made);
    }
    return made;
}

/* The samples of a plane, [rows][columns]. */
static grid copy_plane(const dp_frame *frame, int plane) {
    static const size_t sample_bytes[][3] = {{3}, {3}, {4}, {4}, {1}, {1, 2}, {1, 1, 1}};
    plane_shape shape =
        shape_of_plane(frame->format, (size_t)frame->width, (size_t)frame->height, plane);
    size_t sample = sample_bytes[frame->format][plane];
    grid made = new_grid(shape.row_bytes / sample, shape.rows, sample);
    for (size_t y = 0; y < shape.rows; y++) {
        memcpy(element_at(&made, y, 0), frame->plane[plane] + (ptrdiff_t)y * frame->stride[plane],
               shape.row_bytes);
    }
    return made;
}

/* A frame of the upright picture, each plane turned before. The sides of NV12 and I420 are even. */
static picture make_upright_picture(const dp_frame *frame) {
    int across = frame->rotation % 180 != 0;
    picture made = {.frame = {.width = across ? frame->height : frame->width,
                              .height = across ? frame->width : frame->height,
                              .format = frame->format,
                              .color = frame->color}};
    for (int plane = 0; plane < 3; plane++) {
        if (shape_of_plane(frame->format, 2, 2, plane).rows > 0) {
            grid turned = make_grid_upright(copy_plane(frame, plane), frame);
            made.blocks[plane] = turned.bytes;
            made.frame.plane[plane] = turned.bytes;
            made.frame.stride[plane] = (ptrdiff_t)(turned.width * turned.element);
        }
    }
    return made;
}

/* ---- the same bits ---- */

static float *load_cell(const dp_frame *frame, const dpi_frame_target *target, size_t g,
                        size_t cell) {
    float *frameset = must(calloc(3 * target->size * target->size, sizeof *frameset));
    float *scratch = new_floats(dpi_cell_scratch(target));
    dpi_load_cell(frame, target, g, cell, frameset, scratch);
    free(scratch);
    return frameset;
}

static void assert_same_pixels(const picture *turned, const picture *upright,
                               const dpi_frame_target *target, size_t g) {
    size_t bytes = 3 * target->size * target->size * sizeof(float);
    float *first = load_frame(&turned->frame, target, 1);
    float *second = load_frame(&upright->frame, target, 1);
    ck_assert_msg(memcmp(first, second, bytes) == 0, "%dx%d %s turned by %d, mirrored %d",
                  turned->frame.width, turned->frame.height, format_names[turned->frame.format],
                  turned->frame.rotation, turned->frame.mirrored);
    free(first);
    free(second);
    first = load_cell(&turned->frame, target, g, 1);
    second = load_cell(&upright->frame, target, g, 1);
    ck_assert_mem_eq(first, second, bytes);
    free(first);
    free(second);
}

/* Bit for bit: every format, rotation and mirror, sides odd and even, any stride and crop. */
START_TEST(turned_frames_are_frames_that_were_turned_before) {
    random_start((uint64_t)_i + 17);
    int format = _i / 8;
    int side = format >= DP_FORMAT_NV12 ? 2 : 1; /* chroma planes can be turned */
    for (int round = 0; round < 40; round++) {
        int width = side * (int)random_size(1, 60), height = side * (int)random_size(1, 60);
        picture turned = make_picture(format, (int)random_below(COLORS), width, height,
                                      random_below(9), (int)random_below(2));
        turned.frame.rotation = _i % 4 * 90;
        turned.frame.mirrored = _i % 8 < 4 ? 0 : (int)random_size(1, 3) - 4;
        picture upright = make_upright_picture(&turned.frame);
        size_t crops = random_size(1, 4), crop = random_below((uint32_t)crops);
        dpi_frame_target target = normalised_target(4 * random_size(1, 10), crop, crops);
        assert_same_pixels(&turned, &upright, &target, 4);
        free_picture(&turned);
        free_picture(&upright);
    }
}
END_TEST

/* Copies one of two crops of a frame whose short side is R to where it is in the upright picture,
 * channels last. */
static void copy_window(grid *pixels, const dp_frame *frame, const dpi_frame_target *target) {
    size_t size = target->size, area = size * size;
    size_t left = target->crop * (pixels->width - size),
           top = target->crop * (pixels->height - size);
    float *loaded = load_frame(frame, target, 1);
    for (size_t i = 0; i < 3 * area; i++) {
        memcpy(element_at(pixels, top + i % area / size, left + i % size) +
                   i / area * sizeof(float),
               &loaded[i], sizeof(float));
    }
    free(loaded);
}

/* All pixels of a frame as RGB floats, which two crops cover: a resize that changes no size. */
static grid convert_frame(const dp_frame *frame) {
    int across = frame->rotation % 180 != 0;
    size_t width = (size_t)(across ? frame->height : frame->width);
    size_t height = (size_t)(across ? frame->width : frame->height);
    grid pixels = new_grid(width, height, 3 * sizeof(float));
    dpi_frame_target target = plain_target(width < height ? width : height);
    target.crops = 2;
    for (target.crop = 0; target.crop < 2; target.crop++) {
        copy_window(&pixels, frame, &target);
    }
    return pixels;
}

/* Turned after they became RGB: bit for bit, also where a chroma sample serves fewer than 2x2. */
START_TEST(turned_pixels_keep_their_colour) {
    static const int sizes[][2] = {{1, 1}, {2, 1}, {3, 3},  {5, 9},
                                   {9, 5}, {7, 8}, {12, 7}, {15, 15}};
    random_start((uint64_t)_i + 5);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (int turn = 0; turn < 8; turn++) {
            picture made = make_picture(_i, (int)random_below(COLORS), sizes[i][0], sizes[i][1],
                                        random_below(3), (int)random_below(2));
            grid stored = convert_frame(&made.frame);
            made.frame.rotation = turn % 4 * 90;
            made.frame.mirrored = turn / 4;
            grid turned = convert_frame(&made.frame);
            grid expected = make_grid_upright(stored, &made.frame);
            ck_assert_uint_eq(turned.width, expected.width);
            ck_assert_mem_eq(turned.bytes, expected.bytes,
                             turned.width * turned.height * turned.element);
            free(turned.bytes);
            free(expected.bytes);
            free_picture(&made);
        }
    }
}
END_TEST

/* ---- EXIF ---- */

/* EXIF says which side of what is seen the first row and the first column of the stored picture
 * are; dualpath.h says which rotation and mirror that is. */
typedef struct exif_row {
    const char *row, *column;
    int mirrored, rotation;
} exif_row;

static const exif_row exif_table[] = {{"top", "left", 0, 0},       {"top", "right", 1, 0},
                                      {"bottom", "right", 0, 180}, {"bottom", "left", 1, 180},
                                      {"left", "top", 1, 270},     {"right", "top", 0, 90},
                                      {"right", "bottom", 1, 90},  {"left", "bottom", 0, 270}};

/* Whether pixel (y, x) of 3x3 lies on a side. */
static int is_on_side(const char *side, int y, int x) {
    return strcmp(side, "top") == 0      ? y == 0
           : strcmp(side, "bottom") == 0 ? y == 2
           : strcmp(side, "left") == 0   ? x == 0
                                         : x == 2;
}

START_TEST(exif_orientations_are_upright) {
    static const uint8_t pixels[] = {3, 1, 1, 2, 0, 0, 2, 0, 0}; /* 1: first row, 2: first column */
    const exif_row *row = &exif_table[_i];
    dp_frame frame = {.plane = {pixels},
                      .stride = {3},
                      .width = 3,
                      .height = 3,
                      .format = DP_FORMAT_GRAY8,
                      .rotation = row->rotation,
                      .mirrored = row->mirrored};
    dpi_frame_target target = plain_target(3);
    float *seen = load_frame(&frame, &target, 1);
    for (int i = 0; i < 9; i++) {
        int on_row = is_on_side(row->row, i / 3, i % 3);
        int on_column = is_on_side(row->column, i / 3, i % 3);
        ck_assert_int_eq((int)seen[i], on_row + 2 * on_column);
    }
    free(seen);
}
END_TEST

static Suite *turned_frames_suite(void) {
    Suite *suite = suite_create("turned frames");
    TCase *turned = add_case(suite, "turned", 60, NULL, NULL);
    tcase_add_loop_test(turned, turned_frames_are_frames_that_were_turned_before, 0,
                        8 * (DP_FORMAT_I420 + 1));
    tcase_add_loop_test(turned, turned_pixels_keep_their_colour, 0, DP_FORMAT_I420 + 1);
    tcase_add_loop_test(turned, exif_orientations_are_upright, 0, (int)COUNT(exif_table));
    return suite;
}

int main(void) {
    random_seed("test_turned_frames");
    return run_with_all_kernels(turned_frames_suite);
}
