/*
 * A region of memory that is handed out from front to back and freed as a whole. An arena without a
 * base only counts, so that one function plans a session (or a model) and takes its memory.
 */
#ifndef DPI_ARENA_H
#define DPI_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Alignment in bytes of blocks and arena allocations: a cache line, and an AVX-512 vector. */
#define DPI_ALIGNMENT 64

typedef struct dpi_arena {
    uint8_t *base; /* NULL: only count */
    size_t size;   /* of the region; ignored while counting */
    size_t used;   /* so far */
    bool failed;   /* something did not fit, or a size overflowed */
} dpi_arena;

/* `count` elements of `element` bytes, aligned to DPI_ALIGNMENT, not cleared. NULL while counting
 * and after a failure. */
void *dpi_arena_take(dpi_arena *arena, size_t count, size_t element);

/* The same for floats, [rows][columns]. */
float *dpi_arena_floats(dpi_arena *arena, size_t rows, size_t columns);

#endif /* DPI_ARENA_H */
