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
 * dp_row_scale.sum takes the offset out again.
 */
#ifndef DP_LAYOUT_H
#define DP_LAYOUT_H

#include "dualpath.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A k-group may be read and written as whatever numbers it holds. */
#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) dp_kgroup;
#else
typedef uint32_t dp_kgroup;
#endif

/* Of a row of bytes. */
typedef struct dp_row_scale {
    float scale;
    int32_t sum; /* 128 times the sum of the row's bytes */
} dp_row_scale;

/* Rounds n numbers to k-groups, padded to whole steps; `scale` is written for bytes only. */
typedef void (*dp_round_row_fn)(const float *x, size_t n, dp_kgroup *groups, dp_row_scale *scale);

typedef struct dp_layout {
    dp_precision precision;    /* f32, bf16 or int8 */
    size_t kr;                 /* numbers in a k-group */
    size_t step;               /* k-groups that depths are padded to a multiple of */
    size_t nr;                 /* columns of a panel */
    dp_round_row_fn round_row; /* weights to k-groups; not for f32 */
} dp_layout;

/* Largest nr of any layout. */
#define DP_MAX_NR 64

/* Whether both are the same in memory. */
bool dp_layout_equals(const dp_layout *a, const dp_layout *b);

/* k-groups of a depth of so many inputs. */
size_t dp_layout_depth(const dp_layout *layout, size_t inputs);
/* Columns of the panels: outputs rounded up to whole panels. */
size_t dp_layout_columns(const dp_layout *layout, size_t outputs);
/* k-groups of all panels. */
size_t dp_layout_size(const dp_layout *layout, size_t inputs, size_t outputs);

#endif /* DP_LAYOUT_H */
