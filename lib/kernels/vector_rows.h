/*
 * Rows of bytes, made with AVX-512 from f32 or bf16: the same bits as in numbers.h.
 */
#ifndef DP_VECTOR_ROWS_H
#define DP_VECTOR_ROWS_H

#include "kernels/numbers.h"
#include "kernels/vector_avx512.h"

/* Number i and those behind it, of f32 or bf16: the first ones of a mask. */
static inline vf load_numbers(const void *x, size_t i, __mmask16 mask, bool bf16) {
    if (bf16) {
        __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)x + i);
        return v_from_bf16(halves);
    }
    return _mm512_maskz_loadu_ps(mask, (const float *)x + i);
}

static inline float largest_number(const void *x, size_t n, bool bf16) {
    __m512i largest = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __m512i bits = _mm512_castps_si512(load_numbers(x, i, v_lanes(n - i), bf16));
        largest = _mm512_max_epu32(largest, w_and(bits, w_set(0x7fffffffu)));
    }
    return float_of(_mm512_reduce_max_epu32(largest));
}

static inline void numbers_to_bytes(const void *x, size_t n, size_t step, uint32_t *words,
                                    dp_row_scale *row, bool bf16) {
    float largest = largest_number(x, n, bf16);
    vf inverse = v_set(bytes_per_unit(largest));
    __m512i sum = _mm512_setzero_si512();
    clear_padding(words, n, 4, step);
    for (size_t i = 0; i < n; i += V_LENGTH) {
        __mmask16 mask = v_lanes(n - i);
        vf whole = v_add(v_mul(load_numbers(x, i, mask, bf16), inverse), v_set(WHOLE_NUMBERS));
        __m512i byte = _mm512_srai_epi32(_mm512_slli_epi32(_mm512_castps_si512(whole), 24), 24);
        sum = _mm512_mask_add_epi32(sum, mask, sum, byte);
        _mm_mask_storeu_epi8((int8_t *)words + i, mask, _mm512_cvtepi32_epi8(byte));
    }
    row->scale = largest / 127.0f;
    row->sum = 128 * _mm512_reduce_add_epi32(sum);
}

#endif /* DP_VECTOR_ROWS_H */
