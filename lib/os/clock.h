/*
 * The clock, for timings only: no answer depends on it.
 */
#ifndef DPI_CLOCK_H
#define DPI_CLOCK_H

/* Monotonic milliseconds; always 0 without a clock. */
double dpi_clock_ms(void);
/* Milliseconds since then, which becomes now. */
double dpi_clock_restart(double *since);

#endif /* DPI_CLOCK_H */
