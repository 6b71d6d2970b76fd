/*
 * Affinity on Windows, within the group of processors that the process is in.
 */
#include "os/processors.h"
#include "dp_config.h"

#if !defined(DP_NO_THREADS)

#include "os/windows/system.h"

#include <stdint.h>

/* A process that is in several groups has no mask. */
size_t dpi_affine_processors(void) {
    DWORD_PTR mask = 0;
    DWORD_PTR of_system = 0;
    size_t count = 0;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &mask, &of_system) || mask == 0) {
        count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    }
    for (; mask != 0; mask &= mask - 1) {
        count++;
    }
    return count > 0 ? count : 1;
}

size_t dpi_quota_processors(const char *root) {
    (void)root;
    return SIZE_MAX;
}

#endif
