/*
 * The few loops that cost time, behind a table that is chosen once by what the processor and the
 * operating system support. kernels/generic.c fills all of it in plain C, the definition of right;
 * each instruction set replaces what it does better. Knows nothing of models.
 */
#ifndef DP_KERNELS_H
#define DP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dp_activation {
    DP_ACTIVATION_NONE = 0,
    DP_ACTIVATION_GELU = 1,       /* x * Phi(x), exact */
    DP_ACTIVATION_QUICK_GELU = 2, /* x * sigmoid(1.702 x) */
    DP_ACTIVATION_RELU = 3
} dp_activation;

#define DP_ACTIVATION_COUNT 4

/* Largest tile that any table uses. */
#define DP_MAX_MR 16
#define DP_MAX_NR 64

/* One tile of a matrix product: c [rows][columns] = a [rows][depth] * panel [depth][nr] + bias
 * [nr], plus what c held before where `accumulate`. rows <= mr, columns <= nr, bias may be NULL.
 * Each element sums over depth in order, whatever the other sizes. */
typedef struct dp_tile {
    size_t rows, columns, depth;
    const float *a;
    size_t a_stride;
    const float *panel;
    const float *bias;
    bool accumulate;
    float *c;
    size_t c_stride;
    uintptr_t
        next;     /* on the way, depth * ahead bytes from this address are asked into the cache; */
    size_t ahead; /* they need not exist */
} dp_tile;

typedef struct dp_kernels {
    const char *name;
    uint32_t cpu; /* DP_CPU_* it needs */
    size_t mr;    /* rows of a tile */
    size_t nr;    /* columns of a panel */
    size_t kc;    /* depth of a panel that stays in the first-level cache */

    void (*gemm)(const dp_tile *tile);

    /* x = activation(x), n values. */
    void (*activate[DP_ACTIVATION_COUNT])(float *x, size_t n);

    /* out = (x - mean) / sqrt(variance + epsilon), then * weight + bias unless these are NULL. */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon,
                       float *out, size_t n);

    /* x = softmax(scale * x). */
    void (*softmax)(float *x, size_t n, float scale);

    /* row += (right - row) * weight, column by column: the horizontal half of a resize. */
    void (*blend_columns)(float *row, const float *right, const float *weight, size_t n);

    /* out = (a + (b - a) * weight) * scale + offset: the vertical half of a resize. */
    void (*blend_rows)(const float *a, const float *b, float weight, float scale, float offset,
                       float *out, size_t n);

    /* Fused multiply-adds in registers only; returns how many (each lane counts). */
    uint64_t (*burn)(uint64_t rounds);
} dp_kernels;

/* DP_CPU_* that processor and operating system support. (cpu.c) */
uint32_t dp_cpu_features(void);

/* The best table within `cpu_mask`. (dispatch.c) */
const dp_kernels *dp_kernels_choose(uint32_t cpu_mask);

/* Tables; NULL where the build does not have them. */
const dp_kernels *dp_kernels_generic(void);
const dp_kernels *dp_kernels_avx2(void);
const dp_kernels *dp_kernels_avx512(void);

/* ---- matrix products on packed weights (linear.c) ---- */

/* y = W x + bias with W [outputs][inputs] packed into panels [outputs / nr][depth][nr], where depth
 * is `inputs` of the whole matrix; views are parts of it. outputs == 0: there is none. */
typedef struct dp_linear {
    size_t inputs, outputs;
    size_t depth;
    const float *panels;
    const float *bias; /* [outputs rounded up to nr] or NULL */
} dp_linear;

/* The view of `count` outputs from `first` on, a multiple of nr. */
dp_linear dp_linear_outputs(const dp_linear *linear, size_t first, size_t count);

/* The view of `count` inputs from `first` on: a part of the sum, to which the bias belongs where
 * first is 0. */
dp_linear dp_linear_inputs(const dp_kernels *kernels, const dp_linear *linear, size_t first,
                           size_t count);

/* What is done to a tile while it is hot. */
typedef struct dp_epilogue {
    bool accumulate;           /* add to what the output held */
    size_t split;              /* columns from here on get `right` */
    dp_activation left, right; /* applied last */
} dp_epilogue;

/* Columns of the panels: outputs rounded up to whole panels. */
size_t dp_panel_columns(const dp_kernels *kernels, size_t outputs);
/* Floats of the panels. */
size_t dp_panel_floats(const dp_kernels *kernels, size_t inputs, size_t outputs);

/* out [rows][linear->outputs] from in [rows][linear->inputs]. */
void dp_linear_apply(const dp_kernels *kernels, const dp_linear *linear, size_t rows,
                     const float *in, size_t in_stride, float *out, size_t out_stride,
                     dp_epilogue epilogue);

/* Packs w [outputs][inputs] (rows `stride` apart) into the panels of a matrix with `depth` inputs,
 * its element (0, 0) at (first_output, first_input). */
void dp_panel_put(const dp_kernels *kernels, float *panels, size_t depth, size_t first_output,
                  size_t first_input, const float *w, size_t stride, size_t outputs, size_t inputs);

/* The same for a whole matrix that is given as [inputs][outputs], rows `stride` apart; columns that
 * pad the last panel become 0. */
void dp_panel_put_rows(const dp_kernels *kernels, float *panels, const float *w, size_t stride,
                       size_t outputs, size_t inputs);

/* ---- attention (attention.c) ---- */

/* One head of one image. q is replaced by the answer, for `queries` rows. */
typedef struct dp_attention {
    float *q;
    const float *k, *v;
    size_t stride;  /* of rows of q, k and v */
    size_t queries; /* rows of q that are asked: the first ones */
    size_t tokens;
    size_t head_size;
    float scale; /* of the scores */
} dp_attention;

/* Floats of scratch memory. */
size_t dp_attention_scratch(const dp_kernels *kernels, size_t tokens, size_t head_size);
void dp_attention_run(const dp_kernels *kernels, const dp_attention *attention, float *scratch);

/* A row stride of at least n floats that keeps rows aligned and out of each other's cache sets. */
size_t dp_row_stride(size_t n);

#endif /* DP_KERNELS_H */
