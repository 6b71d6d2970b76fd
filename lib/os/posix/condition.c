/*
 * Waiting by the clock of POSIX, which conditions can be told.
 */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "os/lock.h"

#if !defined(DP_NO_THREADS) && !defined(__APPLE__)

#include <time.h>

/* The clock of dpi_clock_ms(), which nobody sets. */
int dpi_condition_init(dpi_condition *condition) {
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error == 0) {
        error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (error == 0) {
            error = pthread_cond_init(condition, &attributes);
        }
        (void)pthread_condattr_destroy(&attributes);
    }
    return error;
}

bool dpi_condition_wait(dpi_condition *condition, dpi_lock *lock, double deadline_ms) {
    if (deadline_ms < 0.0) {
        return pthread_cond_wait(condition, lock) == 0;
    }
    time_t seconds = (time_t)(deadline_ms / 1e3);
    struct timespec deadline = {
        .tv_sec = seconds,
        .tv_nsec = (long)((deadline_ms - (double)seconds * 1e3) * 1e6),
    };
    return pthread_cond_timedwait(condition, lock, &deadline) == 0;
}

#endif
