/*
 * Locks, conditions and threads as the system has them; one that works once works always. Not in
 * builds without threads. Private to lib/os.
 */
#ifndef DPI_LOCK_H
#define DPI_LOCK_H

#include "dp_config.h"

#include <stdbool.h>
#include <stddef.h>

#if !defined(DP_NO_THREADS)

#if defined(_WIN32)
#include "os/windows/lock_types.h"
#else
#include "os/posix/lock_types.h"
#endif

/* These return 0, or an error that strerror() has words for. */
int dpi_lock_init(dpi_lock *lock);
int dpi_condition_init(dpi_condition *condition);
void dpi_lock_end(dpi_lock *lock);
void dpi_condition_end(dpi_condition *condition);

void dpi_lock_take(dpi_lock *lock);
void dpi_lock_release(dpi_lock *lock);

/* With the lock held, which is given up meanwhile. Waits until the condition is signalled, or a
 * moment that the system chooses, or `deadline_ms` of dpi_clock_ms(); a negative one is never
 * reached. False: it was reached. */
bool dpi_condition_wait(dpi_condition *condition, dpi_lock *lock, double deadline_ms);
void dpi_condition_signal(dpi_condition *condition);
void dpi_condition_broadcast(dpi_condition *condition);

/* Starts a thread with a stack of this size. The struct must not move until the thread was joined.
 * Returns 0, or an error as above. */
int dpi_thread_start(dpi_thread *thread, size_t stack_bytes, void (*run)(void *), void *argument);
void dpi_thread_join(dpi_thread *thread);

#endif /* DP_NO_THREADS */

#endif /* DPI_LOCK_H */
