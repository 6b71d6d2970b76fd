/*
 * The intrinsics of AVX2, AVX-VNNI and AVX-512 that lib/isa/x86 uses, on vectors that the compiler
 * builds of what every x86-64 processor has. Lanes are computed one by one, and a masked load or
 * store touches no other bytes.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "arithmetic.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- vectors ---- */

#define VECTOR_OF(type, bytes) type __attribute__((vector_size(bytes)))

typedef VECTOR_OF(float, 16) __m128;
typedef VECTOR_OF(float, 32) __m256;
typedef VECTOR_OF(float, 64) __m512;
typedef VECTOR_OF(uint32_t, 16) __m128i;
typedef VECTOR_OF(uint32_t, 32) __m256i;
typedef VECTOR_OF(uint32_t, 64) __m512i;
typedef VECTOR_OF(uint16_t, 64) __m512bh;
typedef uint16_t __mmask16;
typedef uint32_t __mmask32;

/* Integers of other sizes. */
typedef VECTOR_OF(int32_t, 64) i32x16;
typedef VECTOR_OF(uint16_t, 32) u16x16;
typedef VECTOR_OF(uint16_t, 64) u16x32;
typedef VECTOR_OF(int16_t, 32) i16x16;
typedef VECTOR_OF(int16_t, 64) i16x32;
typedef VECTOR_OF(uint8_t, 16) u8x16;
typedef VECTOR_OF(uint8_t, 32) u8x32;
typedef VECTOR_OF(uint8_t, 64) u8x64;
typedef VECTOR_OF(int8_t, 32) i8x32;
typedef VECTOR_OF(int8_t, 64) i8x64;

/* A kernel has hundreds of operations in a row: inlined, they would take a minute to compile. */
#define FUNCTION static __attribute__((noinline, unused))

#define LANES(x) (sizeof(x) / sizeof((x)[0]))
#define EACH_LANE(i, x) (size_t i = 0; (i) < LANES(x); (i)++)

/* ---- what takes a constant: only those that are in use ---- */

#define _MM_HINT_T0 3
#define _MM_HINT_T1 2
#define _MM_FROUND_TO_NEAREST_INT 0
#define _MM_FROUND_TO_NEG_INF 1
#define _MM_FROUND_NO_EXC 8
#define _CMP_GT_OQ 30

static inline void require_constant(int given, int known) {
    if (given != known) {
        abort();
    }
}

static inline void _mm_prefetch(const char *address, int hint) {
    (void)address;
    (void)hint;
}

/* ---- loads and stores ---- */

/* Those lanes of `size` bytes whose bit of the mask is set. */
static inline void copy_lanes(void *to, const void *from, size_t size, uint32_t mask) {
    for (size_t i = 0; mask != 0; i++, mask >>= 1) {
        if (mask % 2 != 0) {
            memcpy((uint8_t *)to + i * size, (const uint8_t *)from + i * size, size);
        }
    }
}

#define LOAD(name, type)                   \
    FUNCTION type name(const void *from) { \
        type x;                            \
        memcpy(&x, from, sizeof x);        \
        return x;                          \
    }
#define STORE(name, type)                  \
    FUNCTION void name(void *to, type x) { \
        memcpy(to, &x, sizeof x);          \
    }
#define LOAD_MASKED(name, type, mask_type, size)           \
    FUNCTION type name(mask_type mask, const void *from) { \
        type x = {0};                                      \
        copy_lanes(&x, from, size, mask);                  \
        return x;                                          \
    }
#define STORE_MASKED(name, type, mask_type, size)          \
    FUNCTION void name(void *to, mask_type mask, type x) { \
        copy_lanes(to, &x, size, mask);                    \
    }

