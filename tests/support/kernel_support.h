/*
 * What the tests of kernels and GEMMs share: the tables of this machine, buffers of numbers,
 * comparisons with formulas in double precision, and a stopwatch for benchmarks.
 */
#ifndef KERNEL_SUPPORT_H
#define KERNEL_SUPPORT_H

#include "isa/isa.h"
#include "os/clock.h"
#include "os/memory.h"
#include "support.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Half the distance from 1 to the next float: the relative error of one operation. */
#define UNIT 0x1p-24

/* ---- tables ---- */

#define MAX_TABLES 4

/* Stores the tables that this machine can run, plain C first, and returns how many there are. */
static inline int find_tables(const dpi_kernels *found[MAX_TABLES]) {
    const dpi_kernels *const all[MAX_TABLES] = {dpi_kernels_generic(), dpi_kernels_avx2(),
                                                dpi_kernels_avx512(), dpi_kernels_neon()};
    int count = 0;
    for (int i = 0; i < MAX_TABLES; i++) {
        if (all[i] != NULL && (all[i]->cpu & ~dpi_cpu_features()) == 0) {
            found[count++] = all[i];
        }
    }
    return count;
}

/* ---- numbers ---- */

static inline float *random_floats(size_t count) {
    float *values = guarded_floats(count);
    random_fill(values, count);
    return values;
}

/* -8 .. 8: sums and products of a few thousand of them are exact. */
static inline float random_whole(void) {
    return (float)random_below(17) - 8;
}

static inline size_t round_up(size_t n, size_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

/* Elements of `rows` rows without what would follow the last one. */
static inline size_t extent(size_t rows, size_t columns, size_t stride) {
    return rows > 0 ? (rows - 1) * stride + columns : 0;
}

/* ---- comparing ---- */

/* Whether `got` is within `bound` of `expected`; not if it is no number. Tests that ask it for a
 * million values fail by ck_abort_msg(): an assertion costs a system call even when it holds. */
static inline bool is_near(float got, double expected, double bound) {
    return fabs((double)got - expected) <= bound;
}

/* Everything but `columns` columns of each row is as it was. */
static inline void assert_gaps(const float *x, const float *before, size_t rows, size_t columns,
                               size_t stride) {
    for (size_t i = 0; i + 1 < rows; i++) {
        ck_assert_mem_eq(x + i * stride + columns, before + i * stride + columns,
                         (stride - columns) * sizeof(float));
    }
}

static inline double reference_activation(dpi_activation activation, double x) {
    switch (activation) {
    case DPI_ACTIVATION_GELU:
        return x * 0.5 * erfc(-x * 0.70710678118654752440);
    case DPI_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case DPI_ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    default:
        return x;
    }
}

/* The distance of floats next to this value. */
static inline double last_place(double value) {
    int exponent;
    (void)frexp(fmax(fabs(value), (double)FLT_MIN), &exponent);
    return ldexp(1, exponent - 24);
}

/* ---- measuring ---- */

/* Nanoseconds of a call: the best of five rounds of at least 5 ms. */
static inline double time_call(void (*call)(const void *), const void *context) {
    double best = INFINITY;
    size_t calls = 1;
    for (int round = 0; round < 5;) {
        double since = dpi_clock_ms();
        for (size_t i = 0; i < calls; i++) {
            call(context);
        }
        double passed = dpi_clock_ms() - since;
        if (passed < 5) {
            calls *= 2;
        } else {
            best = fmin(best, passed * 1e6 / (double)calls);
            round++;
        }
    }
    return best;
}

/* Not in guarded memory, which works inside of tests only. Never freed. */
static inline float *bench_floats(size_t count) {
    float *values = dpi_allocate(NULL, count * sizeof(float));
    if (values == NULL) {
        abort();
    }
    random_fill(values, count);
    return values;
}

#endif /* KERNEL_SUPPORT_H */
