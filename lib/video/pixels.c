/*
 * The pixel formats of a caller's frame: picks single pixels of one row and makes them RGB. Nothing
 * but the picked samples is read, so neither the width of a frame nor its padding matters.
 */
#include "dp_config.h"
#include "video/video.h"

static const uint8_t *plane_row(const dp_frame *frame, int plane, size_t row) {
    return frame->plane[plane] + frame->stride[plane] * (ptrdiff_t)row;
}

/* Interleaved bytes, `step` a pixel, with red, green and blue at these places of it. */
typedef struct packing {
    size_t step, red, green, blue;
} packing;

static void fetch_packed(const uint8_t *row, packing order, const int32_t *columns, size_t count,
                         float *rgb) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = row + (size_t)columns[i] * order.step;
        rgb[i] = pixel[order.red];
        rgb[count + i] = pixel[order.green];
        rgb[2 * count + i] = pixel[order.blue];
    }
}

static void fetch_gray(const uint8_t *row, const int32_t *columns, size_t count, float *rgb) {
    for (size_t i = 0; i < count; i++) {
        rgb[i] = rgb[count + i] = rgb[2 * count + i] = row[columns[i]];
    }
}

/* RGB of Y'CbCr: luma * (Y - black), plus these multiples of Cb - 128 and Cr - 128. */
typedef struct yuv_matrix {
    float black, luma, red_cr, green_cb, green_cr, blue_cb;
} yuv_matrix;

/* From the weights of red and blue in luma, and how many steps of a byte luma and chroma span. */
#define YUV_MATRIX(kr, kb, first, luma_span, chroma_span)                                      \
    {                                                                                          \
        .black = (first), .luma = (float)(255.0 / (luma_span)),                                \
        .red_cr = (float)(255.0 / (chroma_span)*2 * (1 - (kr))),                               \
        .green_cb = (float)(-255.0 / (chroma_span)*2 * (1 - (kb)) * (kb) / (1 - (kr) - (kb))), \
        .green_cr = (float)(-255.0 / (chroma_span)*2 * (1 - (kr)) * (kr) / (1 - (kr) - (kb))), \
        .blue_cb = (float)(255.0 / (chroma_span)*2 * (1 - (kb))),                              \
    }

static const yuv_matrix yuv_matrices[] = {
    [DP_COLOR_BT601_LIMITED] = YUV_MATRIX(0.299, 0.114, 16, 219, 224),
    [DP_COLOR_BT601_FULL] = YUV_MATRIX(0.299, 0.114, 0, 255, 255),
    [DP_COLOR_BT709_LIMITED] = YUV_MATRIX(0.2126, 0.0722, 16, 219, 224),
    [DP_COLOR_BT709_FULL] = YUV_MATRIX(0.2126, 0.0722, 0, 255, 255),
};

static float clamp_byte(float value) {
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* `step` is the distance from one Cb to the next, and from one Cr to the next. */
static void fetch_yuv(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, size_t step,
                      const yuv_matrix *m, const int32_t *columns, size_t count, float *rgb) {
    for (size_t i = 0; i < count; i++) {
        size_t column = (size_t)columns[i];
        size_t chroma = column / 2 * step;
        float y = m->luma * ((float)luma[column] - m->black);
        float b = (float)cb[chroma] - 128;
        float r = (float)cr[chroma] - 128;
        rgb[i] = clamp_byte(y + m->red_cr * r);
        rgb[count + i] = clamp_byte(y + m->green_cb * b + m->green_cr * r);
        rgb[2 * count + i] = clamp_byte(y + m->blue_cb * b);
    }
}

#define HAS_PLANES (DP_HAS_FORMAT(DP_FORMAT_NV12) || DP_HAS_FORMAT(DP_FORMAT_I420))

static void fetch_planes(const dp_frame *frame, size_t row, const int32_t *columns, size_t count,
                         float *rgb) {
    const yuv_matrix *matrix = &yuv_matrices[frame->color];
    const uint8_t *luma = plane_row(frame, 0, row);
    const uint8_t *chroma = plane_row(frame, 1, row / 2);
    if (frame->format == DP_FORMAT_NV12) {
        fetch_yuv(luma, chroma, chroma + 1, 2, matrix, columns, count, rgb);
    } else {
        fetch_yuv(luma, chroma, plane_row(frame, 2, row / 2), 1, matrix, columns, count, rgb);
    }
}

void dp_fetch_pixels(const dp_frame *frame, size_t row, const int32_t *columns, size_t count,
                     float *rgb) {
    const uint8_t *first = plane_row(frame, 0, row);
    switch ((dp_format)frame->format) {
    case DP_FORMAT_RGB24:
        fetch_packed(first, (packing){3, 0, 1, 2}, columns, count, rgb);
        break;
    case DP_FORMAT_BGR24:
        fetch_packed(first, (packing){3, 2, 1, 0}, columns, count, rgb);
        break;
    case DP_FORMAT_RGBA:
        fetch_packed(first, (packing){4, 0, 1, 2}, columns, count, rgb);
        break;
    case DP_FORMAT_BGRA:
        fetch_packed(first, (packing){4, 2, 1, 0}, columns, count, rgb);
        break;
    case DP_FORMAT_GRAY8:
        fetch_gray(first, columns, count, rgb);
        break;
    case DP_FORMAT_NV12:
    case DP_FORMAT_I420:
        if (HAS_PLANES) {
            fetch_planes(frame, row, columns, count, rgb);
        }
        break;
    }
}
