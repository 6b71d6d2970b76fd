/*
 * timeline_draw.h - what timeline.c keeps and timeline_draw.c draws.
 */
#ifndef TIMELINE_DRAW_H
#define TIMELINE_DRAW_H

#include "timeline.h"

enum {
    TIMELINE_COLUMNS = 1024,
    TIMELINE_PICTURES = 64,
    TIMELINE_THUMBNAIL = 72 /* pixels a side */
};

struct timeline {
    const dp_model *model;
    dp_model_info info;
    long windows;
    double start, end;   /* of all windows, in seconds */
    double first_middle; /* of the first window: the middle of column 0 */
    double column_seconds;
    size_t columns;
    float *sums; /* [TIMELINE_COLUMNS][classes] of the probabilities of the windows in a column */
    int counts[TIMELINE_COLUMNS];
    size_t pictures;
    double picture_seconds; /* at least from one to the next */
    double picture_time[TIMELINE_PICTURES];
    uint8_t *thumbnails; /* [TIMELINE_PICTURES][side][side][3] */
};

#endif /* TIMELINE_DRAW_H */
