/*
 * Functions of the activations and the softmax in plain C.
 */
#include "nn/exp_erfc.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* c[0] x^(count - 1) + ... + c[count - 1] */
static double polynomial(const double *c, size_t count, double x) {
    double sum = c[0];
    for (size_t i = 1; i < count; i++) {
        sum = sum * x + c[i];
    }
    return sum;
}

/* 2^n for n of a normal number */
static double power_of_two(int32_t n) {
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

#define LARGEST 709.782712893384   /* whose exp is finite */
#define SMALLEST (-745.1332191019) /* whose exp is not 0 */
#define LOG2_E 1.4426950408889634
/* Their sum is log 2; a multiple of the first one is exact. */
#define LOG_2_HIGH 0.693147180369123816490
#define LOG_2_LOW 1.90821492927058770002e-10

/* exp(x) = 2^n exp(r) with |r| <= log(2) / 2, where a Taylor series is enough. */
double dpi_exp(double x) {
    static const double taylor[] = {
        1.0 / 479001600,
        1.0 / 39916800,
        1.0 / 3628800,
        1.0 / 362880,
        1.0 / 40320,
        1.0 / 5040,
        1.0 / 720,
        1.0 / 120,
        1.0 / 24,
        1.0 / 6,
        1.0 / 2,
        1.0,
        1.0,
    };
    if (x != x) {
        return x;
    }
    x = x > LARGEST + 1.0 ? LARGEST + 1.0 : x; /* becomes infinity */
    if (x < SMALLEST) {
        return 0.0;
    }
    int32_t n = (int32_t)(x * LOG2_E + (x < 0.0 ? -0.5 : 0.5));
    double r = (x - (double)n * LOG_2_HIGH) - (double)n * LOG_2_LOW;
    double power = polynomial(taylor, sizeof taylor / sizeof taylor[0], r);
    return power * power_of_two(n / 2) * power_of_two(n - n / 2);
}

#define CENTRE 3.75
#define ERFC_IS_ZERO 28.0 /* and everything above it */

/* For x >= 0, (1 + 2x) exp(x^2) erfc(x) is nearly a polynomial of t = (x - 3.75) / (x + 3.75); the
 * coefficients are those of its interpolation at Chebyshev points, with an error below 4e-14. */
double dpi_erfc(double x) {
    static const double c[] = {
        9.015143789207673e-09,  -1.2638209701187094e-07, -3.0076196603233585e-08,
        1.508764525004148e-06,  -1.0036810708023523e-06, -1.1178933930496505e-05,
        2.2404904161843304e-05, 5.146862546160263e-05,   -0.000290162963565538,
        0.0002937908947438146,  0.0017556281950203902,   -0.009746599867453102,
        0.028362277062466166,   -0.0586933955029517,     0.09230432118803242,
        -0.10880393038105107,   0.08227673848931104,     0.0035854154926866794,
        -0.14024059858554283,   1.2375126308377915,
    };
    double z = x < 0.0 ? -x : x;
    if (z > ERFC_IS_ZERO) {
        return x < 0.0 ? 2.0 : 0.0;
    }
    double t = (z - CENTRE) / (z + CENTRE);
    double tail = dpi_exp(-z * z) * polynomial(c, sizeof c / sizeof c[0], t) / (1.0 + 2.0 * z);
    return x < 0.0 ? 2.0 - tail : tail;
}
