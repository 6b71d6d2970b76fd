/*
 * Elementary functions in the vector operations of vector_*.h: exp, softmax and the activations.
 */
#ifndef DPI_VECTOR_MATH_H
#define DPI_VECTOR_MATH_H

/* 2^(z + low) for a small `low`: about 1 ulp. */
static inline vf v_exp2(vf z, vf low) {
    vf whole = v_round(z);
    vf f = v_add(v_sub(z, whole), low);
    vf p = v_set(1.53458081e-4f);
    p = v_fma(p, f, v_set(1.33999309e-3f));
    p = v_fma(p, f, v_set(9.61848907e-3f));
    p = v_fma(p, f, v_set(5.55032864e-2f));
    p = v_fma(p, f, v_set(2.40226462e-1f));
    p = v_fma(p, f, v_set(6.93147182e-1f));
    p = v_fma(p, f, v_set(1.0f));
    return v_scale2(p, whole);
}

/* exp(x * c) for a constant c * log2(e) given as high + low, exact to the last bits however large
 * the exponent is. */
static inline vf v_exp_times(vf x, float high, float low) {
    vf z = v_mul(x, v_set(high));
    return v_exp2(z, v_fma(x, v_set(low), v_fms(x, v_set(high), z)));
}

/* x * Phi(x): the tail Phi(-|x|) = exp(-x*x/2) * g(|x|) with g(a) = P((a-4)/(a+4)) / (a+4), P a
 * minimax polynomial on 0 <= a <= 14.5 (relative error 1e-8); beyond, the tail is 0 in f32. The
 * exponent is carried in two parts, because its error is the answer's relative error. */
static inline vf v_gelu(vf x) {
    vf a = v_min(v_abs(x), v_set(14.5f));
    vf square = v_mul(a, a);
    vf square_low = v_fms(a, a, square);
    vf z = v_mul(square, v_set(-7.21347511e-1f));
    vf z_low = v_fms(square, v_set(-7.21347511e-1f), z);
    z_low = v_fma(square_low, v_set(-7.21347511e-1f), z_low);
    z_low = v_fma(square, v_set(-9.62981517e-9f), z_low);
    vf r = v_div(v_set(1.0f), v_add(a, v_set(4.0f)));
    vf u = v_mul(v_sub(a, v_set(4.0f)), r);
    vf p = v_set(-1.319718431e-4f);
    p = v_fma(p, u, v_set(1.793541305e-4f));
    p = v_fma(p, u, v_set(1.569923479e-3f));
    p = v_fma(p, u, v_set(-3.512553871e-3f));
    p = v_fma(p, u, v_set(-7.525271270e-3f));
    p = v_fma(p, u, v_set(6.040383130e-2f));
    p = v_fma(p, u, v_set(-1.865234375e-1f));
    p = v_fma(p, u, v_set(3.871369064e-1f));
    p = v_fma(p, u, v_set(-6.078965664e-1f));
    p = v_fma(p, u, v_set(7.552851439e-1f));
    /* the exponential last: the other factors keep it away from the subnormal numbers */
    vf tail = v_mul(v_mul(x, v_mul(p, r)), v_exp2(z, z_low));
    return v_positive(x, v_sub(x, tail), tail);
}

/* x * sigmoid(1.702 x) = x * (x > 0 ? 1 : t) / (1 + t), t = exp(-|1.702 x|): nothing overflows. */
static inline vf v_quick_gelu(vf x) {
    vf a = v_min(v_abs(x), v_set(80.0f));
    vf t = v_exp_times(a, -2.455466986f, 2.610949856e-8f);
    vf numerator = v_positive(x, x, v_mul(x, t));
    return v_div(numerator, v_add(v_set(1.0f), t));
}

static inline vf v_relu(vf x) {
    return v_max(v_zero(), x);
}

/* exp(scale * (x - largest)). It is 0 far before the bound, which keeps infinity out of it. */
static inline vf v_softmax_term(vf x, vf largest, vf scale) {
    vf exponent = v_max(v_set(-128.0f), v_mul(v_sub(x, largest), scale));
    return v_exp_times(exponent, 1.442695022f, 1.925963034e-8f);
}

#endif /* DPI_VECTOR_MATH_H */
