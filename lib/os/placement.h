/*
 * On which processor a thread that sleeps wakes up. (posix/placement.c)
 *
 * Linux wakes a thread where it ran before if that processor is idle. In a virtual machine an idle
 * processor looks like one that the host has taken away, and the thread wakes on the processor of
 * whoever wakes it: both share that one, until the scheduler balances loads some 40 ms later. So a
 * caller keeps the threads that help it off its own processor.
 */
#ifndef DPI_PLACEMENT_H
#define DPI_PLACEMENT_H

#include "dp_config.h"

#include <stdint.h>

#if defined(__linux__) && !defined(DP_NO_THREADS)
#define DPI_HAS_PLACEMENT 1
#else
#define DPI_HAS_PLACEMENT 0
#endif

#define DPI_NO_PROCESSOR (-1)

/* Of a thread. */
typedef struct dpi_placement {
    int thread;           /* of the system; 0: it does not run yet, or is left alone */
    int avoided;          /* the processor it was last to be kept off, or DPI_NO_PROCESSOR */
    int removed;          /* what that took from its affinity, or DPI_NO_PROCESSOR */
    uint64_t allowed[16]; /* where it may run since then: cpu_set_t */
} dpi_placement;

#if DPI_HAS_PLACEMENT
/* Of the thread that calls. */
dpi_placement dpi_placement_here(void);
/* The processor of the thread that calls, or DPI_NO_PROCESSOR. */
int dpi_current_processor(void);
/* Keeps a thread off this processor, and no longer off the one before. A thread that may not run
 * elsewhere may stay. What somebody else has said of its affinity since then holds; where the
 * system refuses, the thread is left alone for good. */
void dpi_placement_avoid(dpi_placement *placement, int processor);
#else
static inline dpi_placement dpi_placement_here(void) {
    return (dpi_placement){.avoided = DPI_NO_PROCESSOR, .removed = DPI_NO_PROCESSOR};
}
static inline int dpi_current_processor(void) {
    return DPI_NO_PROCESSOR;
}
static inline void dpi_placement_avoid(dpi_placement *placement, int processor) {
    (void)placement;
    (void)processor;
}
#endif

#endif /* DPI_PLACEMENT_H */
