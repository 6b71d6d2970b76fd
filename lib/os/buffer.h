/*
 * A block of memory that grows as bytes are appended. To append, write at bytes + size and advance
 * `size`. When `size` reaches `capacity`, call dpi_buffer_grow() first.
 */
#ifndef DPI_BUFFER_H
#define DPI_BUFFER_H

#include "base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dpi_buffer {
    const dp_allocator *allocator; /* of the block; NULL: the default one */
    uint8_t *bytes;                /* the block; NULL: there is none yet */
    size_t size;                   /* bytes that are in use */
    size_t capacity;               /* bytes of the block */
} dpi_buffer;

/* Makes space for at least one more byte of `what`. The first block has `first` bytes; each later
 * one is larger by a quarter and by at least 64 KiB. Old and new block together have about 2.25
 * times the bytes in use, which are moved in pieces: where dpi_discard() works, memory never holds
 * two full copies. More than `limit` bytes are too many; there is space for one more, which shows
 * that they are. DP_ERR_MEMORY, without change, if they are, or if allocation fails. */
dp_status dpi_buffer_grow(dpi_buffer *buffer, size_t first, size_t limit, const char *what,
                          dpi_message *message);

void dpi_buffer_free(dpi_buffer *buffer);

#endif /* DPI_BUFFER_H */