LOAD(_mm256_loadu_ps, __m256)
LOAD(_mm256_loadu_si256, __m256i)
LOAD(_mm512_loadu_ps, __m512)
LOAD(_mm512_loadu_si512, __m512i)
STORE(_mm256_storeu_ps, __m256)
STORE(_mm256_storeu_si256, __m256i)
STORE(_mm512_storeu_ps, __m512)
STORE(_mm512_storeu_si512, __m512i)
LOAD_MASKED(_mm256_maskz_loadu_epi16, __m256i, __mmask16, 2)
LOAD_MASKED(_mm512_maskz_loadu_epi16, __m512i, __mmask32, 2)
LOAD_MASKED(_mm512_maskz_loadu_ps, __m512, __mmask16, 4)
STORE_MASKED(_mm_mask_storeu_epi8, __m128i, __mmask16, 1)
STORE_MASKED(_mm512_mask_storeu_epi16, __m512i, __mmask32, 2)
STORE_MASKED(_mm512_mask_storeu_ps, __m512, __mmask16, 4)

/* The upper bit of each lane. */
static inline uint32_t upper_bits(__m256i x) {
    uint32_t mask = 0;
    for
        EACH_LANE(i, x) {
            mask |= x[i] >> 31 << i;
        }
    return mask;
}

FUNCTION __m256 _mm256_maskload_ps(const void *from, __m256i mask) {
    __m256 x = {0};
    copy_lanes(&x, from, 4, upper_bits(mask));
    return x;
}

FUNCTION void _mm256_maskstore_ps(void *to, __m256i mask, __m256 x) {
    copy_lanes(to, &x, 4, upper_bits(mask));
}

/* ---- constants and casts ---- */

#define CONSTANT(zero, set, type, number) \
    FUNCTION type zero(void) {            \
        return (type){0};                 \
    }                                     \
    FUNCTION type set(number value) {     \
        type x;                           \
        for                               \
            EACH_LANE(i, x) {             \
                x[i] = value;             \
            }                             \
        return x;                         \
    }

CONSTANT(_mm256_setzero_ps, _mm256_set1_ps, __m256, float)
CONSTANT(_mm512_setzero_ps, _mm512_set1_ps, __m512, float)

#define CONSTANT_INTEGERS(zero, set, type)  \
    FUNCTION type zero(void) {              \
        return (type){0};                   \
    }                                       \
    FUNCTION type set(int32_t value) {      \
        return (uint32_t)value - (type){0}; \
    }

CONSTANT_INTEGERS(_mm256_setzero_si256, _mm256_set1_epi32, __m256i)
CONSTANT_INTEGERS(_mm512_setzero_si512, _mm512_set1_epi32, __m512i)

FUNCTION __m512i _mm512_set1_epi16(int16_t value) {
    return (__m512i)((uint16_t)value - (u16x32){0});
}

/* The last lane is the first argument. */
#define _mm512_set_epi16(...) set_epi16((const int16_t[32]){__VA_ARGS__})
FUNCTION __m512i set_epi16(const int16_t *lanes) {
    u16x32 x;
    for
        EACH_LANE(i, x) {
            x[i] = (uint16_t)lanes[31 - i];
        }
    return (__m512i)x;
}

#define _mm512_set_epi32(...) set_epi32((const uint32_t[16]){__VA_ARGS__})
FUNCTION __m512i set_epi32(const uint32_t *lanes) {
    __m512i x;
    for
        EACH_LANE(i, x) {
            x[i] = lanes[15 - i];
        }
    return x;
}

FUNCTION __m256 _mm256_castsi256_ps(__m256i x) {
    return (__m256)x;
}
FUNCTION __m512 _mm512_castsi512_ps(__m512i x) {
    return (__m512)x;
}
FUNCTION __m512i _mm512_castps_si512(__m512 x) {
    return (__m512i)x;
}

/* ---- parts ---- */

#define PART(name, part_type, type)                                    \
    FUNCTION part_type name(type x, int part) {                        \
        part_type y;                                                   \
        memcpy(&y, (uint8_t *)&x + (size_t)part * sizeof y, sizeof y); \
        return y;                                                      \
    }

