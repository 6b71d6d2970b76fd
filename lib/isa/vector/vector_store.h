/*
 * The epilogue of a micro-kernel: bias, adding and storing. The activation follows in gemm/tiles.c
 * (activate_tile()), or, where rows are rounded for the next GEMM, in gemm/lhs.c.
 */
#ifndef DPI_VECTOR_STORE_H
#define DPI_VECTOR_STORE_H

#include "gemm/kernel.h"

/* With short vectors, inlined stores would be most of a micro-kernel's code: there this stays a
 * function. */
#if V_LENGTH < 8
#define STORE_ROW static __attribute__((noinline))
#else
#define STORE_ROW static inline
#endif

/* Hides a vector's value from the compiler. Tests whose vectors are in memory define it before. */
#if !defined(V_HIDE)
#if defined(__AVX512F__)
#define V_HIDE(x) __asm__ volatile("" : "+v"(x))
#else
#define V_HIDE(x) __asm__ volatile("" : "+x"(x))
#endif
#endif

/* Adds bias and the old values to `vectors` vectors of row i of a tile and stores its columns. */
STORE_ROW void v_store_row(const dpi_tile *tile, size_t i, const vf *row, size_t vectors) {
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

/* Vector j of row i as f32, from the sum of a product of bytes. */
static inline vf v_scale_sum(vu sum, const dpi_tile *tile, size_t i, size_t j) {
    return v_mul(u_to_floats(sum),
                 v_mul(v_set(tile->lhs_scale[i].scale), v_load(tile->panel_scale + j * V_LENGTH)));
}

/* The same, from a sum with the panel's offset of 128 still in it. */
static inline vf v_scale_offset_sum(vu sum, const dpi_tile *tile, size_t i, size_t j) {
    return v_scale_sum(u_sub(sum, u_set((uint32_t)tile->lhs_scale[i].sum)), tile, i, j);
}

#endif /* DPI_VECTOR_STORE_H */
