/*
 * The bytes of a weight file and what holds them.
 */
#ifndef DP_SOURCE_H
#define DP_SOURCE_H

#include "os/file.h"

typedef struct dp_source {
    const uint8_t *bytes;
    size_t size;
    dp_file file;                  /* the bytes are its; or */
    uint8_t *block;                /* they lie in this block; or both are empty: they are the */
    size_t allocated;              /* caller's */
    const dp_allocator *allocator; /* of the block */
} dp_source;

void dp_source_close(dp_source *source);

/* Lets go of the memory of bytes that were read: they are read from the file again, should they be
 * used again. Does nothing for bytes that are not mapped. */
void dp_source_unload(const dp_source *source, const uint8_t *bytes, size_t size);

/* The same for bytes that will never be read again, wherever they are. */
void dp_source_discard(const dp_source *source, const uint8_t *bytes, size_t size);

#endif /* DP_SOURCE_H */
