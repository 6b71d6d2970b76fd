/*
 * progress.c - the progress bar, the clock behind it, and signals that stop work through it.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define APPEARS_AFTER_MS 500
#define REDRAWN_AFTER_MS 50
#define BAR_WIDTH 40

/* timeout(1) and others send a signal to us and then to our group: two that are one wish. */
#define SAME_INTERRUPT_MS 300

static volatile sig_atomic_t interrupt_seen;
static double interrupt_ms; /* of the first; only the handler uses it */

/* Signal-safe: clock_gettime(), signal() and raise() are. */
static void on_interrupt(int number) {
    if (!interrupt_seen) {
        interrupt_ms = now_ms();
        interrupt_seen = 1;
    } else if (now_ms() - interrupt_ms > SAME_INTERRUPT_MS) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
}

/* Without SA_RESTART, so that waiting for a pipe ends as well. Who started us with the signal
 * ignored, as shells do for jobs in the background, wants that. */
static void catch_signal(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_IGN) {
        return;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(number, &action, NULL);
}

void catch_interrupts(void) {
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
    catch_signal(SIGHUP);
}

bool interrupted(void) {
    return interrupt_seen != 0;
}

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