PART(_mm256_extractf128_ps, __m128, __m256)
PART(_mm512_extracti64x4_epi64, __m256i, __m512i)

FUNCTION __m128 _mm256_castps256_ps128(__m256 x) {
    return _mm256_extractf128_ps(x, 0);
}
FUNCTION __m256i _mm512_castsi512_si256(__m512i x) {
    return _mm512_extracti64x4_epi64(x, 0);
}
FUNCTION float _mm_cvtss_f32(__m128 x) {
    return x[0];
}

/* ---- operators ---- */

#define BINARY(name, type, operand, operator)          \
    FUNCTION type name(type a, type b) {               \
        return (type)((operand)a operator(operand) b); \
    }
#define SHIFT(name, type, operand, operator)        \
    FUNCTION type name(type x, unsigned int bits) { \
        return (type)((operand)x operator bits);    \
    }

BINARY(_mm_add_ps, __m128, __m128, +)
BINARY(_mm256_add_ps, __m256, __m256, +)
BINARY(_mm256_sub_ps, __m256, __m256, -)
BINARY(_mm256_mul_ps, __m256, __m256, *)
BINARY(_mm256_div_ps, __m256, __m256, /)
BINARY(_mm256_add_epi32, __m256i, __m256i, +)
BINARY(_mm256_sub_epi32, __m256i, __m256i, -)
BINARY(_mm256_and_si256, __m256i, __m256i, &)
BINARY(_mm512_add_ps, __m512, __m512, +)
BINARY(_mm512_sub_ps, __m512, __m512, -)
BINARY(_mm512_mul_ps, __m512, __m512, *)
BINARY(_mm512_div_ps, __m512, __m512, /)
BINARY(_mm512_add_epi16, __m512i, u16x32, +)
BINARY(_mm512_add_epi32, __m512i, __m512i, +)
BINARY(_mm512_sub_epi32, __m512i, __m512i, -)
BINARY(_mm512_and_si512, __m512i, __m512i, &)
SHIFT(_mm256_slli_epi16, __m256i, u16x16, <<)
SHIFT(_mm256_srli_epi16, __m256i, u16x16, >>)
SHIFT(_mm256_srai_epi16, __m256i, i16x16, >>)
SHIFT(_mm256_slli_epi32, __m256i, __m256i, <<)
SHIFT(_mm256_srli_epi32, __m256i, __m256i, >>)
SHIFT(_mm512_slli_epi16, __m512i, u16x32, <<)
SHIFT(_mm512_srli_epi16, __m512i, u16x32, >>)
SHIFT(_mm512_srai_epi16, __m512i, i16x32, >>)
SHIFT(_mm512_slli_epi32, __m512i, __m512i, <<)
SHIFT(_mm512_srli_epi32, __m512i, __m512i, >>)
SHIFT(_mm512_srai_epi32, __m512i, i32x16, >>)

FUNCTION __m256 _mm256_andnot_ps(__m256 a, __m256 b) {
    return (__m256)(~(__m256i)a & (__m256i)b);
}
FUNCTION __m128 _mm_add_ss(__m128 a, __m128 b) {
    a[0] += b[0];
    return a;
}

/* ---- lane by lane ---- */

/* From the lanes of one, two or three vectors: `of` is an expression in x[i], or a[i], b[i], c[i].
 */
#define UNARY_LANES(name, type, from, of) \
    FUNCTION type name(from x) {          \
        type y;                           \
        for                               \
            EACH_LANE(i, y) {             \
                y[i] = of;                \
            }                             \
        return y;                         \
    }
#define BINARY_LANES(name, type, of)     \
    FUNCTION type name(type a, type b) { \
        type y;                          \
        for                              \
            EACH_LANE(i, y) {            \
                y[i] = of;               \
            }                            \
        return y;                        \
    }
#define TERNARY_LANES(name, type, of)            \
    FUNCTION type name(type a, type b, type c) { \
        type y;                                  \
        for                                      \
            EACH_LANE(i, y) {                    \
                y[i] = of;                       \
            }                                    \
        return y;                                \
    }

