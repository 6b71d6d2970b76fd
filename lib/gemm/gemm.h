/*
 * Matrix products on packed weights: out = activation(lhs rhs + bias (+ out)). A dpi_gemm is one
 * way to multiply: a layout of the packed weights (the rhs), a format of the lhs, and a
 * micro-kernel that multiplies one tile. Folders below lib/isa implement them for instruction sets.
 * Nothing here knows of models.
 */
#ifndef DPI_GEMM_H
#define DPI_GEMM_H

#include "gemm/kernel.h"
#include "gemm/layout.h"
#include "gemm/lhs.h"
#include "nn/nn.h"

/* ---- packed weights ---- */

/* A linear layer y = W x + b with W [outputs][inputs] packed into panels [outputs / nr][depth][nr]
 * of k-groups; `depth` is that of the whole matrix, also in a part of it. outputs == 0: there is no
 * such layer; where there are outputs, there are inputs. */
typedef struct dpi_linear {
    const dpi_gemm *gemm;
    size_t inputs, outputs;
    size_t depth; /* k-groups */
    const dpi_kgroup *panels;
    const float *bias;  /* [outputs rounded up to nr] or NULL */
    const float *scale; /* of bytes: [outputs rounded up to nr] */
} dpi_linear;

/* The part that computes `count` outputs from `first` on, a multiple of nr. */
dpi_linear dpi_linear_outputs(const dpi_linear *linear, size_t first, size_t count);

/* The part that sums over `count` inputs from `first` on, a multiple of layout.step * layout.kr.
 * The bias belongs to the part whose `first` is 0. */
dpi_linear dpi_linear_inputs(const dpi_linear *linear, size_t first, size_t count);

/* ---- the product ---- */

/* What is done to a tile while it is in registers or in the first-level cache. */
typedef struct dpi_epilogue {
    bool accumulate;           /* adds what the output held */
    dpi_activation activation; /* comes last */
} dpi_epilogue;

/* out [rows][outputs] = activation(lhs [rows][inputs] W^T + bias (+ out)). `out` is f32, or of the
 * number type that the GEMM writes (dpi_lhs_format.source). `kernels` supplies the
 * activation functions (AMX has its own). */
void dpi_gemm_run(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows, dpi_lhs lhs,
                  dpi_rows out, dpi_epilogue epilogue);

/* The same, written as the lhs of the next GEMM of this kind, in the memory of the buffer. */
dpi_lhs dpi_gemm_run_to_lhs(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                            dpi_lhs lhs, dpi_activation activation, const dpi_lhs_buffer *buffer);

/* ---- packing (pack.c) ---- */

/* Packs w [outputs][inputs], rows `stride` apart, into panels. Bytes get their scale per output in
 * `scale` [outputs]. Columns that pad the last panel become 0. `scratch` has dpi_layout_depth()
 * k-groups and is not used for f32. */
void dpi_pack_panels(const dpi_layout *layout, dpi_kgroup *panels, float *scale, const float *w,
                     size_t stride, size_t outputs, size_t inputs, dpi_kgroup *scratch);

/* The same for a matrix that is given as [inputs][outputs], rows `stride` apart. Not for bytes. */
void dpi_pack_panels_transposed(const dpi_layout *layout, dpi_kgroup *panels, const float *w,
                                size_t stride, size_t outputs, size_t inputs);

/* ---- targets: the layouts of a family of GEMMs (target.c) ---- */

#define DPI_TARGET_COUNT 6 /* DP_TARGET_NATIVE among them */

/* A placeholder that has only a layout, for packing weights for a target on any machine. NULL for
 * DP_TARGET_NATIVE, and for what the build leaves out. */
const dpi_gemm *dpi_target_packing(dp_target number, dp_precision precision);

/* The target whose panels both of these GEMMs read; DP_TARGET_NATIVE: there is none. */
dp_target dpi_target_of(const dpi_gemm *f32, const dpi_gemm *gemm);

#endif /* DPI_GEMM_H */
