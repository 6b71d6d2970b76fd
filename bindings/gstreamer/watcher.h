/*
 * watcher.h - a model that looks at frames in a thread of its own, and says on the bus what it
 * sees.
 *
 * Frames between two drains or resets are a run: one stream of windows. Calls come from the
 * streaming thread, one at a time, but for watcher_interrupt() and watcher_dropped(), which any
 * thread may make at any time between watcher_init() and watcher_clear().
 */
#ifndef WATCHER_H
#define WATCHER_H

#include "dualpath.h"
#include "properties.h"

#include <stdbool.h>

typedef struct watcher {
    GstElement *element; /* which messages come from */
    watch_options options;
    dp_model *model;
    dp_session *session;
    dp_events *events;        /* NULL: nobody wants them */
    GstSegment segment;       /* of the frames; the caller sets it between two runs */
    GThread *thread;          /* of the run; NULL before its first frame */
    gint64 last_us;           /* of the run */
    gint interrupted, failed; /* atomic */

    GMutex stream_lock; /* one call of finish, reset and destroy at a time */
    dp_stream *stream;

    GMutex answer_lock; /* what follows */
    gint answer;        /* the class of the run's last window, or -1 */
    gfloat score;
    guint64 dropped_before, dropped; /* frames of earlier runs, and of this one */
} watcher;

void watcher_init(watcher *w, GstElement *element);
void watcher_clear(watcher *w);

/* Opens the model. False: the element has posted why not, and nothing is open. */
bool watcher_open(watcher *w, const watch_options *options);
void watcher_close(watcher *w);

/* Looks at a frame, whose bytes are not needed any more when the call returns. With `sync` it waits
 * for a place in the queue. GST_FLOW_ERROR: the element has posted why. */
GstFlowReturn watcher_push(watcher *w, const dp_frame *frame, GstClockTime position);

/* Ends the run: returns when all of its windows and events have been posted. */
void watcher_drain(watcher *w);

/* Calls that wait return soon, and frames are refused, until watcher_reset(). */
void watcher_interrupt(watcher *w);

/* Ends the run; what it has not posted is lost. */
void watcher_reset(watcher *w);

/* The label of the run's last window as a new string, and its probability; NULL: there is none. */
gchar *watcher_answer(watcher *w, gfloat *score);

/* Frames that were dropped since watcher_open(), as far as windows have said so. */
guint64 watcher_dropped(watcher *w);

#endif /* WATCHER_H */