/* Of NaN and a number, and of zeros, the second one. */
BINARY_LANES(_mm_max_ps, __m128, a[i] > b[i] ? a[i] : b[i])
BINARY_LANES(_mm256_max_ps, __m256, a[i] > b[i] ? a[i] : b[i])
BINARY_LANES(_mm256_min_ps, __m256, a[i] < b[i] ? a[i] : b[i])
BINARY_LANES(_mm512_max_ps, __m512, a[i] > b[i] ? a[i] : b[i])
BINARY_LANES(_mm512_min_ps, __m512, a[i] < b[i] ? a[i] : b[i])
BINARY_LANES(_mm512_max_epu32, __m512i, a[i] > b[i] ? a[i] : b[i])
BINARY_LANES(_mm512_scalef_ps, __m512, scale_by_power(a[i], b[i]))
UNARY_LANES(_mm512_abs_ps, __m512, __m512, fabsf(x[i]))
UNARY_LANES(_mm512_rcp14_ps, __m512, __m512, estimate_reciprocal(x[i]))
UNARY_LANES(_mm256_cvtps_epi32, __m256i, __m256, (uint32_t)to_int32(x[i]))
UNARY_LANES(nearest_int32_512, __m512i, __m512, (uint32_t)to_int32(x[i]))
#define _mm512_cvt_roundps_epi32(x, rounding) nearest_int32_512(x)
UNARY_LANES(_mm256_cvtepi32_ps, __m256, __m256i, (float)(int32_t)x[i])
UNARY_LANES(_mm512_cvtepi32_ps, __m512, __m512i, (float)(int32_t)x[i])
UNARY_LANES(_mm512_cvtepu16_epi32, __m512i, __m256i, ((u16x16)x)[i])
UNARY_LANES(nearest_whole_256, __m256, __m256, nearest_whole(x[i]))
UNARY_LANES(nearest_whole_512, __m512, __m512, nearest_whole(x[i]))
UNARY_LANES(above_whole_512, __m512, __m512, above_whole(x[i]))
TERNARY_LANES(_mm256_fmadd_ps, __m256, multiply_add(a[i], b[i], c[i]))
TERNARY_LANES(_mm256_fmsub_ps, __m256, multiply_add(a[i], b[i], -c[i]))
TERNARY_LANES(_mm512_fmadd_ps, __m512, multiply_add(a[i], b[i], c[i]))
TERNARY_LANES(_mm512_fmsub_ps, __m512, multiply_add(a[i], b[i], -c[i]))
/* The sign of the third one selects. */
TERNARY_LANES(_mm256_blendv_ps, __m256, ((__m256i)c)[i] >> 31 != 0 ? b[i] : a[i])

FUNCTION __m128 _mm_max_ss(__m128 a, __m128 b) {
    a[0] = a[0] > b[0] ? a[0] : b[0];
    return a;
}

