/*
 * What instructions do to single numbers, bit for bit: multiply-adds that round once, rounding to
 * whole numbers and to bf16, the scale by a power of two, and the estimate of 1 / x. Plain C, in
 * the arithmetic of float and double that every processor has.
 */
#ifndef ARITHMETIC_H
#define ARITHMETIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float f32_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- multiply-adds ---- */

/* a * b + c, rounded to odd: of the two doubles around it the odd one. A second rounding, to float,
 * then rounds as if it were the first. The product of two floats is exact. */
static inline double multiply_add_to_odd(float a, float b, float c) {
    double product = (double)a * (double)b;
    double sum = product + (double)c;
    double added = sum - product;
    double lost = (product - (sum - added)) + ((double)c - added); /* NaN where sum is not finite */
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((lost < 0 || lost > 0) && bits % 2 == 0) {
        bits += (lost > 0) == (sum > 0) ? 1 : UINT64_MAX;
    }
    memcpy(&sum, &bits, sizeof sum);
    return sum;
}

static inline float multiply_add(float a, float b, float c) {
    return (float)multiply_add_to_odd(a, b, c);
}

/* Instructions of bf16 take a subnormal number for 0. */
static inline float without_subnormal(float x) {
    return fabsf(x) < 0x1p-126F ? copysignf(0, x) : x;
}

/* A result of theirs: 0 where it would be subnormal with 24 bits of any exponent. What rounds to
 * 2^-126 is kept. */
static inline float flushed(double x) {
    return fabs(x) < 0x1p-126 - 0x1p-151 ? (float)copysign(0, x) : (float)x;
}

static inline float flushed_multiply_add(float a, float b, float c) {
    return flushed(
        multiply_add_to_odd(without_subnormal(a), without_subnormal(b), without_subnormal(c)));
}

static inline float flushed_add(float a, float b) {
    return flushed_multiply_add(a, 1, b);
}

/* ---- rounding ---- */

/* The nearest whole number, of two the even one. */
static inline float nearest_whole(float x) {
    float shift = copysignf(0x1p23F, x);
    return fabsf(x) < 0x1p23F ? copysignf((x + shift) - shift, x) : x;
}

static inline float whole_below(float x) {
    float nearest = nearest_whole(x);
    return nearest > x ? nearest - 1 : nearest;
}

/* The nearest int32; the smallest one for what is none. */
static inline int32_t to_int32(float x) {
    return x >= -0x1p31F && x < 0x1p31F ? (int32_t)nearest_whole(x) : INT32_MIN;
}

/* The nearest bf16, of two the even one; 0 for what is subnormal. */
static inline uint16_t to_bf16(float x) {
    uint32_t bits = bits_of_f32(without_subnormal(x));
    if (isnan(x)) {
        return (uint16_t)(bits >> 16 | 0x40U); /* a quiet one */
    }
    return (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

static inline float from_bf16(uint16_t half) {
    return f32_of_bits((uint32_t)half << 16);
}

/* ---- VSCALEFPS, VREDUCEPS, VRCP14PS ---- */

/* x * 2^floor(n) */
static inline float scale_by_power(float x, float n) {
    double bounded = fmin(fmax((double)whole_below(n), -500), 500);
    if (isnan(x) || isnan(n)) {
        return x + n;
    }
    if ((isinf(x) && n == -INFINITY) || (x == 0 && n == INFINITY)) {
        return NAN;
    }
    return (float)ldexp((double)x, (int)bounded);
}

/* x - floor(x); 0 for infinity. */
static inline float above_whole(float x) {
    return isinf(x) ? 0 : x - whole_below(x);
}

/* 1 / x with 14 bits, as Intel's processors estimate it: a straight line for each 64th of [1, 2),
 * 1/2 + (start / 2 - t * slope / 512) / 2^17, where t is the next 10 bits of x, rounded down to a
 * multiple of 2^-17. The numbers were found from the answers of a processor for all of [1, 2). */
static inline float estimate_reciprocal(float x) {
    static const struct {
        uint32_t start, slope;
    } lines[64] = {
        {131065, 1009}, {127030, 977}, {123122, 949}, {119328, 921}, {115643, 893}, {112071, 869},
        {108595, 843},  {105222, 821}, {101938, 797}, {98748, 777},  {95640, 755},  {92618, 735},
        {89676, 717},   {86811, 699},  {84017, 681},  {81292, 663},  {78639, 647},  {76049, 631},
        {73526, 617},   {71059, 601},  {68653, 587},  {66303, 573},  {64010, 561},  {61765, 547},
        {59574, 535},   {57432, 523},  {55341, 513},  {53290, 501},  {51287, 491},  {49325, 479},
        {47406, 469},   {45527, 459},  {43690, 451},  {41887, 441},  {40124, 433},  {38392, 423},
        {36698, 415},   {35037, 407},  {33408, 399},  {31811, 391},  {30248, 385},  {28709, 377},
        {27201, 369},   {25723, 363},  {24273, 357},  {22845, 349},  {21446, 343},  {20072, 337},
        {18723, 331},   {17397, 325},  {16094, 319},  {14818, 315},  {13558, 309},  {12321, 303},
        {11108, 299},   {9911, 293},   {8738, 289},   {7583, 285},   {6445, 279},   {5331, 275},
        {4233, 271},    {3151, 267},   {2085, 263},   {1035, 259}};
    int exponent;
    double size = 2 * frexp(fabs((double)x), &exponent), estimate = 1; /* size: 1 .. 2 */
    if (isnan(x)) {
        return x + x;
    }
    if (isinf(x) || x == 0) {
        return copysignf(x == 0 ? INFINITY : 0, x);
    }
    if (size > 1) {
        uint32_t place = (uint32_t)((size - 1) * 0x1p16), i = place / 1024, t = place % 1024;
        uint32_t above_half = (lines[i].start * 256 - t * lines[i].slope) / 512;
        estimate = 0.5 + above_half * 0x1p-17;
    }
    return copysignf((float)ldexp(estimate, 1 - exponent), x);
}

#endif /* ARITHMETIC_H */
