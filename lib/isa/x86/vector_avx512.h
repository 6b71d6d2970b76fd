/*
 * The vector operations that the templates are written in, for AVX-512 F, BW, DQ and VL.
 */
#ifndef DPI_VECTOR_AVX512_H
#define DPI_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "isa/vector/vector_names.h"

#define V_LENGTH 16

typedef __m512 vf;
typedef __m512i vu; /* of uint32_t */

#define V_ALL ((__mmask16)0xffff) /* all lanes */

static inline __mmask16 v_mask(size_t n) {
    return (__mmask16)((1u << n) - 1u);
}
/* The first n lanes, all of them where n is larger; of 32 and of 16 bits. */
static inline __mmask16 v_lanes(size_t n) {
    return v_mask(n < V_LENGTH ? n : V_LENGTH);
}
static inline __mmask32 v_half_lanes(size_t n) {
    return n < 32 ? ((__mmask32)1 << n) - 1 : UINT32_MAX;
}
static inline vf v_zero(void) {
    return _mm512_setzero_ps();
}
static inline vf v_set(float x) {
    return _mm512_set1_ps(x);
}
static inline vf v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
/* Asks for a cache line that is going to be written. */
static inline void v_prefetch_store(const float *p) {
    __builtin_prefetch(p, 1, 3);
}
/* Asks for the cache line of an address, which need not exist. */
static inline void v_prefetch(uintptr_t address) {
    _mm_prefetch((const char *)address, _MM_HINT_T1); /* NOLINT(performance-no-int-to-ptr) */
}
/* The first n < V_LENGTH values; the rest is 0 and not read. */
static inline vf v_load_first(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline void v_store(float *p, vf x) {
    _mm512_storeu_ps(p, x);
}
static inline void v_store_first(float *p, size_t n, vf x) {
    _mm512_mask_storeu_ps(p, v_mask(n), x);
}
/* The first n values of a, then those of b. */
static inline vf v_first_or(size_t n, vf a, vf b) {
    return _mm512_mask_mov_ps(b, v_mask(n), a);
}
static inline vf v_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
static inline vf v_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
/* a * b + c, rounded once. */
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
/* a * b - c, rounded once. */
static inline vf v_fms(vf a, vf b, vf c) {
    return _mm512_fmsub_ps(a, b, c);
}
/* NaN in b stays NaN. */
static inline vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
static inline vf v_abs(vf x) {
    return _mm512_abs_ps(x);
}
static inline vf v_round(vf x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for a whole n. */
static inline vf v_scale2(vf x, vf n) {
    return _mm512_scalef_ps(x, n);
}
/* x > 0 ? a : b */
static inline vf v_positive(vf x, vf a, vf b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), a);
}
static inline float v_sum(vf x) {
    return _mm512_reduce_add_ps(x);
}
static inline float v_largest(vf x) {
    return _mm512_reduce_max_ps(x);
}

static inline vu u_zero(void) {
    return _mm512_setzero_si512();
}
static inline vu u_set(uint32_t x) {
    return _mm512_set1_epi32((int32_t)x);
}
static inline vu u_load(const dpi_kgroup *p) {
    return _mm512_loadu_si512(p);
}
static inline vu u_and(vu a, vu b) {
    return _mm512_and_si512(a, b);
}
static inline vu u_add(vu a, vu b) {
    return _mm512_add_epi32(a, b);
}
static inline vu u_sub(vu a, vu b) {
    return _mm512_sub_epi32(a, b);
}
static inline vf u_as_floats(vu x) {
    return _mm512_castsi512_ps(x);
}
static inline vf u_to_floats(vu x) {
    return _mm512_cvtepi32_ps(x);
}
/* The lower and the upper half of each lane, as the upper half of a lane. */
static inline vu u_low_half(vu x) {
    return _mm512_slli_epi32(x, 16);
}
static inline vu u_high_half(vu x) {
    return u_and(x, u_set(0xffff0000u));
}
/* 16 numbers of bf16. */
static inline vf v_from_bf16(__m256i halves) {
    return u_as_floats(u_low_half(_mm512_cvtepu16_epi32(halves)));
}
/* Bytes 0 and 2 of each lane, and bytes 1 and 3, as pairs of 16 bits: without and with sign. */
static inline vu u_even_bytes(vu x) {
    return u_and(x, u_set(0x00ff00ffu));
}
static inline vu u_odd_bytes(vu x) {
    return _mm512_srli_epi16(x, 8);
}
static inline vu u_even_signed(vu x) {
    return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
}
static inline vu u_odd_signed(vu x) {
    return _mm512_srai_epi16(x, 8);
}
/* The lanes of a and of b by turns. */
static inline void u_store_alternately(dpi_kgroup *p, vu a, vu b) {
    const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i high =
        _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi32(a, low, b));
    _mm512_storeu_si512(p + V_LENGTH, _mm512_permutex2var_epi32(a, high, b));
}
/* Sums of the products of pairs of signed 16 bits. */
static inline vu u_multiply_pairs(vu a, vu b) {
    return _mm512_madd_epi16(a, b);
}

#endif /* DPI_VECTOR_AVX512_H */
