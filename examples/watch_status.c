/*
 * watch_status.c - windows, frames a second, and how far a camera is ahead of the answers.
 */
#define _POSIX_C_SOURCE 200809L
#include "watch_status.h"

#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#define REDRAWN_AFTER_MS 200
#define LINE_WIDTH 70

void watch_status_start(watch_status *s, bool quiet) {
    *s = (watch_status){.enabled = !quiet && isatty(STDERR_FILENO)};
}

/* A file may be read faster than it is shown: it is never behind. */
static void draw(const watch_status *s, double now, double second) {
    char line[LINE_WIDTH + 1];
    double passed = 1e-3 * (now - s->start_ms);
    double rate = passed > 0 ? (double)(s->frames - 1) / passed : 0;
    int used = snprintf(line, sizeof line, "%" PRId64 " windows, %.1f frames/s", s->windows, rate);
    if (!isnan(second) && used > 0 && used < LINE_WIDTH) {
        snprintf(line + used, sizeof line - (size_t)used, ", %.1f s behind",
                 passed > second ? passed - second : 0);
    }
    fprintf(stderr, "\r%-*s", LINE_WIDTH, line);
    fflush(stderr);
}

void watch_status_show(watch_status *s, double second) {
    double now = s->enabled ? now_ms() : 0;
    s->start_ms = s->frames == 0 ? now : s->start_ms;
    s->frames++;
    if (s->enabled && now - s->drawn_ms > REDRAWN_AFTER_MS) {
        draw(s, now, second);
        s->drawn_ms = now;
        s->visible = true;
    }
}

void watch_status_clear(watch_status *s) {
    if (s->visible) {
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
        fflush(stderr);
        s->visible = false;
    }
}
