/*
 * Reads DUALPATH_CPU, the only environment variable used, once.
 */
#include "os/environment.h"
#include "dp_config.h"
#include "dualpath.h"

#if defined(DP_NO_ENVIRONMENT)

uint32_t dpi_environment_cpu_mask(void) {
    return DP_CPU_ALL;
}

#else

#include <stdatomic.h>
#include <string.h>

#define VECTORS (DP_CPU_AVX2 | DP_CPU_AVX512)
#define NEON_DOT (DP_CPU_NEON | DP_CPU_DOTPROD)

static uint32_t read_mask(void) {
    static const struct {
        char name[12]; /* not a pointer, which would be a relocation */
        uint32_t mask;
    } levels[] = {
        {"c", 0},
        {"avx2", DP_CPU_AVX2},
        {"avx2-vnni", DP_CPU_AVX2 | DP_CPU_VNNI},
        {"avx512", VECTORS},
        {"avx512-vnni", VECTORS | DP_CPU_VNNI | DP_CPU_BF16},
        {"amx", VECTORS | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX},
        {"neon", DP_CPU_NEON},
        {"neon-dot", NEON_DOT},
        {"neon-i8mm", NEON_DOT | DP_CPU_I8MM | DP_CPU_ARM_BF16},
    };
    char value[sizeof levels[0].name];
    bool given = dpi_environment_read("DUALPATH_CPU", value, sizeof value);
    for (size_t i = 0; given && i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(value, levels[i].name) == 0) {
            return levels[i].mask;
        }
    }
    return DP_CPU_ALL;
}

uint32_t dpi_environment_cpu_mask(void) {
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
