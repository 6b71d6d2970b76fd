/*
 * video_pixels.h - ffmpeg's pixel formats: which one a video is asked for in, so that its samples
 * stay as they are.
 */
#ifndef VIDEO_PIXELS_H
#define VIDEO_PIXELS_H

#include "frames_planes.h"

typedef struct video_pixels {
    char name[32]; /* for -pix_fmt */
    bool rgb;      /* packed, and there are no planes */
    plane_layout layout;
} video_pixels;

/* For a video whose frames have this format. */
video_pixels video_pixels_of(const char *name);

#endif /* VIDEO_PIXELS_H */
