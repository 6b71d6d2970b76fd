/*
 * Keeps threads off a processor, by their affinity. What the system refuses changes nothing.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "os/placement.h"

#if DPI_HAS_PLACEMENT

#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(cpu_set_t) <= sizeof(uint64_t[16]), "placements hold a cpu_set_t");

dpi_placement dpi_placement_here(void) {
    return (dpi_placement){.thread = (int)syscall(SYS_gettid),
                           .avoided = DPI_NO_PROCESSOR,
                           .removed = DPI_NO_PROCESSOR};
}

int dpi_current_processor(void) {
    int processor = sched_getcpu();
    return processor >= 0 && processor < CPU_SETSIZE ? processor : DPI_NO_PROCESSOR;
}

/* Puts one processor back, or DPI_NO_PROCESSOR, and takes another one away unless it is the last of
 * the set; whether it did. (The macros of musl take no address of an object without a warning.) */
static bool exchange_processors(cpu_set_t *set, int back, int away) {
    if (back != DPI_NO_PROCESSOR) {
        CPU_SET((size_t)back, set);
    }
    bool removes = away != DPI_NO_PROCESSOR && CPU_ISSET((size_t)away, set) && CPU_COUNT(set) > 1;
    if (removes) {
        CPU_CLR((size_t)away, set);
    }
    return removes;
}

void dpi_placement_avoid(dpi_placement *placement, int processor) {
    cpu_set_t set;
    if (placement->thread == 0 || placement->avoided == processor ||
        sched_getaffinity(placement->thread, sizeof set, &set) != 0) {
        return;
    }
    cpu_set_t before = set;
    bool is_ours = memcmp(&set, placement->allowed, sizeof set) == 0;
    bool removes =
        exchange_processors(&set, is_ours ? placement->removed : DPI_NO_PROCESSOR, processor);
    if (!CPU_EQUAL(&set, &before) && sched_setaffinity(placement->thread, sizeof set, &set) != 0) {
        placement->thread = 0;
        return;
    }
    placement->avoided = processor;
    placement->removed = removes ? processor : DPI_NO_PROCESSOR;
    memcpy(placement->allowed, &set, sizeof set);
}

#endif
