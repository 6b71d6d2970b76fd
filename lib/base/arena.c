/*
 * Arenas: handing out aligned pieces of a region, or only counting them.
 */
#include "base/arena.h"

#include "base/size.h"

void *dpi_arena_take(dpi_arena *arena, size_t count, size_t element) {
    size_t bytes = 0;
    size_t start = 0;
    size_t end = 0;
    bool fits = dpi_size_mul(count, element, &bytes) &&
                dpi_size_add(arena->used, DPI_ALIGNMENT - 1, &start);
    start &= ~(size_t)(DPI_ALIGNMENT - 1);
    fits = fits && dpi_size_add(start, bytes, &end);
    if (arena->failed || !fits || (arena->base != NULL && end > arena->size)) {
        arena->failed = true;
        return NULL;
    }
    arena->used = end;
    return arena->base != NULL ? arena->base + start : NULL;
}

float *dpi_arena_floats(dpi_arena *arena, size_t rows, size_t columns) {
    size_t count = 0;
    arena->failed = arena->failed || !dpi_size_mul(rows, columns, &count);
    return dpi_arena_take(arena, count, sizeof(float));
}
