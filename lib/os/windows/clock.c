/*
 * The clock of Windows.
 */
#include "os/clock.h"
#include "dp_config.h"

#if !defined(DP_NO_CLOCK)

#include "os/windows/system.h"

double dpi_clock_ms(void) {
    LARGE_INTEGER ticks;
    LARGE_INTEGER in_a_second;
    if (!QueryPerformanceCounter(&ticks) || !QueryPerformanceFrequency(&in_a_second)) {
        return 0.0;
    }
    return (double)ticks.QuadPart * 1e3 / (double)in_a_second.QuadPart;
}

#endif
