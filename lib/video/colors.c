/*
 * How Y'CbCr becomes RGB: what dp_color names.
 */
#include "video/video.h"

#include <string.h>

/* Weights of red and blue in luma, luma of black, and how many steps of a byte luma and chroma
 * span. */
#define YUV_TO_RGB(color_name, kr, kb, black_luma, luma_span, chroma_span)                     \
    {                                                                                          \
        .name = (color_name), .black = (black_luma), .luma = (float)(255.0 / (luma_span)),     \
        .red_cr = (float)(255.0 / (chroma_span)*2 * (1 - (kr))),                               \
        .green_cb = (float)(-255.0 / (chroma_span)*2 * (1 - (kb)) * (kb) / (1 - (kr) - (kb))), \
        .green_cr = (float)(-255.0 / (chroma_span)*2 * (1 - (kr)) * (kr) / (1 - (kr) - (kb))), \
        .blue_cb = (float)(255.0 / (chroma_span)*2 * (1 - (kb))),                              \
    }

static const dpi_yuv_to_rgb color_table[] = {
    [DP_COLOR_BT601_LIMITED] = YUV_TO_RGB("bt601-limited", 0.299, 0.114, 16, 219, 224),
    [DP_COLOR_BT601_FULL] = YUV_TO_RGB("bt601-full", 0.299, 0.114, 0, 255, 255),
    [DP_COLOR_BT709_LIMITED] = YUV_TO_RGB("bt709-limited", 0.2126, 0.0722, 16, 219, 224),
    [DP_COLOR_BT709_FULL] = YUV_TO_RGB("bt709-full", 0.2126, 0.0722, 0, 255, 255),
    [DP_COLOR_BT2020_LIMITED] = YUV_TO_RGB("bt2020-limited", 0.2627, 0.0593, 16, 219, 224),
    [DP_COLOR_BT2020_FULL] = YUV_TO_RGB("bt2020-full", 0.2627, 0.0593, 0, 255, 255),
};

#define COLOR_COUNT ((int32_t)(sizeof color_table / sizeof color_table[0]))

const dpi_yuv_to_rgb *dpi_find_color(int32_t color) {
    return color >= 0 && color < COLOR_COUNT ? &color_table[color] : NULL;
}

const char *dp_color_name(int32_t color) {
    const dpi_yuv_to_rgb *known = dpi_find_color(color);
    return known != NULL ? known->name : "unknown";
}

int32_t dp_color_from_name(const char *name) {
    for (int32_t color = 0; name != NULL && color < COLOR_COUNT; color++) {
        if (strcmp(color_table[color].name, name) == 0) {
            return color;
        }
    }
    return DP_COLOR_UNKNOWN;
}
