/*
 * How weights are packed for a GEMM, in memory and in compiled files.
 *
 * The depth of a matrix product (K, the direction of the sum) is counted in k-groups: 32 bits that
 * hold kr = 1 f32, 2 bf16 or 4 bytes. Weights are packed into panels [k-groups][nr]: nr columns of
 * the right-hand side, which a micro-kernel reads from front to back. Depths are padded with zeros
 * to whole steps.
 *
 * Bytes of the left-hand side are signed (x = scale * byte). Bytes of panels have an offset of 128
 * (w = scale * (byte - 128)), because every instruction set can multiply signed by unsigned bytes;
 * dpi_row_scale.sum takes the offset out again.
 */
#ifndef DPI_LAYOUT_H
#define DPI_LAYOUT_H

#include "dualpath.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A k-group may be read and written as whatever numbers it holds. */
#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) dpi_kgroup;
#else
typedef uint32_t dpi_kgroup;
#endif

/* Of a row of bytes. */
typedef struct dpi_row_scale {
    float scale;
    int32_t sum; /* 128 times the sum of the row's bytes */
} dpi_row_scale;

/* Rounds n numbers to k-groups, padded to whole steps; `scale` is written for bytes only. */
typedef void (*dpi_round_row_fn)(const float *x, size_t n, dpi_kgroup *groups,
                                 dpi_row_scale *scale);

/* One row of a panel of bf16 from n columns of two rows of numbers, of which the second may be
 * missing (NULL). */
typedef void (*dpi_interleave_rows_fn)(const float *first, const float *second, size_t n,
                                       dpi_kgroup *groups);

typedef struct dpi_layout {
    dp_precision precision;                 /* f32, bf16 or int8 */
    size_t kr;                              /* numbers in a k-group */
    size_t step;                            /* k-groups that depths are padded to a multiple of */
    size_t nr;                              /* columns of a panel */
    dpi_round_row_fn round_row;             /* weights to k-groups; not for f32 */
    dpi_interleave_rows_fn interleave_rows; /* bf16 only; NULL: plain C */
} dpi_layout;

/* Largest nr of any layout. */
#define DPI_MAX_NR 64

/* Whether both are the same in memory. */
bool dpi_layout_equals(const dpi_layout *a, const dpi_layout *b);

/* k-groups of a depth of `inputs` inputs. */
size_t dpi_layout_depth(const dpi_layout *layout, size_t inputs);
/* Columns of the panels: outputs rounded up to whole panels. */
size_t dpi_layout_columns(const dpi_layout *layout, size_t outputs);
/* k-groups of all panels. */
size_t dpi_layout_size(const dpi_layout *layout, size_t inputs, size_t outputs);

#endif /* DPI_LAYOUT_H */
