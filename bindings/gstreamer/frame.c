/*
 * frame.c - formats, colours, shapes and orientations of GStreamer in those of the library.
 */
#include "frame.h"

#include <string.h>

static const struct {
    GstVideoFormat from;
    dp_format to;
} formats[] = {
    {GST_VIDEO_FORMAT_I420, DP_FORMAT_I420}, {GST_VIDEO_FORMAT_YV12, DP_FORMAT_I420},
    {GST_VIDEO_FORMAT_NV12, DP_FORMAT_NV12}, {GST_VIDEO_FORMAT_RGB, DP_FORMAT_RGB24},
    {GST_VIDEO_FORMAT_BGR, DP_FORMAT_BGR24}, {GST_VIDEO_FORMAT_RGBA, DP_FORMAT_RGBA},
    {GST_VIDEO_FORMAT_RGBx, DP_FORMAT_RGBA}, {GST_VIDEO_FORMAT_BGRA, DP_FORMAT_BGRA},
    {GST_VIDEO_FORMAT_BGRx, DP_FORMAT_BGRA}, {GST_VIDEO_FORMAT_GRAY8, DP_FORMAT_GRAY8},
};

static dp_format format_of(GstVideoFormat from) {
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].from == from) {
            return formats[i].to;
        }
    }
    return DP_FORMAT_UNKNOWN;
}

/* The matrix, or the nearest one: as `dualpath` reads video files. Caps without one are given
 * that of their size by gst_video_info_from_caps(). */
static dp_color color_of(const GstVideoColorimetry *colorimetry) {
    bool full = colorimetry->range == GST_VIDEO_COLOR_RANGE_0_255;
    switch (colorimetry->matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
        return full ? DP_COLOR_BT709_FULL : DP_COLOR_BT709_LIMITED;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
        return full ? DP_COLOR_BT2020_FULL : DP_COLOR_BT2020_LIMITED;
    default:
        return full ? DP_COLOR_BT601_FULL : DP_COLOR_BT601_LIMITED;
    }
}

/* The shape of a pixel: larger numbers than the library takes are halved together. */
static void set_aspect(dp_frame *frame, gint width, gint height) {
    while (width > DP_MAX_ASPECT || height > DP_MAX_ASPECT) {
        width = width / 2 + width % 2;
        height = height / 2 + height % 2;
    }
    bool known = width > 0 && height > 0;
    frame->aspect_width = known ? width : 0;
    frame->aspect_height = known ? height : 0;
}

const char *frame_set_shape(dp_frame *frame, const GstVideoInfo *info) {
    dp_format format = format_of(GST_VIDEO_INFO_FORMAT(info));
    bool yuv = format == DP_FORMAT_I420 || format == DP_FORMAT_NV12;
    if (format == DP_FORMAT_UNKNOWN) {
        return "frames of this format";
    }
    if (GST_VIDEO_INFO_WIDTH(info) > DP_MAX_FRAME_SIDE ||
        GST_VIDEO_INFO_HEIGHT(info) > DP_MAX_FRAME_SIDE) {
        return "frames of more than 65536 pixels a side";
    }
    if (!yuv && info->colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235) {
        return "RGB or grey frames of limited range";
    }
    frame->width = GST_VIDEO_INFO_WIDTH(info);
    frame->height = GST_VIDEO_INFO_HEIGHT(info);
    frame->format = format;
    frame->color = yuv ? color_of(&info->colorimetry) : 0;
    set_aspect(frame, GST_VIDEO_INFO_PAR_N(info), GST_VIDEO_INFO_PAR_D(info));
    return NULL;
}

void frame_set_orientation(dp_frame *frame, const gchar *orientation) {
    static const char *const names[] = {"rotate-0", "rotate-90", "rotate-180", "rotate-270"};
    bool mirrored = g_str_has_prefix(orientation, "flip-");
    const gchar *turn = orientation + (mirrored ? strlen("flip-") : 0);
    for (gint i = 0; i < (gint)G_N_ELEMENTS(names); i++) {
        if (strcmp(turn, names[i]) == 0) {
            frame->mirrored = mirrored;
            frame->rotation = 90 * i;
        }
    }
}

/* I420 and YV12 have their chroma planes in different order, and the same order of components. */
void frame_set_planes(dp_frame *frame, const GstVideoFrame *mapped) {
    bool planar = frame->format == DP_FORMAT_I420;
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(mapped); i++) {
        frame->plane[i] =
            planar ? GST_VIDEO_FRAME_COMP_DATA(mapped, i) : GST_VIDEO_FRAME_PLANE_DATA(mapped, i);
        frame->stride[i] = planar ? GST_VIDEO_FRAME_COMP_STRIDE(mapped, i)
                                  : GST_VIDEO_FRAME_PLANE_STRIDE(mapped, i);
    }
}
