/*
 * Checked arithmetic on sizes: every size that depends on input goes through it.
 */
#ifndef DPI_SIZE_H
#define DPI_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False where the sum does not fit. */
static inline bool dpi_size_add(size_t a, size_t b, size_t *sum) {
    *sum = a + b;
    return *sum >= a;
}

/* False where the product does not fit. */
static inline bool dpi_size_mul(size_t a, size_t b, size_t *result) {
    *result = a * b;
    return a == 0 || *result / a == b;
}

static inline size_t dpi_size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t dpi_size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

/* n / d, rounded up. */
static inline size_t dpi_size_div_up(size_t n, size_t d) {
    return (n + d - 1) / d;
}

/* n rounded up to a multiple of m. */
static inline size_t dpi_size_round_up(size_t n, size_t m) {
    return dpi_size_div_up(n, m) * m;
}

#endif /* DPI_SIZE_H */
