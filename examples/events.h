/*
 * events.h - how `dualpath watch` writes what happened when: lines for people, JSON, subtitles.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "cli.h"
#include "output.h"

typedef struct event_options {
    int32_t print;  /* instead of windows */
    int32_t smooth; /* windows; 0: the library's default, as of the next two */
    int32_t several;
    double threshold, shortest, join; /* seconds, of the last two */
    const char *background;           /* a label, or NULL */
    const char *srt, *vtt;            /* files, or NULL */
} event_options;

/* Refuses options that would do nothing or cannot be together. Returns an exit status. */
int events_check(const event_options *o);

typedef struct event_writer {
    const dp_model *model;
    dp_events *events; /* NULL: nobody wants them */
    bool print, json;
    long count;
    output *srt, *vtt;
} event_writer;

/* Returns an exit status; what is wrong has been printed. */
int events_open(event_writer *w, const engine *e, const event_options *o, bool as_json,
                const char *model_path);
/* A window that has times. False: a file cannot be written any more, or the output. */
bool events_add(event_writer *w, const dp_window *window);
/* No more windows come. */
bool events_end(event_writer *w);
/* What was written of subtitles stays, unless `drop`. Returns an exit status. */
int events_close(event_writer *w, bool drop);

#endif /* EVENTS_H */
