/*
 * Numbers of 16 and 8 bits, in plain C that a compiler turns into vectors: a file that includes
 * this gets copies for its own instruction set.
 */
#ifndef DP_NUMBERS_H
#define DP_NUMBERS_H

#include "kernels/kernels.h"

#include <string.h>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The bf16 next to x, ties to even, in the upper half. What is smaller than 2^-126 becomes 0, as
 * processors have it, and what is not a number stays that. */
static inline uint32_t rounded_to_bf16(float x) {
    uint32_t bits = bits_of(x);
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    rounded = magnitude < 0x00800000u ? bits & 0x80000000u : rounded;
    rounded = magnitude > 0x7f800000u ? bits | 0x00400000u : rounded;
    return rounded & 0xffff0000u;
}

/* Words of a row of n numbers, in whole steps. */
static inline size_t row_words(size_t n, size_t group, size_t step) {
    size_t words = (n + group - 1) / group;
    return (words + step - 1) / step * step;
}

/* Where number i of a row stands among its numbers in memory: the first one is in the lowest bits
 * of its word, on big-endian machines, too. */
static inline size_t place_in_row(size_t i, size_t group) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return i ^ (group - 1);
#else
    (void)group;
    return i;
#endif
}

/* Sets the words of a row that its n numbers do not fill to 0: before they are written. */
static inline void clear_padding(uint32_t *words, size_t n, size_t group, size_t step) {
    size_t first = n / group;
    memset(words + first, 0, (row_words(n, group, step) - first) * sizeof *words);
}

#if defined(__AVX512BF16__)

/* The processor's own conversion: how many it did. */
static inline size_t convert_vectors(const float *x, size_t n, uint16_t *halves) {
    for (size_t i = 0; i < n; i += 32) {
        __mmask32 mask = n - i < 32 ? ((__mmask32)1 << (n - i)) - 1 : UINT32_MAX;
        __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, x + i);
        __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + i + 16);
        _mm512_mask_storeu_epi16(halves + i, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return n;
}

#else

static inline size_t convert_vectors(const float *x, size_t n, uint16_t *halves) {
    (void)x;
    (void)n;
    (void)halves;
    return 0;
}

#endif

static inline void convert_to_bf16(const float *x, size_t n, size_t step, uint32_t *words) {
    uint16_t *halves = (uint16_t *)words;
    clear_padding(words, n, 2, step);
    for (size_t i = convert_vectors(x, n, halves); i < n; i++) {
        halves[place_in_row(i, 2)] = (uint16_t)(rounded_to_bf16(x[i]) >> 16);
    }
}

/* A row of numbers that are bf16 already. */
static inline void copy_bf16(const uint16_t *x, size_t n, size_t step, uint32_t *words) {
    clear_padding(words, n, 2, step);
    memcpy(words, x, n * sizeof *x);
}

/* The largest of |x|, or a NaN if there is one: as integers, their bits have the same order. */
static inline float largest_magnitude(const float *x, size_t n) {
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return float_of(largest);
}

/* Adding it leaves the nearest whole number in the lower bits of a float. */
#define WHOLE_NUMBERS 12582912.0f /* 1.5 * 2^23, whose lower bits are 0 */

/* Rows below this are as good as 0; 127 divided by it is still a number. */
#define SMALLEST_SCALED 1e-30f

/* Bytes for each unit of a row with this largest magnitude. */
static inline float bytes_per_unit(float largest) {
    return largest > SMALLEST_SCALED ? 127.0f / largest : 0.0f;
}

/* The bits of a float, the lower ones of which are the byte next to x, as a number of 16 bits. */
static inline uint32_t bits_of_byte(float x, float per_unit) {
    return bits_of(x * per_unit + WHOLE_NUMBERS);
}

/* x = scale * byte with bytes -127 .. 127. A row that is not finite has a scale that is not. */
static inline void convert_to_bytes(const float *x, size_t n, size_t step, uint32_t *words,
                                    dp_row_scale *row) {
    int8_t *bytes = (int8_t *)words;
    float largest = largest_magnitude(x, n);
    float per_unit = bytes_per_unit(largest);
    int32_t sum = 0;
    clear_padding(words, n, 4, step);
    for (size_t i = 0; i < n; i++) {
        int8_t byte = (int8_t)(bits_of_byte(x[i], per_unit) & 0xffu);
        bytes[place_in_row(i, 4)] = byte;
        sum += byte;
    }
    row->scale = largest / 127.0f;
    row->sum = 128 * sum;
}

#endif /* DP_NUMBERS_H */
