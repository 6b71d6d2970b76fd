/*
 * What an instruction set implements to multiply: a micro-kernel, or a whole GEMM of its own.
 */
#ifndef DP_KERNEL_H
#define DP_KERNEL_H

#include "gemm/attention.h"
#include "gemm/layout.h"
#include "gemm/lhs.h"

/* One tile: c [rows][columns] = lhs [rows][depth] * panel [depth][nr] + bias [nr], plus what c held
 * before where `accumulate`. rows <= mr and columns <= panels * nr of the micro-kernel; bias may be
 * NULL. Micro-kernels of bf16 and bytes may read mr rows of the lhs, whatever `rows` is. Each
 * element sums over the depth in the same order, whatever the other sizes. */
typedef struct dp_tile {
    size_t rows, columns;
    size_t depth; /* k-groups */
    const dp_kgroup *lhs;
    size_t lhs_stride;             /* k-groups */
    const dp_row_scale *lhs_scale; /* of bytes: [mr] */
    const dp_kgroup *panel;
    size_t panel_stride;      /* k-groups to the next panel, where there is more than one */
    const float *panel_scale; /* of bytes: [nr] */
    const float *bias;
    bool accumulate;
    float *c;
    size_t c_stride;
    /* On the way, depth * prefetch_step bytes from this address are asked into the cache; they need
     * not exist. */
    uintptr_t prefetch;
    size_t prefetch_step;
} dp_tile;

/* Sums of bytes are not split along the depth. */
#define DP_WHOLE_DEPTH ((size_t)1 << 24)
/* Deeper sums of bytes might not fit 32 bits. */
#define DP_MAX_BYTE_DEPTH ((size_t)65536)

typedef struct dp_micro_kernel {
    size_t mr;     /* rows of a tile */
    size_t panels; /* panels that a tile is wide */
    size_t kc;     /* k-groups of a panel that stay in a near cache; bytes: DP_WHOLE_DEPTH */
    void (*run)(const dp_tile *tile);
} dp_micro_kernel;

typedef struct dp_linear dp_linear;
typedef struct dp_epilogue dp_epilogue;

struct dp_gemm {
    const char *name;
    uint32_t cpu; /* DP_CPU_* it needs */
    dp_layout layout;
    dp_lhs_format lhs;
    dp_micro_kernel kernel;
    /* Rows that are worked on at a time, a multiple of mr: so many share one reading of the
     * weights, and their activations fit a core's second-level cache. */
    size_t row_block;
    /* The loops around the micro-kernel: dp_gemm_run_tiles(), or an implementation of its own. */
    void (*run)(const dp_kernels *kernels, const dp_linear *linear, size_t rows, dp_lhs lhs,
                dp_rows out, const dp_epilogue *epilogue);
    dp_attention_method attention;
    /* Multiply-adds in registers only, as the micro-kernel's; returns how many. */
    uint64_t (*measure_peak)(uint64_t rounds);
};

/* The loops of tiles.c around kernel.run; `out` is f32. */
void dp_gemm_run_tiles(const dp_kernels *kernels, const dp_linear *linear, size_t rows, dp_lhs lhs,
                       dp_rows out, const dp_epilogue *epilogue);

#endif /* DP_KERNEL_H */
