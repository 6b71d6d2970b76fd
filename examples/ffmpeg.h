/*
 * ffmpeg.h - decodes a film, or a list of pictures, by the ffmpeg in PATH.
 */
#ifndef FFMPEG_H
#define FFMPEG_H

#include "video_facts.h"

typedef struct ffmpeg_input {
    const char *path;     /* of a film */
    const char *pictures; /* or a script of ffmpeg's concat demuxer; no frame has a time */
    size_t count;         /* of frames; 0: ffprobe is asked, if that matters */
} ffmpeg_input;

/* Reads all frames, which are as `facts` say. */
bool ffmpeg_decode(frame_list *list, const ffmpeg_input *input, const video_facts *facts,
                   int32_t color);

#endif /* FFMPEG_H */
