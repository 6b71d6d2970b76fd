/*
 * The kernels once, for every instruction set with fused multiply-adds: a file that includes this
 * has defined the vector words (vector_*.h) and the tile, GEMM_ROWS x (GEMM_VECTORS * V_LENGTH),
 * such that accumulators, one row of the panel and one factor fit in the registers.
 */
#include "kernels/vector_math.h"
#include "kernels/vector_store.h"

#include <math.h>

/* ---- matrix product ---- */

#define GEMM_COLUMNS (GEMM_VECTORS * V_LENGTH)

/* One step of the depth: a row of the panel times one factor of each row. Rows are reached from one
 * pointer in five (base + 0, 1, 2, 3, 4 strides), which leaves the compiler enough registers. */
#define GEMM_STEP(R)                                                            \
    {                                                                           \
        vf b[GEMM_VECTORS];                                                     \
        _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) {     \
            b[j] = v_load(panel + j * V_LENGTH);                                \
        }                                                                       \
        panel += GEMM_COLUMNS;                                                  \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            vf factor = v_set(base[i / 5][(i % 5) * stride]);                   \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                sum[i][j] = v_fma(factor, b[j], sum[i][j]);                     \
            }                                                                   \
        }                                                                       \
        base[0]++;                                                              \
        base[1]++;                                                              \
        base[2]++;                                                              \
    }

/* Four steps. */
#if defined(V_ADD_LANE)
/* Where an instruction takes a factor from a lane, a row has four loaded at once. Every vector of
 * the panel is used up before the next one: factors and sums leave few registers. */
#define GEMM_LANE(R, LANE)                                              \
    _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
        vf b = v_load(panel + j * V_LENGTH);                            \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {     \
            V_ADD_LANE(sum[i][j], b, factors[i], LANE);                 \
        }                                                               \
    }                                                                   \
    panel += GEMM_COLUMNS;
#define GEMM_STEPS(R)                                               \
    {                                                               \
        vf factors[R];                                              \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) { \
            factors[i] = v_load(base[i / 5] + (i % 5) * stride);    \
        }                                                           \
        GEMM_LANE(R, 0)                                             \
        GEMM_LANE(R, 1)                                             \
        GEMM_LANE(R, 2)                                             \
        GEMM_LANE(R, 3)                                             \
        base[0] += 4;                                               \
        base[1] += 4;                                               \
        base[2] += 4;                                               \
    }
#else
#define GEMM_STEPS(R) \
    GEMM_STEP(R)      \
    GEMM_STEP(R)      \
    GEMM_STEP(R)      \
    GEMM_STEP(R)
#endif

#define GEMM_KERNEL(R)                                                          \
    static void V_NAME(gemm_##R)(const dp_tile *tile) {                         \
        vf sum[R][GEMM_VECTORS];                                                \
        size_t stride = tile->a_stride;                                         \
        const float *a = (const float *)tile->a;                                \
        const float *base[3] = {a, a + ((R) > 5 ? 5 * stride : 0),              \
                                a + ((R) > 10 ? 10 * stride : 0)};              \
        const float *panel = (const float *)tile->panel;                        \
        uintptr_t next = tile->next;                                            \
        size_t ahead = 4 * tile->ahead;                                         \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                sum[i][j] = v_zero();                                           \
                v_prefetch_store(tile->c + i * tile->c_stride + j * V_LENGTH);  \
            }                                                                   \
        }                                                                       \
        size_t d = tile->words;                                                 \
        for (; d >= 4; d -= 4) {                                                \
            v_prefetch(next);                                                   \
            next += ahead;                                                      \
            GEMM_STEPS(R)                                                       \
        }                                                                       \
        for (; d > 0; d--) {                                                    \
            GEMM_STEP(R)                                                        \
        }                                                                       \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < (R); i++) {             \
            vf row[GEMM_VECTORS];                                               \
            _Pragma("GCC unroll 4") for (size_t j = 0; j < GEMM_VECTORS; j++) { \
                row[j] = sum[i][j];                                             \
            }                                                                   \
            store_row(tile, i, row, GEMM_VECTORS);                              \
        }                                                                       \
    }

