/*
 * How a tile leaves the registers, for every product in the vector words of vector_*.h.
 */
#ifndef DP_VECTOR_STORE_H
#define DP_VECTOR_STORE_H

#include "kernels/kernels.h"

/* Where a row is many vectors, storing it would be most of a tile's code: there it stays apart. */
#if V_LENGTH < 8
#define STORE_ROW static __attribute__((noinline))
#else
#define STORE_ROW static inline
#endif

/* Adds bias and the old values to `vectors` vectors of row i of a tile and stores its columns. */
STORE_ROW void store_row(const dp_tile *tile, size_t i, const vf *row, size_t vectors) {
    float *c = tile->c + i * tile->c_stride;
    for (size_t j = 0; j < vectors; j++) {
        size_t first = j * V_LENGTH;
        vf sum = tile->bias != NULL ? v_add(row[j], v_load(tile->bias + first)) : row[j];
        if (tile->columns >= first + V_LENGTH) {
            v_store(c + first, tile->accumulate ? v_add(v_load(c + first), sum) : sum);
        } else if (tile->columns > first) {
            size_t n = tile->columns - first;
            vf old = tile->accumulate ? v_load_first(c + first, n) : v_zero();
            v_store_first(c + first, n, v_add(old, sum));
        }
    }
}

/* Vector j of row i as f32, from the exact sum of a product of bytes. */
static inline vf v_scaled(vw exact, const dp_tile *tile, size_t i, size_t j) {
    return v_mul(w_to_floats(exact),
                 v_mul(v_set(tile->row[i].scale), v_load(tile->column_scale + j * V_LENGTH)));
}

/* The same, from the sum with the columns' offset of 128 still in it. */
static inline vf v_unscaled(vw sum, const dp_tile *tile, size_t i, size_t j) {
    return v_scaled(w_sub(sum, w_set((uint32_t)tile->row[i].sum)), tile, i, j);
}

#endif /* DP_VECTOR_STORE_H */
