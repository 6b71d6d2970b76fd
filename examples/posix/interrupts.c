/*
 * interrupts.c - signals that end the program.
 */
#define _POSIX_C_SOURCE 200809L
#include "../cli.h"

#include <signal.h>
#include <string.h>

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