GEMM_KERNEL(1)
GEMM_KERNEL(2)
GEMM_KERNEL(3)
GEMM_KERNEL(4)
GEMM_KERNEL(5)
GEMM_KERNEL(6)
#if GEMM_ROWS > 6
GEMM_KERNEL(7)
GEMM_KERNEL(8)
GEMM_KERNEL(9)
GEMM_KERNEL(10)
GEMM_KERNEL(11)
GEMM_KERNEL(12)
GEMM_KERNEL(13)
GEMM_KERNEL(14)
#endif

typedef void (*gemm_fn)(const dp_tile *);

static const gemm_fn gemm_by_rows[GEMM_ROWS] = {
    V_NAME(gemm_1),  V_NAME(gemm_2),  V_NAME(gemm_3),  V_NAME(gemm_4),
    V_NAME(gemm_5),  V_NAME(gemm_6),
#if GEMM_ROWS > 6
    V_NAME(gemm_7),  V_NAME(gemm_8),  V_NAME(gemm_9),  V_NAME(gemm_10),
    V_NAME(gemm_11), V_NAME(gemm_12), V_NAME(gemm_13), V_NAME(gemm_14),
#endif
};

static void V_NAME(f32_gemm)(const dp_tile *tile) {
    gemm_by_rows[tile->rows - 1](tile);
}

/* ---- activations ---- */

#define ACTIVATION_KERNEL(name, activate)                                      \
    static void V_NAME(f32_##name)(float *x, size_t n) {                       \
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

static float V_NAME(row_sum)(const float *x, size_t n) {
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
static float V_NAME(row_spread)(const float *x, float mean, size_t n) {
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

static void V_NAME(f32_layer_norm)(const float *x, const float *weight, const float *bias,
                                   float epsilon, float *out, size_t n) {
    float mean = V_NAME(row_sum)(x, n) / (float)n;
    float variance = V_NAME(row_spread)(x, mean, n) / (float)n;
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

static float V_NAME(row_largest)(const float *x, size_t n) {
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

static void V_NAME(f32_softmax)(float *x, size_t n, float scale) {
    vf largest = v_set(V_NAME(row_largest)(x, n));
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

static void V_NAME(f32_blend_columns)(float *row, const float *right, const float *weight,
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

static void V_NAME(f32_blend_rows)(const float *a, const float *b, float weight, float scale,
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

/* ---- the peak of the machine ---- */

#define BURN_VECTORS (GEMM_ROWS * GEMM_VECTORS) /* as in a tile */

static uint64_t V_NAME(f32_burn)(uint64_t rounds) {
    vf x[BURN_VECTORS];
    vf a = v_set(0.5f);
    vf b = v_set(0.25f);
    _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
        x[i] = v_set((float)i);
    }
    for (uint64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
            x[i] = v_fma(a, b, x[i]);
        }
    }
    float total = 0.0f;
    _Pragma("GCC unroll 32") for (size_t i = 0; i < BURN_VECTORS; i++) {
        total += v_sum(x[i]);
    }
    /* total is finite, so that this adds nothing; the compiler does not know */
    return rounds * BURN_VECTORS * V_LENGTH + (total > 1e30f ? 1u : 0u);
}

static const dp_kernels vector_kernels = {
    .name = VECTOR_TABLE_NAME,
    .cpu = VECTOR_TABLE_CPU,
    .f32 =
        {
            .name = VECTOR_TABLE_NAME,
            .precision = DP_PRECISION_F32,
            .cpu = VECTOR_TABLE_CPU,
            .group = 1,
            .step = 1,
            .mr = GEMM_ROWS,
            .nr = GEMM_COLUMNS,
            .kc = GEMM_DEPTH,
            .piece = 8 * GEMM_ROWS,
            .tile = V_NAME(f32_gemm),
            .burn = V_NAME(f32_burn),
        },
    .activate = {NULL, V_NAME(f32_gelu), V_NAME(f32_quick_gelu), V_NAME(f32_relu)},
    .layer_norm = V_NAME(f32_layer_norm),
    .softmax = V_NAME(f32_softmax),
    .blend_columns = V_NAME(f32_blend_columns),
    .blend_rows = V_NAME(f32_blend_rows),
};
