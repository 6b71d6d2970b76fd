/*
 * Frames in every pixel format and their reference; see pictures.h.
 */
#include "pictures.h"
#include "isa/isa.h"
#include "suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const dpi_kernels *kernels;

void *must(void *block) {
    ck_assert_ptr_nonnull(block);
    return block;
}

float *new_floats(size_t count) {
    return must(malloc(count * sizeof(float)));
}

/* ---- pictures ---- */

const char *const format_names[] = {"rgb24", "bgr24", "rgba", "bgra", "gray8", "nv12", "i420"};

plane_shape shape_of_plane(int format, size_t width, size_t height, int plane) {
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

picture make_picture(int format, int color, int width, int height, size_t padding, int flip) {
    picture made = {.frame = {.width = width, .height = height, .format = format, .color = color}};
    for (int plane = 0; plane < 3; plane++) {
        plane_shape shape = shape_of_plane(format, (size_t)width, (size_t)height, plane);
        if (shape.rows == 0) {
            continue;
        }
        size_t stride = shape.row_bytes + padding * (size_t)(plane + 1);
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

void free_picture(picture *made) {
    for (int plane = 0; plane < 3; plane++) {
        free(made->blocks[plane]);
    }
}

/* ---- targets ---- */

dpi_frame_target plain_target(size_t size) {
    return (dpi_frame_target){
        .size = size, .crop = 0, .crops = 1, .scale = {1, 1, 1}, .kernels = kernels};
}

dpi_frame_target normalised_target(size_t size, size_t crop, size_t crops) {
    return (dpi_frame_target){.size = size,
                              .kernels = kernels,
                              .crop = crop,
                              .crops = crops,
                              .scale = {1 / 58.395F, 1 / 57.12F, 1 / 57.375F},
                              .offset = {-2.117904F, -2.035714F, -1.804444F}};
}

float *load_frame(const dp_frame *frame, const dpi_frame_target *target, size_t pieces) {
    size_t size = target->size;
    float *out = new_floats(3 * size * size);
    for (size_t piece = 0; piece < pieces; piece++) {
        size_t first = piece * size / pieces, end = (piece + 1) * size / pieces;
        float *scratch = guarded_floats(dpi_frame_scratch(target));
        dpi_load_rows(frame, target, first, end - first, out + first * size, size * size, scratch);
        guarded_end();
    }
    return out;
}

/* ---- the reference ---- */

double sample_at(const dp_frame *frame, int plane, int y, int byte) {
    return frame->plane[plane][y * frame->stride[plane] + byte];
}

static double clamp(double value) {
    return fmin(fmax(value, 0), 255);
}

/* The definition of Y'CbCr: luma is kr R + kg G + kb B, Cb and Cr are scaled B - luma, R - luma. */
static void reference_yuv(int color, double luma, double cb, double cr, double *rgb) {
    static const double red_and_blue[][2] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};
    int full = color % 2; /* as they are numbered */
    double kr = red_and_blue[color / 2][0], kb = red_and_blue[color / 2][1], kg = 1 - kr - kb;
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

/* Where pixel (y, x) of the upright picture is stored: undoes one quarter turn after the other,
 * then the mirror. */
static void find_stored_pixel(const dp_frame *frame, int *y, int *x) {
    for (int turns = frame->rotation / 90; turns > 0; turns--) {
        int height = turns % 2 == 1 ? frame->height : frame->width; /* before this turn */
        int before = height - 1 - *x;
        *x = *y;
        *y = before;
    }
    *x = frame->mirrored ? frame->width - 1 - *x : *x;
}

static void reference_upright_pixel(const dp_frame *frame, int y, int x, double *rgb) {
    find_stored_pixel(frame, &y, &x);
    reference_pixel(frame, y, x, rgb);
}

/* Source coordinate of a pixel of the resized, cropped axis: the formulas as Python writes them.
 * rint() rounds halves to even, as round() does there. */
static double reference_coordinate(int source, double shown, double short_side,
                                   const dpi_frame_target *t, size_t i) {
    double size = (double)t->size, resized = floor(size * shown / short_side);
    double share = t->crops == 1 ? 0.5 : (double)t->crop / (double)(t->crops - 1);
    double offset = rint((resized - size) * share);
    return fmax((offset + (double)i + 0.5) * source / resized - 0.5, 0);
}

double mix(double a, double b, double weight) {
    return a * (1 - weight) + b * weight;
}

/* Pixel (y, x) of the target, all three channels. */
static void reference_target(const dp_frame *frame, const dpi_frame_target *target, size_t y,
                             size_t x, double *out) {
    int across = frame->rotation % 180 != 0;
    int width = across ? frame->height : frame->width;
    int height = across ? frame->width : frame->height;
    int square = frame->aspect_width == 0;
    double stored_x = square ? 1 : frame->aspect_width;
    double stored_y = square ? 1 : frame->aspect_height;
    double shown_width = width * (across ? stored_y : stored_x);
    double shown_height = height * (across ? stored_x : stored_y);
    double short_side = fmin(shown_width, shown_height);
    double sy = reference_coordinate(height, shown_height, short_side, target, y);
    double sx = reference_coordinate(width, shown_width, short_side, target, x);
    int top = (int)sy, left = (int)sx;
    int bottom = top + 1 < height ? top + 1 : top;
    int right = left + 1 < width ? left + 1 : left;
    double corner[4][3];
    reference_upright_pixel(frame, top, left, corner[0]);
    reference_upright_pixel(frame, top, right, corner[1]);
    reference_upright_pixel(frame, bottom, left, corner[2]);
    reference_upright_pixel(frame, bottom, right, corner[3]);
    for (int c = 0; c < 3; c++) {
        double upper = mix(corner[0][c], corner[1][c], sx - left);
        double lower = mix(corner[2][c], corner[3][c], sx - left);
        double value = mix(upper, lower, sy - top);
        out[c] = value * (double)target->scale[c] + (double)target->offset[c];
    }
}

double distance_to_reference(const dp_frame *frame, const dpi_frame_target *target) {
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

void assert_like_reference(const picture *made, const dpi_frame_target *target) {
    double distance = distance_to_reference(&made->frame, target);
    double bound = TOLERANCE * (double)target->scale[0] + 1e-6;
    ck_assert_msg(
        distance <= bound,
        "%dx%d %s color %d turned by %d, mirrored %d, pixels of %d:%d, to %zu, crop %zu of "
        "%zu: off by %g",
        made->frame.width, made->frame.height, format_names[made->frame.format], made->frame.color,
        made->frame.rotation, made->frame.mirrored, made->frame.aspect_width,
        made->frame.aspect_height, target->size, target->crop, target->crops, distance);
}

/* ---- running ---- */

int run_with_all_kernels(Suite *(*make_suite)(void)) {
    static const uint32_t masks[] = {0, DP_CPU_AVX2 | DP_CPU_NEON, DP_CPU_ALL};
    int failed = 0;
    for (size_t i = 0; i < COUNT(masks); i++) {
        const dpi_kernels *before = kernels;
        kernels = dpi_kernels_choose(masks[i]);
        if (kernels == before) {
            continue;
        }
        printf("kernels: %s\n", kernels->name);
        (void)fflush(stdout);
        failed |= run_suite(make_suite());
    }
    return failed;
}
