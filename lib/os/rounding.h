/*
 * How a thread rounds, and whether it has numbers that are not normal. Private to lib/os.
 */
#ifndef DPI_ROUNDING_H
#define DPI_ROUNDING_H

#include "dp_config.h"

#if defined(DP_NO_FENV)

typedef int dpi_rounding;

static inline dpi_rounding dpi_rounding_get(void) {
    return 0;
}

static inline void dpi_rounding_set(const dpi_rounding *rounding) {
    (void)rounding;
}

#elif defined(_WIN32) && defined(__x86_64__)

#include <fenv.h>
#include <xmmintrin.h>

/* fesetenv() of mingw-w64 10 leaves the rounding of SSE as it is. */
typedef struct dpi_rounding {
    fenv_t all;
    unsigned sse;
} dpi_rounding;

static inline dpi_rounding dpi_rounding_get(void) {
    dpi_rounding rounding = {.sse = _mm_getcsr()};
    (void)fegetenv(&rounding.all);
    return rounding;
}

static inline void dpi_rounding_set(const dpi_rounding *rounding) {
    (void)fesetenv(&rounding->all);
    _mm_setcsr(rounding->sse);
}

#else

#include <fenv.h>

typedef fenv_t dpi_rounding;

static inline dpi_rounding dpi_rounding_get(void) {
    dpi_rounding rounding;
    (void)fegetenv(&rounding);
    return rounding;
}

static inline void dpi_rounding_set(const dpi_rounding *rounding) {
    (void)fesetenv(rounding);
}

#endif

#endif /* DPI_ROUNDING_H */
