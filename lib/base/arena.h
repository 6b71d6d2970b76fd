/*
 * A region of memory that is handed out from front to back and freed as a whole. An arena without a
 * base only counts, so that one function plans a session (or a model) and takes its memory.
 */
#ifndef DP_ARENA_H
#define DP_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of every block and of everything in an arena, in bytes: a cache line, and a vector of AVX-512. */
#define DP_ALIGNMENT 64

typedef struct dp_arena {
    uint8_t *base; /* NULL: only count */
    size_t size;   /* of the region; ignored while counting */
    size_t used;   /* so far */
    bool failed;   /* something did not fit, or a size overflowed */
} dp_arena;

/* `count` elements of `element` bytes, aligned to DP_ALIGNMENT, not cleared. NULL while counting
 * and after a failure. */
void *dp_arena_take(dp_arena *arena, size_t count, size_t element);

/* The same for floats, [rows][columns]. */
float *dp_arena_floats(dp_arena *arena, size_t rows, size_t columns);

#endif /* DP_ARENA_H */
