/*
 * The bytes of a weight file, and what holds them.
 */
#ifndef DP_SOURCE_H
#define DP_SOURCE_H

#include "os/buffer.h"

typedef struct dp_source {
    const uint8_t *bytes;
    size_t size;
    bool mapped;      /* the bytes are those of a mapped file; or */
    dp_buffer buffer; /* they lie in this block; or, without a block, they are the caller's */
} dp_source;

/* The bytes of a buffer, which now belongs to the source. */
dp_source dp_source_of_buffer(dp_buffer buffer);

/* Unmaps or frees what holds the bytes. */
void dp_source_close(dp_source *source);

/* Lets go of the memory of bytes that were read: they are read from the file again, should they be
 * used again. Does nothing for bytes that are not mapped. */
void dp_source_unload(const dp_source *source, const uint8_t *bytes, size_t size);

/* The same for bytes that will never be read again, wherever they are. */
void dp_source_discard(const dp_source *source, const uint8_t *bytes, size_t size);

#endif /* DP_SOURCE_H */
