/*
 * Files that are compressed with gzip.
 */
#ifndef DP_INFLATE_H
#define DP_INFLATE_H

#include "base/message.h"
#include "os/source.h"

bool dp_is_gzip(const uint8_t *bytes, size_t size);

/* Inflates a whole gzip file, all members, to at most `limit` bytes, in a block of this allocator.
 * Memory of the compressed bytes is let go of as they are read. On failure `inflated` holds
 * nothing. */
dp_status dp_inflate(const dp_source *compressed, size_t limit, const dp_allocator *allocator,
                     dp_source *inflated, dp_message *message);

#endif /* DP_INFLATE_H */
