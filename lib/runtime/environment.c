/*
 * The one thing that is read from the environment: DUALPATH_CPU, once.
 */
#include "runtime/runtime.h"

#if defined(DP_NO_ENVIRONMENT)

uint32_t dp_environment_cpu_mask(void) {
    return DP_CPU_ALL;
}

#else

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static uint32_t read_mask(void) {
    const char *value = getenv("DUALPATH_CPU");
    if (value == NULL) {
        return DP_CPU_ALL;
    }
    if (strcmp(value, "c") == 0) {
        return 0;
    }
    return strcmp(value, "avx2") == 0 ? DP_CPU_AVX2 : DP_CPU_ALL;
}

uint32_t dp_environment_cpu_mask(void) {
    static atomic_int known;
    static atomic_uint mask;
    if (!atomic_load_explicit(&known, memory_order_acquire)) {
        /* two threads may both get here; they read and store the same */
        atomic_store_explicit(&mask, read_mask(), memory_order_relaxed);
        atomic_store_explicit(&known, 1, memory_order_release);
    }
    return atomic_load_explicit(&mask, memory_order_relaxed);
}

#endif
