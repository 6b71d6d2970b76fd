/*
 * Turning keys into panels. AVX-512 only.
 */
#ifndef DPI_VECTOR_TRANSPOSE_H
#define DPI_VECTOR_TRANSPOSE_H

#include "isa/x86/vector_avx512.h"

/* 16 x 16 k-groups: columns become rows, and rows columns. */
static inline void v_transpose(vf x[V_LENGTH]) {
    vf a[V_LENGTH];
    _Pragma("GCC unroll 8") for (size_t i = 0; i < V_LENGTH; i += 2) {
        a[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < V_LENGTH; i += 4) {
        x[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        x[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        x[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        x[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
    }
    _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        x[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
        x[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
    }
}

#endif /* DPI_VECTOR_TRANSPOSE_H */
