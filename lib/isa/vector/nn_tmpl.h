/*
 * Activations, layer norm, softmax and resize, once for every instruction set. A file that includes
 * this has defined the vector operations (vector_*.h), the table's name KERNELS_NAME and DP_CPU_*
 * KERNELS_CPU. It gets TMPL_NAME(kernels).
 */
#include "isa/vector/vector_math.h"
#include "nn/nn.h"

#include <math.h>

#define ACTIVATION_KERNEL(name, activate)                                      \
    static void TMPL_NAME(f32_##name)(float *x, size_t n) {                    \
        size_t i = 0;                                                          \
        for (; i + V_LENGTH <= n; i += V_LENGTH) {                             \
            v_store(x + i, activate(v_load(x + i)));                           \
        }                                                                      \
        if (i < n) {                                                           \
            v_store_first(x + i, n - i, activate(v_load_first(x + i, n - i))); \
        }                                                                      \
    }

ACTIVATION_KERNEL(gelu, v_gelu)
ACTIVATION_KERNEL(quick_gelu, v_quick_gelu)
ACTIVATION_KERNEL(relu, v_relu)

/* ---- rows ---- */

static float TMPL_NAME(row_sum)(const float *x, size_t n) {
    vf sum = v_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        sum = v_add(sum, v_load(x + i));
    }
    if (i < n) {
        sum = v_add(sum, v_load_first(x + i, n - i));
    }
    return v_sum(sum);
}

/* Sum of (x - mean)^2. */
static float TMPL_NAME(row_squares)(const float *x, float mean, size_t n) {
    vf center = v_set(mean);
    vf sum = v_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf d = v_sub(v_load(x + i), center);
        sum = v_fma(d, d, sum);
    }
    if (i < n) {
        vf d = v_first_or(n - i, v_sub(v_load_first(x + i, n - i), center), v_zero());
        sum = v_fma(d, d, sum);
    }
    return v_sum(sum);
}

static void TMPL_NAME(f32_layer_norm)(const float *x, const float *weight, const float *bias,
                                      float epsilon, float *out, size_t n) {
    float mean = TMPL_NAME(row_sum)(x, n) / (float)n;
    float variance = TMPL_NAME(row_squares)(x, mean, n) / (float)n;
    vf center = v_set(mean);
    vf factor = v_set(1.0f / sqrtf(variance + epsilon));
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf y = v_mul(v_sub(v_load(x + i), center), factor);
        v_store(out + i, weight == NULL ? y : v_fma(y, v_load(weight + i), v_load(bias + i)));
    }
    if (i < n) {
        size_t rest = n - i;
        vf y = v_mul(v_sub(v_load_first(x + i, rest), center), factor);
        if (weight != NULL) {
            y = v_fma(y, v_load_first(weight + i, rest), v_load_first(bias + i, rest));
        }
        v_store_first(out + i, rest, y);
    }
}

static float TMPL_NAME(row_largest)(const float *x, size_t n) {
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

static void TMPL_NAME(f32_softmax)(float *x, size_t n, float scale) {
    vf largest = v_set(TMPL_NAME(row_largest)(x, n));
    vf factor = v_set(scale);
    vf sum = v_zero();
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf e = v_softmax_term(v_load(x + i), largest, factor);
        v_store(x + i, e);
        sum = v_add(sum, e);
    }
    if (i < n) {
        vf e = v_softmax_term(v_load_first(x + i, n - i), largest, factor);
        v_store_first(x + i, n - i, e);
        sum = v_add(sum, v_first_or(n - i, e, v_zero()));
    }
    vf inverse = v_set(1.0f / v_sum(sum));
    for (i = 0; i + V_LENGTH <= n; i += V_LENGTH) {
        v_store(x + i, v_mul(v_load(x + i), inverse));
    }
    if (i < n) {
        v_store_first(x + i, n - i, v_mul(v_load_first(x + i, n - i), inverse));
    }
}

static void TMPL_NAME(f32_multiply_add)(float *sum, const float *x, const float *weight, size_t n) {
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        v_store(sum + i, v_fma(v_load(x + i), v_load(weight + i), v_load(sum + i)));
    }
    if (i < n) {
        size_t rest = n - i;
        v_store_first(sum + i, rest,
                      v_fma(v_load_first(x + i, rest), v_load_first(weight + i, rest),
                            v_load_first(sum + i, rest)));
    }
}

static void TMPL_NAME(f32_blend_columns)(float *row, const float *right, const float *weight,
                                         size_t n) {
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        vf x = v_load(row + i);
        v_store(row + i, v_fma(v_sub(v_load(right + i), x), v_load(weight + i), x));
    }
    if (i < n) {
        size_t rest = n - i;
        vf x = v_load_first(row + i, rest);
        vf difference = v_sub(v_load_first(right + i, rest), x);
        v_store_first(row + i, rest, v_fma(difference, v_load_first(weight + i, rest), x));
    }
}

static inline vf v_blend(vf a, vf b, vf weight, vf scale, vf offset) {
    return v_fma(v_fma(v_sub(b, a), weight, a), scale, offset);
}

static void TMPL_NAME(f32_blend_rows)(const float *a, const float *b, float weight, float scale,
                                      float offset, float *out, size_t n) {
    vf w = v_set(weight);
    vf s = v_set(scale);
    vf o = v_set(offset);
    size_t i = 0;
    for (; i + V_LENGTH <= n; i += V_LENGTH) {
        v_store(out + i, v_blend(v_load(a + i), v_load(b + i), w, s, o));
    }
    if (i < n) {
        size_t rest = n - i;
        v_store_first(out + i, rest,
                      v_blend(v_load_first(a + i, rest), v_load_first(b + i, rest), w, s, o));
    }
}

static const dpi_kernels TMPL_NAME(kernels) = {
    .name = KERNELS_NAME,
    .cpu = KERNELS_CPU,
    .activate = {NULL, TMPL_NAME(f32_gelu), TMPL_NAME(f32_quick_gelu), TMPL_NAME(f32_relu)},
    .layer_norm = TMPL_NAME(f32_layer_norm),
    .multiply_add = TMPL_NAME(f32_multiply_add),
    .softmax = TMPL_NAME(f32_softmax),
    .blend_columns = TMPL_NAME(f32_blend_columns),
    .blend_rows = TMPL_NAME(f32_blend_rows),
};
