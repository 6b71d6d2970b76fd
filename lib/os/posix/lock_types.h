/*
 * What locks, conditions and threads of os/lock.h are with POSIX.
 */
#ifndef DPI_POSIX_LOCK_TYPES_H
#define DPI_POSIX_LOCK_TYPES_H

#include "dp_config.h"

#if !defined(DP_NO_THREADS)

#include <pthread.h>

typedef pthread_mutex_t dpi_lock;
typedef pthread_cond_t dpi_condition;

typedef struct dpi_thread {
    pthread_t id;
    void (*run)(void *argument);
    void *argument;
} dpi_thread;

#endif

#endif /* DPI_POSIX_LOCK_TYPES_H */
