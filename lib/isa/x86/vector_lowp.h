/*
 * Rounding rows to bf16 and bytes with AVX-512: the same bits as in lowp_tmpl.h.
 */
#ifndef DPI_VECTOR_LOWP_H
#define DPI_VECTOR_LOWP_H

#include "gemm/lhs.h"
#include "gemm/lowp_tmpl.h"
#include "isa/x86/vector_avx512.h"

static inline void v_round_to_bf16(const float *x, size_t n, size_t step, dpi_kgroup *groups) {
    uint8_t *halves = (uint8_t *)groups;
    clear_padding(groups, n, 2, step);
    for (size_t i = 0; i < n; i += 2 * V_LENGTH) {
        __mmask32 mask = v_half_lanes(n - i);
        __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, x + i);
        __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> V_LENGTH), x + i + V_LENGTH);
        _mm512_mask_storeu_epi16(halves + 2 * i, mask, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

/* Number i and those after it, of f32 or bf16: the first ones of a mask. */
static inline vf v_load_numbers(const void *x, size_t i, __mmask16 mask, dpi_number_type type) {
    if (type == DPI_NUMBER_BF16) {
        return v_from_bf16(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)x + i));
    }
    return _mm512_maskz_loadu_ps(mask, (const float *)x + i);
}

static inline float v_largest_magnitude(const void *x, size_t n, dpi_number_type type) {
    __m512i largest = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __m512i bits = _mm512_castps_si512(v_load_numbers(x, i, v_lanes(n - i), type));
        largest = _mm512_max_epu32(largest, u_and(bits, u_set(0x7fffffffu)));
    }
    return float_of_bits(_mm512_reduce_max_epu32(largest));
}

/* A row whose largest magnitude is known. */
static inline void v_scale_to_int8(const void *x, size_t n, float largest, size_t step,
                                   dpi_kgroup *groups, dpi_row_scale *scale, dpi_number_type type) {
    vf per_unit = v_set(bytes_per_unit(largest));
    __m512i sum = _mm512_setzero_si512();
    clear_padding(groups, n, 4, step);
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __mmask16 mask = v_lanes(n - i);
        vf whole = v_add(v_mul(v_load_numbers(x, i, mask, type), per_unit), v_set(WHOLE_NUMBERS));
        __m512i byte = _mm512_srai_epi32(_mm512_slli_epi32(_mm512_castps_si512(whole), 24), 24);
        sum = _mm512_mask_add_epi32(sum, mask, sum, byte);
        _mm_mask_storeu_epi8((int8_t *)groups + i, mask, _mm512_cvtepi32_epi8(byte));
    }
    scale->scale = largest / 127.0f;
    scale->sum = 128 * _mm512_reduce_add_epi32(sum);
}

static inline void v_round_to_int8(const void *x, size_t n, size_t step, dpi_kgroup *groups,
                                   dpi_row_scale *scale, dpi_number_type type) {
    v_scale_to_int8(x, n, v_largest_magnitude(x, n, type), step, groups, scale, type);
}

#endif /* DPI_VECTOR_LOWP_H */
