/*
 * For the matrix instructions of NEON, which multiply two columns with two rows, eight bytes along
 * the depth: two words of a panel become such blocks by zipping them, and the sums of two rows come
 * apart by unzipping.
 */
#ifndef DP_NEON_BLOCKS_H
#define DP_NEON_BLOCKS_H

#include "kernels/neon_common.h"

/* Two words of four columns: those of columns 0 and 1, and of columns 2 and 3. */
typedef struct column_blocks {
    vw low, high;
} column_blocks;

static inline column_blocks load_column_blocks(const uint32_t *p) {
    vw first = w_load(p);
    vw second = w_load(p + NEON_COLUMNS);
    return (column_blocks){vzip1q_u32(first, second), vzip2q_u32(first, second)};
}

/* Two words of two rows. */
static inline vw load_row_block(const uint32_t *const *rows) {
    return vcombine_u32(vld1_u32(rows[0]), vld1_u32(rows[1]));
}

/* Sums of two rows and four columns, of four bytes each: columns 0 and 1, and columns 2 and 3. */
typedef struct block_sums {
    vw low, high;
} block_sums;

static inline block_sums zero_blocks(void) {
    return (block_sums){w_set(0), w_set(0)};
}

/* Four columns of row k = 0 or 1, which alternate in the sums. */
static inline vw row_of_blocks(block_sums sum, size_t k) {
    return k == 0 ? vuzp1q_u32(sum.low, sum.high) : vuzp2q_u32(sum.low, sum.high);
}

#endif /* DP_NEON_BLOCKS_H */
