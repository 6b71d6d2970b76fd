/*
 * Rounding f32 to bf16 and bytes, in plain C that a compiler turns into vectors: a file that
 * includes this gets copies for its own instruction set. TMPL_SUFFIX is defined before.
 */
#include "base/template.h"
#include "gemm/layout.h"

#include <string.h>

#define float_bits TMPL_NAME(float_bits)
#define float_of_bits TMPL_NAME(float_of_bits)
#define bf16_bits TMPL_NAME(bf16_bits)
#define index_in_memory TMPL_NAME(index_in_memory)
#define clear_padding TMPL_NAME(clear_padding)
#define round_to_bf16 TMPL_NAME(round_to_bf16)
#define interleave_rows_bf16 TMPL_NAME(interleave_rows_bf16)
#define largest_magnitude TMPL_NAME(largest_magnitude)
#define bytes_per_unit TMPL_NAME(bytes_per_unit)
#define byte_bits TMPL_NAME(byte_bits)
#define round_to_int8 TMPL_NAME(round_to_int8)

static inline uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The bf16 next to x, ties to even, in the upper half. What is smaller than 2^-126 becomes 0, as in
 * processors that round to bf16; a NaN stays one. */
static inline uint32_t bf16_bits(float x) {
    uint32_t bits = float_bits(x);
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    rounded = magnitude < 0x00800000u ? bits & 0x80000000u : rounded;
    rounded = magnitude > 0x7f800000u ? bits | 0x00400000u : rounded;
    return rounded & 0xffff0000u;
}

/* Where number i of a row is in memory: the first number of a k-group is in its lowest bits, on
 * big-endian machines, too. */
static inline size_t index_in_memory(size_t i, size_t kr) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return i ^ (kr - 1);
#else
    (void)kr;
    return i;
#endif
}

/* Sets what n numbers do not fill of the k-groups of a row to 0: before they are written. */
static inline void clear_padding(dpi_kgroup *groups, size_t n, size_t kr, size_t step) {
    size_t first = n / kr;
    size_t end = ((n + kr - 1) / kr + step - 1) / step * step;
    memset(groups + first, 0, (end - first) * sizeof *groups);
}

/* A half of a k-group. */
#if defined(__GNUC__)
typedef uint16_t __attribute__((may_alias)) TMPL_NAME(half);
#else
typedef uint16_t TMPL_NAME(half);
#endif

static inline void round_to_bf16(const float *x, size_t n, size_t step, dpi_kgroup *groups) {
    TMPL_NAME(half) *halves = (TMPL_NAME(half) *)groups;
    clear_padding(groups, n, 2, step);
    for (size_t i = 0; i < n; i++) {
        halves[index_in_memory(i, 2)] = (uint16_t)(bf16_bits(x[i]) >> 16);
    }
}

/* As dpi_interleave_rows_fn says. */
static inline void interleave_rows_bf16(const float *first, const float *second, size_t n,
                                        dpi_kgroup *groups) {
    for (size_t i = 0; i < n; i++) {
        groups[i] = bf16_bits(first[i]) >> 16;
    }
    for (size_t i = 0; second != NULL && i < n; i++) {
        groups[i] |= bf16_bits(second[i]);
    }
}

/* The largest of |x|, or a NaN if there is one: as integers, their bits have the same order. */
static inline float largest_magnitude(const float *x, size_t n) {
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = float_bits(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return float_of_bits(largest);
}

/* Adding it leaves the nearest whole number in the lower bits of a float. */
#define WHOLE_NUMBERS 12582912.0f /* 1.5 * 2^23, whose lower bits are 0 */

/* A row below this becomes 0; 127 divided by it is still a number. */
#define SMALLEST_SCALED 1e-30f

/* Bytes for each unit of a row with this largest magnitude. */
static inline float bytes_per_unit(float largest) {
    return largest > SMALLEST_SCALED ? 127.0f / largest : 0.0f;
}

/* The bits of a float, of which the lower ones are the byte next to x, as a number of 16 bits. */
static inline uint32_t byte_bits(float x, float per_unit) {
    return float_bits(x * per_unit + WHOLE_NUMBERS);
}

/* x = scale * byte with bytes -127 .. 127. A row that is not finite has a scale that is not. */
static inline void round_to_int8(const float *x, size_t n, size_t step, dpi_kgroup *groups,
                                 dpi_row_scale *scale) {
    int8_t *bytes = (int8_t *)groups;
    float largest = largest_magnitude(x, n);
    float per_unit = bytes_per_unit(largest);
    int32_t sum = 0;
    clear_padding(groups, n, 4, step);
    for (size_t i = 0; i < n; i++) {
        int8_t byte = (int8_t)(byte_bits(x[i], per_unit) & 0xffu);
        bytes[index_in_memory(i, 4)] = byte;
        sum += byte;
    }
    scale->scale = largest / 127.0f;
    scale->sum = 128 * sum;
}
