/*
 * A block of memory that grows as bytes are appended. To append, write at bytes + size and advance
 * `size`. When `size` reaches `capacity`, call dpi_buffer_grow() first.
 */
#ifndef DPI_BUFFER_H
#define DPI_BUFFER_H

#include "dualpath.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dpi_buffer {
    const dp_allocator *allocator; /* of the block; NULL: the default one */
    uint8_t *bytes;                /* the block; NULL: there is none yet */
    size_t size;                   /* bytes that are in use */
    size_t capacity;               /* bytes of the block */
} dpi_buffer;

/* Makes space for at least one more byte. The first block has `first` bytes; each later one doubles
 * the size, up to `most`. The bytes are moved in pieces, so
 * that memory never holds two full copies. Returns false, without change, if allocation fails.
 */
bool dpi_buffer_grow(dpi_buffer *buffer, size_t first, size_t most);

void dpi_buffer_free(dpi_buffer *buffer);

#endif /* DPI_BUFFER_H */
