/*
 * Blocks of memory on Windows, where those that are aligned have a free() of their own: here it
 * frees all of them.
 */
#ifndef WINDOWS_BLOCKS_H
#define WINDOWS_BLOCKS_H

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS_ALIGNMENT 16

static inline void *windows_calloc(size_t count, size_t size) {
    size_t bytes = count * size;
    void *block =
        size == 0 || bytes / size == count ? _aligned_malloc(bytes, WINDOWS_ALIGNMENT) : NULL;
    return block != NULL ? memset(block, 0, bytes) : NULL;
}

static inline char *windows_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = _aligned_malloc(bytes, WINDOWS_ALIGNMENT);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

#define malloc(size) _aligned_malloc((size), WINDOWS_ALIGNMENT)
#define calloc(count, size) windows_calloc((count), (size))
#define realloc(block, size) _aligned_realloc((block), (size), WINDOWS_ALIGNMENT)
#define free(block) _aligned_free(block)
#define strdup(text) windows_strdup(text)
#define aligned_alloc(alignment, size) _aligned_malloc((size), (alignment))

#endif /* WINDOWS_BLOCKS_H */
