/*
 * Activations and softmax for results that are rounded to bf16 or bytes afterwards, in a third of
 * the instructions of vector_math.h. AVX-512 only.
 */
#ifndef DPI_VECTOR_ROUNDED_H
#define DPI_VECTOR_ROUNDED_H

#include "isa/vector/vector_math.h"
#include "isa/x86/vector_avx512.h"

/* 2^z, relative error 3e-6. */
static inline vf r_exp2(vf z) {
    vf f = _mm512_reduce_ps(z, _MM_FROUND_TO_NEG_INF); /* z - floor(z) */
    vf p = v_set(1.353417e-2f);
    p = v_fma(p, f, v_set(5.201146e-2f));
    p = v_fma(p, f, v_set(2.4144275e-1f));
    p = v_fma(p, f, v_set(6.9300384e-1f));
    p = v_fma(p, f, v_set(1.00000259f));
    return v_scale2(p, z); /* p * 2^floor(z) */
}

/* x / (1 + 2^z), relative error 7e-5. */
static inline vf r_sigmoid(vf x, vf z) {
    return v_mul(x, _mm512_rcp14_ps(v_add(v_set(1.0f), r_exp2(z))));
}

/* x * sigmoid(1.702 x) */
static inline vf r_quick_gelu(vf x) {
    return r_sigmoid(x, v_mul(x, v_set(-2.455466986f)));
}

/* x * Phi(x) with Phi as a sigmoid, too: minimax polynomial, error 1.2e-5 + 7e-5 relative. */
static inline vf r_gelu(vf x) {
    vf square = v_min(v_mul(x, x), v_set(20.0f));
    vf p = v_set(2.48362273e-5f);
    p = v_fma(p, square, v_set(7.36064289e-4f));
    p = v_fma(p, square, v_set(-1.05982741e-1f));
    p = v_fma(p, square, v_set(-2.30164715f));
    return r_sigmoid(x, v_mul(x, p));
}

static inline vf r_activate(dpi_activation activation, vf x) {
    switch (activation) {
    case DPI_ACTIVATION_GELU:
        return r_gelu(x);
    case DPI_ACTIVATION_QUICK_GELU:
        return r_quick_gelu(x);
    case DPI_ACTIVATION_RELU:
        return v_relu(x);
    default:
        return x;
    }
}

/* 2^(scale * (x - largest)), where scale has log2(e) in it. */
static inline vf r_softmax_term(vf x, vf largest, vf scale) {
    return r_exp2(v_mul(v_sub(x, largest), scale));
}

/* The largest of n > 0 scores. */
static inline float r_largest_score(const float *x, size_t n) {
    vf largest = v_set(x[0]);
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        largest = v_max(largest, v_load(x + i));
    }
    if (i < n) {
        largest = v_max(largest, v_first_or(n - i, v_load_first(x + i, n - i), largest));
    }
    return v_largest(largest);
}

#endif /* DPI_VECTOR_ROUNDED_H */
