/*
 * Memory: the default allocator and the arena that a session or a model is planned in.
 */
#include "runtime/runtime.h"

#include <stdlib.h>

static void *default_allocate(void *user, size_t size) {
    (void)user;
    size_t rounded;
    if (!dp_size_add(size, DP_ALIGNMENT - 1, &rounded)) {
        return NULL;
    }
    rounded &= ~(size_t)(DP_ALIGNMENT - 1);
    return aligned_alloc(DP_ALIGNMENT, rounded == 0 ? DP_ALIGNMENT : rounded);
}

static void default_release(void *user, void *block, size_t size) {
    (void)user;
    (void)size;
    free(block);
}

const dp_allocator dp_default_allocator = {default_allocate, default_release, NULL};

void *dp_allocate(const dp_allocator *allocator, size_t size) {
    const dp_allocator *from = allocator != NULL ? allocator : &dp_default_allocator;
    return from->allocate(from->user, size);
}

void dp_release(const dp_allocator *allocator, void *block, size_t size) {
    const dp_allocator *from = allocator != NULL ? allocator : &dp_default_allocator;
    if (block != NULL) {
        from->release(from->user, block, size);
    }
}

void *dp_arena_take(dp_arena *arena, size_t count, size_t element) {
    size_t bytes = 0;
    size_t start = 0;
    size_t end = 0;
    bool fits = dp_size_mul(count, element, &bytes) &&
                dp_size_add(arena->used, DP_ALIGNMENT - 1, &start);
    start &= ~(size_t)(DP_ALIGNMENT - 1);
    fits = fits && dp_size_add(start, bytes, &end);
    if (arena->failed || !fits || (arena->base != NULL && end > arena->size)) {
        arena->failed = true;
        return NULL;
    }
    arena->used = end;
    return arena->base != NULL ? arena->base + start : NULL;
}
