/*
 * The vector operations that the templates are written in, for AVX2 with FMA.
 */
#ifndef DPI_VECTOR_AVX2_H
#define DPI_VECTOR_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "isa/vector/vector_names.h"

#define V_LENGTH 8

typedef __m256 vf;
typedef __m256i vu; /* of uint32_t */

static inline __m256i v_mask(size_t n) {
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + V_LENGTH - n));
}
static inline vf v_zero(void) {
    return _mm256_setzero_ps();
}
static inline vf v_set(float x) {
    return _mm256_set1_ps(x);
}
static inline vf v_load(const float *p) {
    return _mm256_loadu_ps(p);
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
    return _mm256_maskload_ps(p, v_mask(n));
}
static inline void v_store(float *p, vf x) {
    _mm256_storeu_ps(p, x);
}
static inline void v_store_first(float *p, size_t n, vf x) {
    _mm256_maskstore_ps(p, v_mask(n), x);
}
/* The first n values of a, then those of b. */
static inline vf v_first_or(size_t n, vf a, vf b) {
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(v_mask(n)));
}
static inline vf v_add(vf a, vf b) {
    return _mm256_add_ps(a, b);
}
static inline vf v_sub(vf a, vf b) {
    return _mm256_sub_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return _mm256_mul_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
    return _mm256_div_ps(a, b);
}
/* a * b + c, rounded once. */
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
/* a * b - c, rounded once. */
static inline vf v_fms(vf a, vf b, vf c) {
    return _mm256_fmsub_ps(a, b, c);
}
/* NaN in b stays NaN. */
static inline vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
static inline vf v_abs(vf x) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}
static inline vf v_round(vf x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for a whole n; 0 below 2^-126, infinite from 2^128 on. */
static inline vf v_scale2(vf x, vf n) {
    vf bounded = _mm256_min_ps(_mm256_set1_ps(128.0f), _mm256_max_ps(_mm256_set1_ps(-127.0f), n));
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(bounded), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}
/* x > 0 ? a : b */
static inline vf v_positive(vf x, vf a, vf b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ));
}
static inline float v_sum(vf x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
static inline float v_largest(vf x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

static inline vu u_zero(void) {
    return _mm256_setzero_si256();
}
static inline vu u_set(uint32_t x) {
    return _mm256_set1_epi32((int32_t)x);
}
static inline vu u_load(const dpi_kgroup *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
static inline vu u_and(vu a, vu b) {
    return _mm256_and_si256(a, b);
}
static inline vu u_add(vu a, vu b) {
    return _mm256_add_epi32(a, b);
}
static inline vu u_sub(vu a, vu b) {
    return _mm256_sub_epi32(a, b);
}
static inline vf u_as_floats(vu x) {
    return _mm256_castsi256_ps(x);
}
static inline vf u_to_floats(vu x) {
    return _mm256_cvtepi32_ps(x);
}
/* The lower and the upper half of each lane, as the upper half of a lane. */
static inline vu u_low_half(vu x) {
    return _mm256_slli_epi32(x, 16);
}
static inline vu u_high_half(vu x) {
    return u_and(x, u_set(0xffff0000u));
}
/* Bytes 0 and 2 of each lane, and bytes 1 and 3, as pairs of 16 bits: without and with sign. */
static inline vu u_even_bytes(vu x) {
    return u_and(x, u_set(0x00ff00ffu));
}
static inline vu u_odd_bytes(vu x) {
    return _mm256_srli_epi16(x, 8);
}
static inline vu u_even_signed(vu x) {
    return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
}
static inline vu u_odd_signed(vu x) {
    return _mm256_srai_epi16(x, 8);
}
/* The lanes of a and of b by turns. */
static inline void u_store_alternately(dpi_kgroup *p, vu a, vu b) {
    __m256i low = _mm256_unpacklo_epi32(a, b), high = _mm256_unpackhi_epi32(a, b);
    __m256i *to = (__m256i *)(void *)p;
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
}
/* Sums of the products of pairs of signed 16 bits. */
static inline vu u_multiply_pairs(vu a, vu b) {
    return _mm256_madd_epi16(a, b);
}

#endif /* DPI_VECTOR_AVX2_H */
