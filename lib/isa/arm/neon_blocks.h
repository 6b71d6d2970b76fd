/*
 * For the matrix instructions of NEON, which multiply two columns with two rows, eight bytes along
 * the depth: two k-groups of a panel become such blocks by zipping them, and the sums of two rows
 * come apart by unzipping.
 */
#ifndef DPI_NEON_BLOCKS_H
#define DPI_NEON_BLOCKS_H

#include "isa/arm/neon_common.h"

#define column_blocks TMPL_NAME(column_blocks)
#define load_column_blocks TMPL_NAME(load_column_blocks)
#define load_row_block TMPL_NAME(load_row_block)
#define block_sums TMPL_NAME(block_sums)
#define zero_blocks TMPL_NAME(zero_blocks)
#define row_of_blocks TMPL_NAME(row_of_blocks)

/* Two k-groups of four columns: those of columns 0 and 1, and of columns 2 and 3. */
typedef struct column_blocks {
    vu low, high;
} column_blocks;

static inline column_blocks load_column_blocks(const dpi_kgroup *p) {
    vu first = u_load(p);
    vu second = u_load(p + NEON_COLUMNS);
    return (column_blocks){vzip1q_u32(first, second), vzip2q_u32(first, second)};
}

/* Two k-groups of two rows. */
static inline vu load_row_block(const dpi_kgroup *const *rows) {
    return vcombine_u32(vld1_u32(rows[0]), vld1_u32(rows[1]));
}

/* Sums of two rows and four columns, of four bytes each: columns 0 and 1, and columns 2 and 3. */
typedef struct block_sums {
    vu low, high;
} block_sums;

static inline block_sums zero_blocks(void) {
    return (block_sums){u_set(0), u_set(0)};
}

/* Four columns of row k = 0 or 1, which alternate in the sums. */
static inline vu row_of_blocks(block_sums sum, size_t k) {
    return k == 0 ? vuzp1q_u32(sum.low, sum.high) : vuzp2q_u32(sum.low, sum.high);
}

#endif /* DPI_NEON_BLOCKS_H */
