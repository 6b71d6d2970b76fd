/*
 * windows.h - how `dualpath watch` writes its windows: lines for people, JSON, CSV.
 */
#ifndef WINDOWS_H
#define WINDOWS_H

#include "cli.h"
#include "output.h"

typedef struct window_writer {
    bool print, json, timed; /* timed: the input says when its frames are shown */
    output *csv;             /* or NULL */
    dp_prediction *top;
    int32_t top_count;
} window_writer;

/* Writes a line to standard output, if it is to print, and rows. False: one of them cannot be
 * written any more. */
bool windows_write(const window_writer *w, const dp_window *window);
/* The first row. If it cannot be written, no later one can. */
void windows_begin_csv(const window_writer *w);

#endif /* WINDOWS_H */
