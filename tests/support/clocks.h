/*
 * Clocks in milliseconds, and waiting. A test that includes this begins with
 * _POSIX_C_SOURCE 200809L.
 */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <check.h>
#include <errno.h>
#include <time.h>

static inline double clock_ms(clockid_t clock) {
    struct timespec time;
    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static inline void sleep_ms(long milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

#endif /* CLOCKS_H */
