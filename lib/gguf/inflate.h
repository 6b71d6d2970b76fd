/*
 * Files that are compressed with gzip.
 */
#ifndef DPI_INFLATE_H
#define DPI_INFLATE_H

#include "base/message.h"
#include "base/watch.h"
#include "os/source.h"

bool dpi_is_gzip(const uint8_t *bytes, size_t size);

/* What `size` compressed bytes may inflate to by default: 1 MiB and eight bytes for each. Weights
 * in f32 deflate to a fourth at best, if they were rounded to 8 bits before. */
size_t dpi_inflated_limit(size_t size);

/* Inflates a whole gzip file, all members, to at most `limit` bytes, in a block of this allocator.
 * The memory of compressed bytes is released as they are read. On failure `inflated` holds
 * nothing. */
dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_watch *watch, dpi_source *inflated, dpi_message *message);

#endif /* DPI_INFLATE_H */
