/*
 * progress.c - the progress bar, the clock behind it, and Ctrl-C that stops work through it.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <time.h>
#include <unistd.h>

#define APPEARS_AFTER_MS 500
#define REDRAWN_AFTER_MS 50
#define BAR_WIDTH 40

double now_ms(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

void progress_start(progress *p, bool quiet) {
    *p = (progress){.start_ms = now_ms(), .share = 1, .enabled = !quiet && isatty(STDERR_FILENO)};
}

static void draw(progress *p, const char *stage, double fraction) {
    char bar[BAR_WIDTH + 1];
    int full = (int)(fraction * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < full ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3d %% %-10s", bar, (int)(fraction * 100), stage);
    fflush(stderr);
    p->visible = true;
}

int progress_report(void *user, const char *stage, double fraction) {
    progress *p = user;
    double now = p->enabled ? now_ms() : 0;
    if (p->enabled && now - p->start_ms > APPEARS_AFTER_MS &&
        now - p->drawn_ms > REDRAWN_AFTER_MS) {
        draw(p, stage, p->before + p->share * fraction);
        p->drawn_ms = now;
    }
    return interrupted();
}

void progress_clear(progress *p) {
    if (p->visible) {
        fprintf(stderr, "\r%*s\r", BAR_WIDTH + 20, "");
        fflush(stderr);
        p->visible = false;
    }
}
