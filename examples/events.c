/*
 * events.c - events of `dualpath watch`, each as soon as it is over.
 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

static bool are_wanted(const event_options *o) {
    return o->print != 0 || o->srt != NULL || o->vtt != NULL;
}

int events_check(const event_options *o) {
    bool chosen = o->smooth > 0 || o->several != 0 || o->threshold > 0 || o->shortest > 0 ||
                  o->join > 0 || o->background != NULL;
    if (chosen && !are_wanted(o)) {
        complain("--events", "is missing, or --srt or --vtt: the other options are about events");
        return STATUS_USAGE;
    }
    if (o->several != 0 && (o->srt != NULL || o->vtt != NULL)) {
        complain("--several", "has events at the same time, which subtitles cannot show");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

/* ---- before the first window ---- */

static int64_t microseconds(double seconds) {
    return (int64_t)(1e6 * seconds + 0.5);
}

/* As it is printed; "class N" where the model has no label. */
static const char *label_of(const dp_model *model, int32_t index, char unnamed[32]) {
    const char *label = dp_model_label(model, index);
    (void)snprintf(unnamed, 32, "class %d", (int)index);
    return label[0] != '\0' ? label : unnamed;
}

/* All classes of that label. */
static int ignore_background(event_writer *w, int32_t classes, const char *background) {
    bool found = background == NULL;
    for (int32_t i = 0; background != NULL && i < classes; i++) {
        char unnamed[32];
        if (strcmp(label_of(w->model, i, unnamed), background) == 0) {
            found = dp_events_ignore(w->events, i) == DP_OK;
        }
    }
    if (!found) {
        complain("--background", "the model has no class '%s'", background);
    }
    return found ? STATUS_OK : STATUS_USAGE;
}

static int open_subtitles(event_writer *w, const event_options *o) {
    if (o->srt != NULL && (w->srt = output_begin("--srt", o->srt)) == NULL) {
        return STATUS_ERROR;
    }
    if (o->vtt != NULL && (w->vtt = output_begin("--vtt", o->vtt)) == NULL) {
        return STATUS_ERROR;
    }
    if (w->vtt != NULL) {
        (void)output_add(w->vtt, "WEBVTT\n\n", 8);
    }
    return STATUS_OK;
}

int events_open(event_writer *w, const engine *e, const event_options *o, bool as_json,
                const char *model_path) {
    dp_events_options options;
    *w = (event_writer){.model = e->model, .print = o->print != 0, .json = as_json};
    if (!are_wanted(o)) {
        return STATUS_OK;
    }
    if (e->info.classes == 0) {
        complain(model_path, "has no classes, so that there are no events");
        return STATUS_ERROR;
    }
    dp_events_options_default(&options);
    options.begin_at = o->threshold > 0 ? o->threshold : options.begin_at;
    options.smooth = o->smooth > 0 ? o->smooth : options.smooth;
    options.shortest_us = microseconds(o->shortest);
    options.join_us = microseconds(o->join);
    options.single = o->several == 0;
    dp_status status = dp_events_create(e->info.classes, &options, &w->events);
    if (status == DP_ERR_ARGUMENT) {
        complain("events", "%s", dp_last_message());
        return STATUS_USAGE;
    }
    int result = check_status(status, model_path);
    if (result == STATUS_OK) {
        result = ignore_background(w, e->info.classes, o->background);
    }
    return result == STATUS_OK ? open_subtitles(w, o) : result;
}

/* ---- an event ---- */

static void print_line(const dp_event *event, const char *label) {
    printf("%8.2f .. %.2f s  ", 1e-6 * (double)event->start_us, 1e-6 * (double)event->end_us);
    print_text(stdout, label);
    printf("  %.2f %% (mean %.2f %%)\n", 100 * (double)event->peak, 100 * (double)event->mean);
}

static void add_number(json *j, const char *key, double number) {
    json_key(j, key);
    json_number(j, number);
}

static void print_json(const event_writer *w, const dp_event *event, const char *label) {
    json j = {stdout, false};
    json_open(&j, '{');
    json_key(&j, "event");
    json_integer(&j, w->count);
    json_key(&j, "index");
    json_integer(&j, event->index);
    json_key(&j, "label");
    json_string(&j, label);
    add_number(&j, "start", 1e-6 * (double)event->start_us);
    add_number(&j, "end", 1e-6 * (double)event->end_us);
    add_number(&j, "peak", (double)event->peak);
    add_number(&j, "peak_time", 1e-6 * (double)event->peak_us);
    add_number(&j, "mean", (double)event->mean);
    json_key(&j, "windows");
    json_integer(&j, event->windows);
    json_close(&j, '}');
    putchar('\n');
}

/* "01:02:03,456", with the point of WebVTT instead of the comma of SubRip. */
static void print_time(char text[32], int64_t time_us, char point) {
    long long ms = time_us > 0 ? (time_us + 500) / 1000 : 0;
    (void)snprintf(text, 32, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60,
                   ms / 1000 % 60, point, ms % 1000);
}

/* WebVTT has escapes. SubRip has none: angle brackets begin tags, braces commands of players, and
 * what looks like them stands in their place. */
static const escape vtt_escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\0', NULL}};
static const escape srt_escapes[] = {
    {'<', "\xe2\x80\xb9"}, {'>', "\xe2\x80\xba"}, {'{', "("}, {'}', ")"}, {'\0', NULL}};

static bool add_subtitle(const event_writer *w, output *to, char point, const escape *escapes,
                         const dp_event *event, const char *label) {
    char start[32], end[32], head[128];
    print_time(start, event->start_us, point);
    print_time(end, event->end_us, point);
    (void)snprintf(head, sizeof head, "%ld\n%s --> %s\n", w->count + 1, start, end);
    return output_add(to, head, strlen(head)) && output_add_line(to, label, escapes) &&
           output_add(to, "\n\n", 2);
}

static bool write_event(event_writer *w, const dp_event *event) {
    char unnamed[32];
    const char *label = label_of(w->model, event->index, unnamed);
    bool done = w->srt == NULL || add_subtitle(w, w->srt, ',', srt_escapes, event, label);
    done = (w->vtt == NULL || add_subtitle(w, w->vtt, '.', vtt_escapes, event, label)) && done;
    if (w->print && w->json) {
        print_json(w, event, label);
    } else if (w->print) {
        print_line(event, label);
    }
    w->count++;
    return done && (!w->print || fflush(stdout) == 0);
}

static bool write_events(event_writer *w) {
    dp_event event;
    bool done = true;
    while (done && dp_events_next(w->events, &event) == 1) {
        done = write_event(w, &event);
    }
    return done;
}

bool events_add(event_writer *w, const dp_window *window) {
    if (w->events == NULL) {
        return true;
    }
    if (dp_events_push_window(w->events, window) != DP_OK) {
        complain("warning", "%s", dp_last_message());
        return true;
    }
    return write_events(w);
}

bool events_end(event_writer *w) {
    return w->events == NULL || (dp_events_finish(w->events) == DP_OK && write_events(w));
}

static int close_file(output *file, bool drop) {
    if (file != NULL && drop) {
        output_drop(file);
        return STATUS_OK;
    }
    return file == NULL || output_end(file) ? STATUS_OK : STATUS_ERROR;
}

int events_close(event_writer *w, bool drop) {
    int srt = close_file(w->srt, drop);
    int vtt = close_file(w->vtt, drop);
    dp_events_destroy(w->events);
    return srt != STATUS_OK ? srt : vtt;
}
