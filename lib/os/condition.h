/*
 * Condition variables whose waits end by the clock of dpi_clock_ms(), which nobody sets.
 * (condition.c, and for macOS condition_macos.c)
 */
#ifndef DPI_CONDITION_H
#define DPI_CONDITION_H

#include "dp_config.h"
#include "os/clock.h"

#if !defined(DP_NO_THREADS)

#include <pthread.h>
#include <stdbool.h>

/* 0, or the error. */
int dpi_condition_init(pthread_cond_t *condition);

/* Waits with the lock held, which is given up meanwhile, until somebody signals, or a moment that
 * the system chooses, or until `deadline_ms`; a negative one is never reached. False: it was
 * reached. */
bool dpi_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double deadline_ms);

#endif

#endif /* DPI_CONDITION_H */
