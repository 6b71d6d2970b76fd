/*
 * Condition variables of macOS, which know the time of day only, and durations.
 */
#if !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE /* pthread_cond_timedwait_relative_np() */
#endif

#include "os/lock.h"

#if !defined(DP_NO_THREADS) && defined(__APPLE__)

#include "os/clock.h"

#include <time.h>

int dpi_condition_init(dpi_condition *condition) {
    return pthread_cond_init(condition, NULL);
}

bool dpi_condition_wait(dpi_condition *condition, dpi_lock *lock, double deadline_ms) {
    if (deadline_ms < 0.0) {
        return pthread_cond_wait(condition, lock) == 0;
    }
    double left_ms = deadline_ms - dpi_clock_ms();
    if (left_ms <= 0.0) {
        return false;
    }
    time_t seconds = (time_t)(left_ms / 1e3);
    struct timespec left = {
        .tv_sec = seconds,
        .tv_nsec = (long)((left_ms - (double)seconds * 1e3) * 1e6),
    };
    return pthread_cond_timedwait_relative_np(condition, lock, &left) == 0;
}

#endif
