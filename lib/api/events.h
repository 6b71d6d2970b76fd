/*
 * What a dp_events is: smoothed windows go in (events.c), and each class has an event that goes on
 * or is over (events_track.c).
 */
#ifndef DPI_EVENTS_H
#define DPI_EVENTS_H

#include "api/structs.h"
#include "base/arena.h"

#include <stdbool.h>

/* A window on its way through the smoothing. */
typedef struct dpi_event_window {
    int64_t start_us, end_us;
    float *probabilities; /* [classes] */
} dpi_event_window;

typedef enum dpi_event_state {
    DPI_EVENT_NONE,
    DPI_EVENT_OPEN, /* goes on */
    DPI_EVENT_ENDED /* ended, but the next one may join it */
} dpi_event_state;

typedef struct dpi_class_events {
    dpi_event_state state;
    bool is_ignored, is_over;
    double sum; /* of smoothed probabilities */
    dp_event event;
    dp_event over; /* if is_over: it waits for the caller */
} dpi_class_events;

struct dp_events {
    size_t bytes;
    dp_events_options options; /* without zeros that stand for something else */
    size_t classes;
    dpi_class_events *of;      /* [classes] */
    dpi_event_window *windows; /* [smooth] window i is i % smooth */
    float *smoothed;           /* [classes] */
    size_t over;               /* events that wait for the caller */
    int64_t pushed, tracked;   /* windows */
    int64_t border_us;         /* where the last tracked window begins */
    int64_t middle_us;         /* its middle */
    bool finished;             /* no more windows come, */
    bool ended;                /* and all events are over */
};

/* The next window: its smoothed probabilities, middle and border are set. (events_track.c) */
void dpi_events_track(dp_events *events);
/* The last one is over at `end_us`. */
void dpi_events_end_all(dp_events *events, int64_t end_us);

#endif /* DPI_EVENTS_H */
