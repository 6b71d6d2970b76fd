/*
 * All that the library knows of pixel formats: a table with a row for each dp_format, and the
 * functions that it names, which make RGB of single pixels. They read nothing but the samples of
 * these pixels, so neither the width of a frame nor its padding matters.
 */
#include "dp_config.h"
#include "video/video.h"

#include <string.h>

/* ---- conversions of a line of pixels ---- */

/* Pixels that begin every `step` bytes, with red, green and blue at these places. */
static inline void convert_bytes(const uint8_t *first, ptrdiff_t step, size_t red, size_t green,
                                 size_t blue, const int32_t *indices, size_t count, float *rgb) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = first + indices[i] * step;
        rgb[i] = pixel[red];
        rgb[count + i] = pixel[green];
        rgb[2 * count + i] = pixel[blue];
    }
}

/* Compiled for rows, whose step is a constant, and for columns. */
static inline void convert_packed(const dpi_pixel_line *line, ptrdiff_t bytes, size_t red,
                                  size_t green, size_t blue, const int32_t *indices, size_t count,
                                  float *rgb) {
    if (line->is_row) {
        convert_bytes(line->first[0], bytes, red, green, blue, indices, count, rgb);
    } else {
        convert_bytes(line->first[0], line->step[0], red, green, blue, indices, count, rgb);
    }
}

static void convert_rgb24(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                          float *rgb) {
    convert_packed(line, 3, 0, 1, 2, indices, count, rgb);
}

static void convert_bgr24(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                          float *rgb) {
    convert_packed(line, 3, 2, 1, 0, indices, count, rgb);
}

static void convert_rgba(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                         float *rgb) {
    convert_packed(line, 4, 0, 1, 2, indices, count, rgb);
}

static void convert_bgra(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                         float *rgb) {
    convert_packed(line, 4, 2, 1, 0, indices, count, rgb);
}

static inline void convert_luma(const uint8_t *first, ptrdiff_t step, const int32_t *indices,
                                size_t count, float *rgb) {
    for (size_t i = 0; i < count; i++) {
        rgb[i] = rgb[count + i] = rgb[2 * count + i] = first[indices[i] * step];
    }
}

static void convert_gray8(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                          float *rgb) {
    if (line->is_row) {
        convert_luma(line->first[0], 1, indices, count, rgb);
    } else {
        convert_luma(line->first[0], line->step[0], indices, count, rgb);
    }
}

/* In a loop of its own, which compilers make vector instructions of. */
static void clamp_to_bytes(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float positive = values[i] < 0 ? 0 : values[i];
        values[i] = positive > 255 ? 255 : positive;
    }
}

/* The samples of Y, Cb and Cr in a line: where they begin, and bytes from one to the next. */
typedef struct yuv_line {
    const uint8_t *y, *cb, *cr;
    ptrdiff_t y_step, cb_step, cr_step;
} yuv_line;

/* A sample of Cb and one of Cr serve 2x2 pixels. */
static inline void convert_yuv(yuv_line line, const dpi_yuv_to_rgb *color, const int32_t *indices,
                               size_t count, float *rgb) {
    const dpi_yuv_to_rgb m = *color;
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t index = indices[i], chroma = index >> 1;
        float y = m.luma * ((float)line.y[index * line.y_step] - m.black);
        float b = (float)line.cb[chroma * line.cb_step] - 128;
        float r = (float)line.cr[chroma * line.cr_step] - 128;
        rgb[i] = y + m.red_cr * r;
        rgb[count + i] = y + m.green_cb * b + m.green_cr * r;
        rgb[2 * count + i] = y + m.blue_cb * b;
    }
    clamp_to_bytes(rgb, 3 * count);
}

static void convert_nv12(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                         float *rgb) {
    const uint8_t *y = line->first[0], *cb = line->first[1], *cr = line->first[1] + 1;
    ptrdiff_t y_step = line->step[0], chroma_step = line->step[1];
    if (line->is_row) {
        convert_yuv((yuv_line){y, cb, cr, 1, 2, 2}, line->color, indices, count, rgb);
    } else {
        convert_yuv((yuv_line){y, cb, cr, y_step, chroma_step, chroma_step}, line->color, indices,
                    count, rgb);
    }
}