FUNCTION __m256 _mm256_round_ps(__m256 x, int how) {
    require_constant(how, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return nearest_whole_256(x);
}
FUNCTION __m512 _mm512_roundscale_ps(__m512 x, int how) {
    require_constant(how, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return nearest_whole_512(x);
}
FUNCTION __m512 _mm512_reduce_ps(__m512 x, int how) {
    require_constant(how, _MM_FROUND_TO_NEG_INF);
    return above_whole_512(x);
}

FUNCTION __m256 _mm256_cmp_ps(__m256 a, __m256 b, int how) {
    require_constant(how, _CMP_GT_OQ);
    return (__m256)(a > b);
}
FUNCTION __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int how) {
    uint32_t mask = 0;
    require_constant(how, _CMP_GT_OQ);
    for
        EACH_LANE(i, a) {
            mask |= (uint32_t)(a[i] > b[i]) << i;
        }
    return (__mmask16)mask;
}

FUNCTION __m128i _mm512_cvtepi32_epi8(__m512i x) {
    u8x16 y;
    for
        EACH_LANE(i, y) {
            y[i] = (uint8_t)x[i];
        }
    return (__m128i)y;
}

/* ---- masks ---- */

/* `masked` where the mask has a bit, and `otherwise` elsewhere. */
FUNCTION __m512 _mm512_mask_mov_ps(__m512 otherwise, __mmask16 mask, __m512 masked) {
    copy_lanes(&otherwise, &masked, 4, mask);
    return otherwise;
}
FUNCTION __m512 _mm512_maskz_mov_ps(__mmask16 mask, __m512 masked) {
    return _mm512_mask_mov_ps(_mm512_setzero_ps(), mask, masked);
}
FUNCTION __m512 _mm512_mask_max_ps(__m512 otherwise, __mmask16 mask, __m512 a, __m512 b) {
    return _mm512_mask_mov_ps(otherwise, mask, _mm512_max_ps(a, b));
}
FUNCTION __m512i _mm512_mask_add_epi32(__m512i otherwise, __mmask16 mask, __m512i a, __m512i b) {
    return (__m512i)_mm512_mask_mov_ps((__m512)otherwise, mask, (__m512)(a + b));
}

/* ---- the order of lanes ---- */

FUNCTION __m128 _mm_movehl_ps(__m128 a, __m128 b) {
    return (__m128){b[2], b[3], a[2], a[3]};
}
FUNCTION __m128 _mm_movehdup_ps(__m128 x) {
    return (__m128){x[1], x[1], x[3], x[3]};
}

/* In each quarter: the lower, and the upper lanes of both in turns; any two of a, then of b. */
BINARY_LANES(_mm512_unpacklo_ps, __m512, (i % 2 != 0 ? b : a)[i / 4 * 4 + i % 4 / 2])
BINARY_LANES(_mm512_unpackhi_ps, __m512, (i % 2 != 0 ? b : a)[i / 4 * 4 + 2 + i % 4 / 2])
BINARY_LANES(_mm256_unpacklo_epi32, __m256i, (i % 2 != 0 ? b : a)[i / 4 * 4 + i % 4 / 2])
BINARY_LANES(_mm256_unpackhi_epi32, __m256i, (i % 2 != 0 ? b : a)[i / 4 * 4 + 2 + i % 4 / 2])
FUNCTION __m512 _mm512_shuffle_ps(__m512 a, __m512 b, unsigned int from) {
    __m512 y;
    for
        EACH_LANE(i, y) {
            y[i] = (i % 4 < 2 ? a : b)[i / 4 * 4 + (from >> 2 * (i % 4) & 3)];
        }
    return y;
}

/* Two halves, of which 0 and 1 are those of a, 2 and 3 those of b. */
FUNCTION __m256i _mm256_permute2x128_si256(__m256i a, __m256i b, unsigned int from) {
    __m256i y;
    for
        EACH_LANE(i, y) {
            unsigned int half = from >> 4 * (i / 4) & 3;
            y[i] = (half < 2 ? a : b)[half % 2 * 4 + i % 4];
        }
    return y;
}

/* Any two quarters of a, then of b. */
FUNCTION __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, unsigned int from) {
    __m512 y;
    for
        EACH_LANE(i, y) {
            y[i] = (i < 8 ? a : b)[(from >> 2 * (i / 4) & 3) * 4 + i % 4];
        }
    return y;
}

/* The first lanes are those of a, and as many after them those of b. */
FUNCTION __m512i _mm512_permutex2var_epi32(__m512i a, __m512i from, __m512i b) {
    __m512i y;
    for
        EACH_LANE(i, y) {
            uint32_t lane = from[i] % 32;
            y[i] = (lane < 16 ? a : b)[lane % 16];
        }
    return y;
}
FUNCTION __m512i _mm512_permutex2var_epi16(__m512i a, __m512i from, __m512i b) {
    u16x32 y;
    for
        EACH_LANE(i, y) {
            uint16_t lane = ((u16x32)from)[i] % 64;
            y[i] = ((u16x32)(lane < 32 ? a : b))[lane % 32];
        }
    return (__m512i)y;
}

