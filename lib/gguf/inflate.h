/*
 * Files that are compressed with gzip.
 */
#ifndef DPI_INFLATE_H
#define DPI_INFLATE_H

#include "base/message.h"
#include "os/source.h"

bool dpi_is_gzip(const uint8_t *bytes, size_t size);

/* Inflates a whole gzip file, all members, to at most `limit` bytes, in a block of this allocator.
 * The memory of compressed bytes is released as they are read. On failure `inflated` holds
 * nothing. */
dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_source *inflated, dpi_message *message);

#endif /* DPI_INFLATE_H */
