/*
 * Counts forks, where there are any.
 */
#include "os/forks.h"
#include "dp_config.h"

#if defined(DP_NO_THREADS) || defined(_WIN32)

bool dpi_forks_watch(void) {
    return true;
}

unsigned dpi_forks_so_far(void) {
    return 0;
}

#else

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint forks;

static void count_fork(void) {
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

unsigned dpi_forks_so_far(void) {
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

/* Two threads at once may both install the handler: children then count twice, which is as good.
 * There is no lock that a fork could find held. */
bool dpi_forks_watch(void) {
    static atomic_bool watching;
    if (!atomic_load(&watching)) {
        if (pthread_atfork(NULL, NULL, count_fork) != 0) {
            return false;
        }
        atomic_store(&watching, true);
    }
    return true;
}

#endif
