/*
 * The clock, for timings only: no answer depends on it.
 */
#ifndef DP_CLOCK_H
#define DP_CLOCK_H

/* Monotonic milliseconds; always 0 without a clock. */
double dp_clock_ms(void);

#endif /* DP_CLOCK_H */
