/*
 * video_facts.h - what ffprobe says of a video file: how its frames are stored and shown.
 */
#ifndef VIDEO_FACTS_H
#define VIDEO_FACTS_H

#include "frames.h"

/* Of the first frame of the first video stream. */
typedef struct video_facts {
    int32_t width, height;
    char pixels[32];                /* ffmpeg's name of the format */
    int32_t matrix;                 /* DP_COLOR_*_LIMITED; DP_COLOR_UNKNOWN: it does not say */
    bool limited_range, full_range; /* neither: it does not say */
    int32_t aspect[2];              /* 0 and 0: it does not say */
    bool turned;                    /* the next two are known */
    int32_t rotation, mirrored;     /* of dp_frame */
    bool interlaced;
    uint32_t rate[2];    /* frames a second, on average; 0 and 0: it does not say */
    bool has_fps_mode;   /* ffmpeg 5.1 and later, where -vsync is deprecated */
    bool has_named_base; /* ffmpeg 7.0 and later, where -enc_time_base -1 is */
} video_facts;

/* Asks about `path`. On failure the list has a sentence. */
bool video_facts_read(video_facts *facts, frame_list *list, const char *path);
/* How many frames the file states; 0: it does not say. They are counted without decoding, and may
 * be others. */
size_t video_count_packets(frame_list *list, const char *path);

/* `path` as ffmpeg takes it: no option, no protocol. The caller frees it; NULL: no memory. */
char *video_url(frame_list *list, const char *path);

/* Says why a program of ffmpeg cannot be started, and returns false. */
bool video_refuse_missing(frame_list *list, const char *program, int error);
/* What it said last, without the name of the input or of the part of it that spoke. */
const char *video_last_words(const char *last_error, const char *url);

#endif /* VIDEO_FACTS_H */
