/*
 * What an instruction set implements to multiply: a micro-kernel, or a whole GEMM of its own.
 */
#ifndef DPI_KERNEL_H
#define DPI_KERNEL_H

#include "gemm/attention.h"
#include "gemm/layout.h"
#include "gemm/lhs.h"

/* One tile: c [rows][columns] = lhs [rows][depth] * panel [depth][nr] + bias [nr], plus what c held
 * before where `accumulate`. rows <= mr and columns <= panels * nr of the micro-kernel; bias may be
 * NULL. Micro-kernels of bf16 and bytes may read mr rows of the lhs, whatever `rows` is. Each
 * element sums over the depth in the same order, whatever the other sizes. */
typedef struct dpi_tile {
    size_t rows, columns;
    size_t depth; /* k-groups */
    const dpi_kgroup *lhs;
    size_t lhs_stride;              /* k-groups */
    const dpi_row_scale *lhs_scale; /* of bytes: [mr] */
    const dpi_kgroup *panel;
    size_t panel_stride;      /* k-groups to the next panel, where there is more than one */
    const float *panel_scale; /* of bytes: [nr] */
    const float *bias;
    bool accumulate;
    float *c;
    size_t c_stride;
    /* depth * prefetch_step bytes from this address are prefetched while the tile is computed. The
     * addresses need not be valid. */
    uintptr_t prefetch;
    size_t prefetch_step;
} dpi_tile;

/* kc of int8 kernels: more k-groups than any depth has, so that their sums are not split. */
#define DPI_WHOLE_DEPTH ((size_t)1 << 24)
/* Inputs of a layer: deeper sums of bytes might not fit 32 bits. */
#define DPI_MAX_BYTE_DEPTH ((size_t)65536)

typedef struct dpi_micro_kernel {
    size_t mr;     /* rows of a tile */
    size_t panels; /* panels that a tile is wide */
    size_t kc;     /* k-groups of a panel that stay in a near cache; bytes: DPI_WHOLE_DEPTH */
    void (*run)(const dpi_tile *tile);
} dpi_micro_kernel;

typedef struct dpi_linear dpi_linear;
typedef struct dpi_epilogue dpi_epilogue;

struct dpi_gemm {
    const char *name;
    uint32_t cpu; /* DP_CPU_* it needs */
    dpi_layout layout;
    dpi_lhs_format lhs;
    dpi_micro_kernel kernel;
    /* Rows that go through a block together, a multiple of mr. The weights are read once per row
     * block, and its activations must fit a core's second-level cache. */
    size_t row_block;
    /* The loops around the micro-kernel: dpi_gemm_run_tiles(), or an implementation of its own. */
    void (*run)(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows, dpi_lhs lhs,
                dpi_rows out, const dpi_epilogue *epilogue);
    dpi_attention_method attention;
    /* Benchmark: the multiply-adds of the micro-kernel without memory access. Returns how many were
     * done. */
    uint64_t (*measure_peak)(uint64_t rounds);
};

/* The loops of tiles.c around kernel.run; `out` is f32. */
void dpi_gemm_run_tiles(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                        dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue);

#endif /* DPI_KERNEL_H */