static void convert_i420(const dpi_pixel_line *line, const int32_t *indices, size_t count,
                         float *rgb) {
    const uint8_t *y = line->first[0], *cb = line->first[1], *cr = line->first[2];
    const ptrdiff_t *step = line->step;
    if (line->is_row) {
        convert_yuv((yuv_line){y, cb, cr, 1, 1, 1}, line->color, indices, count, rgb);
    } else {
        convert_yuv((yuv_line){y, cb, cr, step[0], step[1], step[2]}, line->color, indices, count,
                    rgb);
    }
}

/* ---- the table ---- */

/* A row of the table. What the build leaves out has no conversion. */
#define FORMAT(number, name, planes, chroma_shift, has_color, convert, ...) \
    [number] = {name,         planes,    {__VA_ARGS__},                     \
                chroma_shift, has_color, DPI_HAS_FORMAT(number) ? (convert) : NULL}

static const dpi_pixel_format format_table[] = {
    /* number, name, planes, chroma_shift, has_color, conversion, bytes of a sample in each plane */
    FORMAT(DP_FORMAT_RGB24, "rgb24", 1, 0, false, convert_rgb24, 3),
    FORMAT(DP_FORMAT_BGR24, "bgr24", 1, 0, false, convert_bgr24, 3),
    FORMAT(DP_FORMAT_RGBA, "rgba", 1, 0, false, convert_rgba, 4),
    FORMAT(DP_FORMAT_BGRA, "bgra", 1, 0, false, convert_bgra, 4),
    FORMAT(DP_FORMAT_GRAY8, "gray8", 1, 0, false, convert_gray8, 1),
    FORMAT(DP_FORMAT_NV12, "nv12", 2, 1, true, convert_nv12, 1, 2),
    FORMAT(DP_FORMAT_I420, "i420", 3, 1, true, convert_i420, 1, 1, 1),
};

#define FORMAT_COUNT ((int32_t)(sizeof format_table / sizeof format_table[0]))

const dpi_pixel_format *dpi_find_pixel_format(int32_t format) {
    return format >= 0 && format < FORMAT_COUNT ? &format_table[format] : NULL;
}

const char *dp_format_name(int32_t format) {
    const dpi_pixel_format *known = dpi_find_pixel_format(format);
    return known != NULL ? known->name : "unknown";
}

int32_t dp_format_from_name(const char *name) {
    for (int32_t format = 0; name != NULL && format < FORMAT_COUNT; format++) {
        if (strcmp(format_table[format].name, name) == 0) {
            return format;
        }
    }
    return DP_FORMAT_UNKNOWN;
}

/* ---- planes ---- */

static unsigned shift_of_plane(const dpi_pixel_format *format, size_t plane) {
    return plane == 0 ? 0 : format->chroma_shift;
}

dpi_plane_shape dpi_shape_of_plane(const dpi_pixel_format *format, size_t plane, int32_t width,
                                   int32_t height) {
    unsigned shift = shift_of_plane(format, plane);
    int64_t columns = ((width - 1) >> shift) + 1;
    int64_t rows = ((height - 1) >> shift) + 1;
    return (dpi_plane_shape){.row_bytes = columns * format->sample_bytes[plane], .rows = rows};
}

void dpi_find_pixel_row(const dp_frame *frame, const dpi_pixel_format *format, int32_t row,
                        dpi_pixel_line *line) {
    line->is_row = true;
    line->color = dpi_find_color(frame->color);
    for (size_t plane = 0; plane < format->plane_count; plane++) {
        ptrdiff_t sample_row = row >> shift_of_plane(format, plane);
        line->first[plane] = frame->plane[plane] + sample_row * frame->stride[plane];
    }
}

void dpi_find_pixel_column(const dp_frame *frame, const dpi_pixel_format *format, int32_t column,
                           dpi_pixel_line *line) {
    line->is_row = false;
    line->color = dpi_find_color(frame->color);
    for (size_t plane = 0; plane < format->plane_count; plane++) {
        ptrdiff_t sample_column = column >> shift_of_plane(format, plane);
        line->first[plane] = frame->plane[plane] + sample_column * format->sample_bytes[plane];
        line->step[plane] = frame->stride[plane];
    }
}
