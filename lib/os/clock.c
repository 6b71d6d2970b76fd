/*
 * The clock, for timings only: nothing that is computed depends on it.
 */
#include "os/clock.h"
#include "dp_config.h"

#if defined(DP_NO_CLOCK)

double dpi_clock_ms(void) {
    return 0.0;
}

#endif

double dpi_clock_restart(double *since) {
    double now = dpi_clock_ms();
    double passed = now - *since;
    *since = now;
    return passed;
}
