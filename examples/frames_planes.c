/*
 * frames_planes.c - planes of any subsampling and depth become a format of the library.
 */
#include "frames_planes.h"

#include <math.h>
#include <string.h>

/* Samples of a chroma plane. */
typedef struct plane_size {
    size_t width, height;
} plane_size;

static plane_size chroma_size(const plane_layout *layout, int32_t width, int32_t height) {
    if (layout->columns == 0) {
        return (plane_size){0, 0};
    }
    return (plane_size){((size_t)width + layout->columns - 1) / layout->columns,
                        ((size_t)height + layout->rows - 1) / layout->rows};
}

static uint64_t count_samples(const plane_layout *layout, int32_t width, int32_t height) {
    plane_size chroma = chroma_size(layout, width, height);
    return (uint64_t)width * (uint64_t)height + 2 * (uint64_t)chroma.width * chroma.height;
}

uint64_t plane_bytes(const plane_layout *layout, int32_t width, int32_t height) {
    return count_samples(layout, width, height) * (layout->bits > 8 ? 2 : 1);
}

int32_t plane_format(const plane_layout *layout) {
    if (layout->columns == 0) {
        return DP_FORMAT_GRAY8;
    }
    return layout->columns == 2 && layout->rows == 2 ? DP_FORMAT_I420 : DP_FORMAT_RGB24;
}

bool plane_is_format(const plane_layout *layout, int32_t format) {
    return layout->bits == 8 && format != DP_FORMAT_RGB24 && plane_format(layout) == format;
}

/* ---- depth ---- */

/* In place: byte i comes from bytes 2i and 2i + 1. */
static void round_to_bytes(uint8_t *samples, size_t count, unsigned bits) {
    unsigned shift = bits - 8;
    for (size_t i = 0; i < count; i++) {
        unsigned value = samples[2 * i] | (unsigned)samples[2 * i + 1] << 8;
        unsigned rounded = (value + (1U << (shift - 1))) >> shift;
        samples[i] = (uint8_t)(rounded < 255 ? rounded : 255);
    }
}

/* ---- RGB ---- */

/* How a sample triple becomes RGB: R = y + rv * v, G = y - gu * u - gv * v, B = y + bu * u, with
 * y = luma * (Y - black) and u, v around 0. */
typedef struct matrix {
    float luma, black, rv, gu, gv, bu;
} matrix;

/* From the weights of red and blue in luma that the standards give. */
static matrix make_matrix(int32_t color) {
    static const struct {
        float red, blue;
        bool full;
    } weights[] = {
        [DP_COLOR_BT601_LIMITED] = {0.299F, 0.114F, false},
        [DP_COLOR_BT601_FULL] = {0.299F, 0.114F, true},
        [DP_COLOR_BT709_LIMITED] = {0.2126F, 0.0722F, false},
        [DP_COLOR_BT709_FULL] = {0.2126F, 0.0722F, true},
        [DP_COLOR_BT2020_LIMITED] = {0.2627F, 0.0593F, false},
        [DP_COLOR_BT2020_FULL] = {0.2627F, 0.0593F, true},
    };
    float red = weights[color].red, blue = weights[color].blue;
    float green = 1 - red - blue, chroma = weights[color].full ? 1 : 255.0F / 224;
    float rv = 2 * (1 - red) * chroma, bu = 2 * (1 - blue) * chroma;
    return (matrix){.luma = weights[color].full ? 1 : 255.0F / 219,
                    .black = weights[color].full ? 0 : 16,
                    .rv = rv,
                    .gu = bu * blue / green,
                    .gv = rv * red / green,
                    .bu = bu};
}

static uint8_t to_byte(float value) {
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)lrintf(value);
}

/* One row; a chroma sample serves `columns` pixels. */
static void convert_row(const matrix *m, const uint8_t *luma, const uint8_t *cb, const uint8_t *cr,
                        size_t columns, size_t width, uint8_t *rgb) {
    for (size_t x = 0; x < width; x++) {
        size_t chroma = x / columns;
        float y = m->luma * ((float)luma[x] - m->black);
        float u = (float)cb[chroma] - 128, v = (float)cr[chroma] - 128;
        rgb[3 * x] = to_byte(y + m->rv * v);
        rgb[3 * x + 1] = to_byte(y - m->gu * u - m->gv * v);
        rgb[3 * x + 2] = to_byte(y + m->bu * u);
    }
}

static void convert_to_rgb(const dp_frame *shape, const plane_layout *layout, const uint8_t *planes,
                           uint8_t *rgb) {
    matrix m = make_matrix(shape->color);
    size_t width = (size_t)shape->width, height = (size_t)shape->height;
    plane_size chroma = chroma_size(layout, shape->width, shape->height);
    const uint8_t *cb = planes + width * height, *cr = cb + chroma.width * chroma.height;
    for (size_t y = 0; y < height; y++) {
        size_t row = y / layout->rows * chroma.width;
        convert_row(&m, planes + y * width, cb + row, cr + row, layout->columns, width,
                    rgb + 3 * y * width);
    }
}

void convert_planes(const dp_frame *shape, const plane_layout *layout, uint8_t *planes,
                    uint8_t *pixels) {
    size_t samples = (size_t)count_samples(layout, shape->width, shape->height);
    if (layout->bits > 8) {
        round_to_bytes(planes, samples, layout->bits);
    }
    if (plane_format(layout) == DP_FORMAT_RGB24) {
        convert_to_rgb(shape, layout, planes, pixels);
    } else {
        memcpy(pixels, planes, samples);
    }
    if (plane_format(layout) == DP_FORMAT_GRAY8 && shape->format == DP_FORMAT_I420) {
        plane_size chroma = chroma_size(&(plane_layout){2, 2, 8}, shape->width, shape->height);
        memset(pixels + samples, 128, 2 * chroma.width * chroma.height);
    }
}
