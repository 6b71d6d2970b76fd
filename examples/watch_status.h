/*
 * watch_status.h - the line on stderr that says how far `dualpath watch` is.
 */
#ifndef WATCH_STATUS_H
#define WATCH_STATUS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct watch_status {
    double start_ms, drawn_ms;
    int64_t windows, frames;
    bool enabled, visible;
} watch_status;

/* None if stderr is not a terminal. */
void watch_status_start(watch_status *s, bool quiet);
/* A frame came that is shown at this second of the video, or NAN. */
void watch_status_show(watch_status *s, double second);
/* Before anything else is printed. */
void watch_status_clear(watch_status *s);

#endif /* WATCH_STATUS_H */
