/*
 * frame.h - frames of GStreamer as the library takes them.
 */
#ifndef FRAME_H
#define FRAME_H

#include "dualpath.h"

#include <gst/video/video.h>
#include <stdbool.h>

/* Formats of caps that are a dp_format. */
#define FRAME_FORMATS "{ I420, YV12, NV12, RGB, BGR, RGBA, RGBx, BGRA, BGRx, GRAY8 }"

/* All of a frame but its planes. Returns NULL, or what the library cannot take: a sentence that
 * begins with a noun. The caller keeps rotation and mirrored, which caps do not state. */
const char *frame_set_shape(dp_frame *frame, const GstVideoInfo *info);

/* Reads GST_TAG_IMAGE_ORIENTATION; what is no orientation changes nothing. */
void frame_set_orientation(dp_frame *frame, const gchar *orientation);

/* The planes of a frame that is mapped, and stays so while the library looks at it. */
void frame_set_planes(dp_frame *frame, const GstVideoFrame *mapped);

#endif /* FRAME_H */