/* ---- over all lanes: halves, quarters and so on, as compilers do it ---- */

FUNCTION float _mm512_reduce_add_ps(__m512 x) {
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            x[i] = x[i + half] + x[i];
        }
    }
    return x[0];
}
FUNCTION float _mm512_reduce_max_ps(__m512 x) {
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            x[i] = x[i + half] > x[i] ? x[i + half] : x[i];
        }
    }
    return x[0];
}
FUNCTION int32_t _mm512_reduce_add_epi32(__m512i x) {
    uint32_t sum = 0;
    for
        EACH_LANE(i, x) {
            sum += x[i];
        }
    return (int32_t)sum;
}
FUNCTION uint32_t _mm512_reduce_max_epu32(__m512i x) {
    uint32_t largest = 0;
    for
        EACH_LANE(i, x) {
            largest = x[i] > largest ? x[i] : largest;
        }
    return largest;
}

/* ---- dot products ---- */

/* Pairs of 16 bits with sign; the sum of two products wraps around at -2^15 * -2^15 * 2 only. */
#define MULTIPLY_PAIRS(name, type, halves)                                                     \
    FUNCTION type name(type a, type b) {                                                       \
        halves x = (halves)a, y = (halves)b;                                                   \
        type sums;                                                                             \
        for                                                                                    \
            EACH_LANE(i, sums) {                                                               \
                sums[i] =                                                                      \
                    (uint32_t)(x[2 * i] * y[2 * i]) + (uint32_t)(x[2 * i + 1] * y[2 * i + 1]); \
            }                                                                                  \
        return sums;                                                                           \
    }
MULTIPLY_PAIRS(_mm256_madd_epi16, __m256i, i16x16)
MULTIPLY_PAIRS(_mm512_madd_epi16, __m512i, i16x32)

/* VPDPBUSD: four bytes without sign times four with sign. Sums wrap around. */
#define DOT_BYTES(name, type, without_sign, with_sign)  \
    FUNCTION type name(type sums, type a, type b) {     \
        without_sign x = (without_sign)a;               \
        with_sign y = (with_sign)b;                     \
        for                                             \
            EACH_LANE(i, x) {                           \
                sums[i / 4] += (uint32_t)(x[i] * y[i]); \
            }                                           \
        return sums;                                    \
    }
DOT_BYTES(_mm256_dpbusd_avx_epi32, __m256i, u8x32, i8x32)
DOT_BYTES(_mm512_dpbusd_epi32, __m512i, u8x64, i8x64)

/* VPDPWSSD: two words with sign times two. Sums wrap around. */
FUNCTION __m512i _mm512_dpwssd_epi32(__m512i sums, __m512i a, __m512i b) {
    return sums + _mm512_madd_epi16(a, b);
}

/* VDPBF16PS: two multiply-adds, each rounded once; that of the numbers at odd places comes first.
 * Both flush subnormal numbers, before and after. */
FUNCTION __m512 _mm512_dpbf16_ps(__m512 sums, __m512bh a, __m512bh b) {
    for
        EACH_LANE(i, sums) {
            size_t even = 2 * i, odd = even + 1;
            sums[i] = flushed_multiply_add(from_bf16(a[odd]), from_bf16(b[odd]), sums[i]);
            sums[i] = flushed_multiply_add(from_bf16(a[even]), from_bf16(b[even]), sums[i]);
        }
    return sums;
}

/* VCVTNE2PS2BF16: the lower half is the second vector. */
FUNCTION __m512bh _mm512_cvtne2ps_pbh(__m512 upper, __m512 lower) {
    __m512bh y;
    for
        EACH_LANE(i, lower) {
            y[i] = to_bf16(lower[i]);
            y[i + LANES(lower)] = to_bf16(upper[i]);
        }
    return y;
}

#endif /* VECTORS_H */
