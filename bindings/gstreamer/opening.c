/*
 * opening.c - opens what a watcher computes with: model, session, stream and events.
 */
#include "messages.h"
#include "watcher.h"

static void post_warning(void *user, dp_log_level level, const char *message) {
    if (level == DP_LOG_WARNING) {
        GST_ELEMENT_WARNING(user, LIBRARY, SETTINGS, ("%s", message), (NULL));
    }
}

/* Posts what is wrong with `subject`, a file or the element. */
static bool check(const watcher *w, dp_status status, const char *subject) {
    if (status != DP_OK) {
        messages_post_error(w->element, status, subject);
    }
    return status == DP_OK;
}

static dp_model_options model_options(const watcher *w) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.log = post_warning;
    options.log_user = w->element;
    options.precision = w->options.precision;
    options.as_backbone = w->options.backbone != NULL;
    return options;
}

/* A task holds on to its backbone, and computes as that was opened. */
static bool open_task(watcher *w) {
    dp_model *backbone = NULL;
    dp_model_options options = model_options(w);
    bool opened =
        check(w, dp_model_open(w->options.backbone, &options, &backbone), w->options.backbone) &&
        check(w, dp_model_open_task(backbone, w->options.model, NULL, &w->model), w->options.model);
    dp_model_close(backbone);
    return opened;
}

static bool open_model(watcher *w) {
    dp_model_options options = model_options(w);
    if (w->options.model == NULL) {
        GST_ELEMENT_ERROR(w->element, RESOURCE, NOT_FOUND,
                          ("The property model names no weight file."), (NULL));
        return false;
    }
    return w->options.backbone != NULL
               ? open_task(w)
               : check(w, dp_model_open(w->options.model, &options, &w->model), w->options.model);
}

static int is_interrupted(void *user, const char *stage, double fraction) {
    (void)stage;
    (void)fraction;
    return g_atomic_int_get(&((watcher *)user)->interrupted);
}

static bool open_session(watcher *w) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.progress = is_interrupted;
    options.progress_user = w;
    options.threads = w->options.threads;
    return check(w, dp_session_create(w->model, &options, &w->session), w->options.model);
}

static bool open_stream(watcher *w) {
    dp_stream_options options;
    dp_stream_options_default(&options);
    options.hop = w->options.hop;
    options.rate = w->options.rate;
    options.sample_fps = w->options.sample_fps;
    options.queue = w->options.queue;
    options.full = w->options.sync ? DP_FULL_WAIT : DP_FULL_DROP;
    return check(w, dp_stream_create(w->session, &options, &w->stream), w->options.model);
}

static gint64 microseconds(gdouble seconds) {
    return (gint64)(1e6 * seconds + 0.5);
}

/* All classes of that label. */
static bool ignore_background(watcher *w, gint classes) {
    const gchar *background = w->options.background;
    bool found = background == NULL;
    for (gint i = 0; background != NULL && i < classes; i++) {
        g_autofree gchar *label = messages_label(w->model, i);
        if (g_strcmp0(label, background) == 0) {
            found = dp_events_ignore(w->events, i) == DP_OK;
        }
    }
    if (!found) {
        GST_ELEMENT_ERROR(w->element, LIBRARY, SETTINGS,
                          ("background: the model has no class '%s'", background), (NULL));
    }
    return found;
}

static bool open_events(watcher *w, gint classes) {
    dp_events_options options;
    dp_events_options_default(&options);
    options.begin_at = w->options.threshold;
    options.smooth = w->options.smooth;
    options.shortest_us = microseconds(w->options.shortest);
    options.join_us = microseconds(w->options.join);
    options.single = !w->options.several;
    return check(w, dp_events_create(classes, &options, &w->events), "events") &&
           ignore_background(w, classes);
}

static bool check_classes(const watcher *w, dp_model_info *info) {
    dp_model_info_default(info);
    if (!check(w, dp_model_get_info(w->model, info), w->options.model)) {
        return false;
    }
    if (info->classes == 0) {
        GST_ELEMENT_ERROR(w->element, RESOURCE, SETTINGS,
                          ("%s: has no classes, so that there is nothing to say", w->options.model),
                          (NULL));
    }
    return info->classes > 0;
}

bool watcher_open(watcher *w, const watch_options *options) {
    dp_model_info info;
    w->options = properties_copy(options);
    w->dropped_before = w->dropped = 0;
    bool opened = open_model(w) && check_classes(w, &info) && open_session(w) && open_stream(w) &&
                  (!w->options.events || open_events(w, info.classes));
    if (!opened) {
        watcher_close(w);
    }
    return opened;
}

void watcher_close(watcher *w) {
    g_mutex_lock(&w->stream_lock);
    g_clear_pointer(&w->stream, dp_stream_destroy);
    g_mutex_unlock(&w->stream_lock);
    g_clear_pointer(&w->events, dp_events_destroy);
    g_clear_pointer(&w->session, dp_session_destroy);
    g_clear_pointer(&w->model, dp_model_close);
    properties_clear(&w->options);
}
