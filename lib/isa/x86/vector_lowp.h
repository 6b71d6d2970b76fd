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

/* As dpi_interleave_rows_fn says. */
static inline void v_interleave_rows_bf16(const float *first, const float *second, size_t n,
                                          dpi_kgroup *groups) {
    const __m512i halves =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __mmask16 mask = v_lanes(n - i);
        vf a = _mm512_maskz_loadu_ps(mask, first + i);
        vf b = second != NULL ? _mm512_maskz_loadu_ps(mask, second + i) : v_zero();
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
        vu pairs = _mm512_permutex2var_epi16(both, halves, both);
        _mm512_mask_storeu_ps(groups + i, mask, u_as_floats(pairs));
    }
}

/* Number i and those after it, of f32 or bf16: the first ones of a mask. */
static inline vf v_load_numbers(const void *x, size_t i, __mmask16 mask, dpi_number_type type) {
    if (type == DPI_NUMBER_BF16) {
        return v_from_bf16(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)x + i));
    }
    return _mm512_maskz_loadu_ps(mask, (const float *)x + i);
}

/* Without their signs, as whole numbers: those have the order of the magnitudes. */
static inline vu v_magnitudes(vf x) {
    return u_and(_mm512_castps_si512(x), u_set(0x7fffffffu));
}

/* Whole vectors come first, without a mask that is made for each. */
static inline float v_largest_magnitude(const void *x, size_t n, dpi_number_type type) {
    vu largest = u_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vu magnitudes = v_magnitudes(v_load_numbers(x, i, V_ALL, type));
        largest = _mm512_max_epu32(largest, magnitudes);
    }
    if (i < n) {
        vu magnitudes = v_magnitudes(v_load_numbers(x, i, v_mask(n - i), type));
        largest = _mm512_max_epu32(largest, magnitudes);
    }
    return float_of_bits(_mm512_reduce_max_epu32(largest));
}

/* Stores the bytes of the lanes of a mask; returns their sums with those before. */
static inline vu v_store_bytes(int8_t *bytes, __mmask16 mask, vf x, vf per_unit, vu sum) {
    vu whole = _mm512_castps_si512(v_add(v_mul(x, per_unit), v_set(WHOLE_NUMBERS)));
    vu byte = _mm512_srai_epi32(_mm512_slli_epi32(whole, 24), 24);
    _mm_mask_storeu_epi8(bytes, mask, _mm512_cvtepi32_epi8(byte));
    return _mm512_mask_add_epi32(sum, mask, sum, byte);
}

/* A row whose largest magnitude is known. */
static inline void v_scale_to_int8(const void *x, size_t n, float largest, size_t step,
                                   dpi_kgroup *groups, dpi_row_scale *scale, dpi_number_type type) {
    vf per_unit = v_set(bytes_per_unit(largest));
    int8_t *bytes = (int8_t *)groups;
    vu sum = u_zero();
    size_t i = 0;
    clear_padding(groups, n, 4, step);
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf numbers = v_load_numbers(x, i, V_ALL, type);
        sum = v_store_bytes(bytes + i, V_ALL, numbers, per_unit, sum);
    }
    if (i < n) {
        __mmask16 mask = v_mask(n - i);
        vf numbers = v_load_numbers(x, i, mask, type);
        sum = v_store_bytes(bytes + i, mask, numbers, per_unit, sum);
    }
    scale->scale = largest / 127.0f;
    scale->sum = 128 * _mm512_reduce_add_epi32(sum);
}

static inline void v_round_to_int8(const void *x, size_t n, size_t step, dpi_kgroup *groups,
                                   dpi_row_scale *scale, dpi_number_type type) {
    v_scale_to_int8(x, n, v_largest_magnitude(x, n, type), step, groups, scale, type);
}

#endif /* DPI_VECTOR_LOWP_H */
