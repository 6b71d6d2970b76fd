/*
 * A block of memory that bytes are appended to, and that grows as they come. Whoever appends writes
 * behind `size`, adds to it, and asks for more space when `size` has reached `capacity`.
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

/* Makes space for at least one more byte. The first block has `first` bytes, each further one twice
 * as many as the one before it, and none more than `most`. The bytes move to it piece by piece, so
 * that no two whole copies are held. False when there is no such block: the buffer stays as it is.
 */
bool dpi_buffer_grow(dpi_buffer *buffer, size_t first, size_t most);

void dpi_buffer_free(dpi_buffer *buffer);

#endif /* DPI_BUFFER_H */
