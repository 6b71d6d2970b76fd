/*
 * A lock with a condition: two threads hand something on to each other, and wait for each other.
 */
#ifndef DPI_GATE_H
#define DPI_GATE_H

#include "base/message.h"
#include "dp_config.h"
#include "os/lock.h"

#include <stdbool.h>

typedef struct dpi_gate {
#if defined(DP_NO_THREADS)
    char unused;
#else
    dpi_lock lock;
    dpi_condition changed;
    unsigned forks; /* when both were made */
#endif
} dpi_gate;

/* In a build without threads a gate is always open, and nobody can wait. */
#if defined(DP_NO_THREADS)
#define DPI_GATES_WAIT false
#else
#define DPI_GATES_WAIT true
#endif

dp_status dpi_gate_init(dpi_gate *gate, dpi_message *message);
void dpi_gate_end(dpi_gate *gate);

/* In the child of a fork, the first call makes lock and condition anew. */
void dpi_gate_lock(dpi_gate *gate);
void dpi_gate_unlock(dpi_gate *gate);

/* With the lock held, which is given up meanwhile. Waits until a call of dpi_gate_wake(), or a
 * moment that the system chooses, or `deadline_ms` of dpi_clock_ms(); a negative one is never
 * reached. False: it was reached. */
bool dpi_gate_wait(dpi_gate *gate, double deadline_ms);
void dpi_gate_wake(dpi_gate *gate);

#endif /* DPI_GATE_H */
