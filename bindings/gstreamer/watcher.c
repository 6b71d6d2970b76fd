/*
 * watcher.c - frames in, in the streaming thread; windows and events out, in a thread of the run.
 */
#include "watcher.h"

#include "messages.h"

void watcher_init(watcher *w, GstElement *element) {
    w->element = element;
    w->last_us = G_MININT64;
    w->answer = -1;
    gst_segment_init(&w->segment, GST_FORMAT_UNDEFINED);
    g_mutex_init(&w->stream_lock);
    g_mutex_init(&w->answer_lock);
}

void watcher_clear(watcher *w) {
    g_mutex_clear(&w->stream_lock);
    g_mutex_clear(&w->answer_lock);
}

/* ---- the thread of a run ---- */

static void warn(const watcher *w) {
    GST_ELEMENT_WARNING(w->element, LIBRARY, FAILED, ("%s", dp_last_message()), (NULL));
}

static void post_events(watcher *w) {
    dp_event event;
    while (dp_events_next(w->events, &event) == 1) {
        g_autofree gchar *label = messages_label(w->model, event.index);
        messages_post_event(w->element, &w->segment, label, &event);
    }
}

static void keep_answer(watcher *w, const dp_window *window, const dp_prediction *top) {
    g_mutex_lock(&w->answer_lock);
    w->answer = top->index;
    w->score = top->probability;
    w->dropped = (guint64)window->dropped;
    g_mutex_unlock(&w->answer_lock);
}

static void take_window(watcher *w, const dp_window *window) {
    dp_prediction top = {0};
    if (dp_stream_top(w->stream, 1, &top) != DP_OK) {
        warn(w);
        return;
    }
    keep_answer(w, window, &top);
    g_autofree gchar *label = messages_label(w->model, top.index);
    messages_post_window(w->element, &w->segment, label, window, &top);
    if (w->events != NULL && dp_events_push_window(w->events, window) != DP_OK) {
        warn(w);
    } else if (w->events != NULL) {
        post_events(w);
    }
}

static void end_stream(watcher *w) {
    g_mutex_lock(&w->stream_lock);
    (void)dp_stream_finish(w->stream);
    g_mutex_unlock(&w->stream_lock);
}

/* Frames are refused from now on, the one that waits among them. */
static void fail(watcher *w, dp_status status) {
    messages_post_error(w->element, status, w->options.model);
    g_atomic_int_set(&w->failed, TRUE);
    end_stream(w);
}

static gpointer run(gpointer user) {
    watcher *w = user;
    dp_window window;
    dp_status status = DP_OK;
    dp_window_default(&window);
    do {
        status = dp_stream_next(w->stream, -1, &window);
        if (status == DP_ERR_NUMERIC) { /* of one window, which is left out */
            warn(w);
        } else if (status == DP_OK && window.ready) {
            take_window(w, &window);
        }
    } while (status == DP_ERR_NUMERIC || (status == DP_OK && window.ready));
    if (status != DP_OK && status != DP_ERR_CANCELLED) {
        fail(w, status);
    } else if (status == DP_OK && w->events != NULL && !g_atomic_int_get(&w->interrupted)) {
        (void)dp_events_finish(w->events);
        post_events(w);
    }
    return NULL;
}

static bool ensure_thread(watcher *w) {
    g_autoptr(GError) error = NULL;
    if (w->thread == NULL) {
        w->thread = g_thread_try_new("dualpath", run, w, &error);
    }
    if (w->thread == NULL) {
        GST_ELEMENT_ERROR(w->element, RESOURCE, FAILED, ("%s", error->message), (NULL));
    }
    return w->thread != NULL;
}

/* ---- the streaming thread ---- */

/* Time does not go back within a run, whatever a source says. */
GstFlowReturn watcher_push(watcher *w, const dp_frame *frame, GstClockTime position) {
    gint64 time_us = MAX(messages_microseconds(position), w->last_us);
    if (!ensure_thread(w)) {
        return GST_FLOW_ERROR;
    }
    dp_status status = dp_stream_push(w->stream, frame, time_us);
    if (status == DP_OK) {
        w->last_us = time_us;
        return GST_FLOW_OK;
    }
    if (g_atomic_int_get(&w->interrupted)) {
        return GST_FLOW_FLUSHING;
    }
    if (!g_atomic_int_get(&w->failed)) {
        messages_post_error(w->element, status, "frame");
    }
    return GST_FLOW_ERROR;
}

static void join_thread(watcher *w) {
    end_stream(w);
    g_clear_pointer(&w->thread, g_thread_join);
}

/* With the stream's lock, and no thread. */
static void begin_run(watcher *w) {
    (void)dp_stream_reset(w->stream);
    if (w->events != NULL) {
        (void)dp_events_reset(w->events);
    }
    g_atomic_int_set(&w->failed, FALSE);
    w->last_us = G_MININT64;
    g_mutex_lock(&w->answer_lock);
    w->answer = -1;
    w->dropped_before += w->dropped;
    w->dropped = 0;
    g_mutex_unlock(&w->answer_lock);
}

/* Whoever interrupts a drain resets later: the stream stays finished until then. */
void watcher_drain(watcher *w) {
    if (w->thread == NULL) {
        return;
    }
    join_thread(w);
    g_mutex_lock(&w->stream_lock);
    if (!g_atomic_int_get(&w->interrupted)) {
        begin_run(w);
    }
    g_mutex_unlock(&w->stream_lock);
}

void watcher_interrupt(watcher *w) {
    g_mutex_lock(&w->stream_lock);
    g_atomic_int_set(&w->interrupted, TRUE);
    if (w->stream != NULL) {
        (void)dp_stream_finish(w->stream);
    }
    g_mutex_unlock(&w->stream_lock);
}

void watcher_reset(watcher *w) {
    join_thread(w);
    g_mutex_lock(&w->stream_lock);
    begin_run(w);
    g_atomic_int_set(&w->interrupted, FALSE);
    g_mutex_unlock(&w->stream_lock);
}

/* ---- what is known ---- */

gchar *watcher_answer(watcher *w, gfloat *score) {
    g_mutex_lock(&w->answer_lock);
    gint answer = w->answer;
    *score = w->score;
    g_mutex_unlock(&w->answer_lock);
    return answer >= 0 ? messages_label(w->model, answer) : NULL;
}

guint64 watcher_dropped(watcher *w) {
    g_mutex_lock(&w->answer_lock);
    guint64 dropped = w->dropped_before + w->dropped;
    g_mutex_unlock(&w->answer_lock);
    return dropped;
}
