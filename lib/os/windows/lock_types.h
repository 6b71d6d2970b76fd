/*
 * What locks, conditions and threads of os/lock.h are on Windows: SRWLOCK and CONDITION_VARIABLE by
 * other names, because headers of ours do not include those of the system.
 */
#ifndef DPI_WINDOWS_LOCK_TYPES_H
#define DPI_WINDOWS_LOCK_TYPES_H

#include "dp_config.h"

#if !defined(DP_NO_THREADS)

typedef struct dpi_lock {
    void *state;
} dpi_lock;

typedef struct dpi_condition {
    void *state;
} dpi_condition;

typedef struct dpi_thread {
    void *handle;
    void (*run)(void *argument);
    void *argument;
} dpi_thread;

#endif

#endif /* DPI_WINDOWS_LOCK_TYPES_H */
