/*
 * The bytes of a weight file, and what holds them.
 */
#ifndef DPI_SOURCE_H
#define DPI_SOURCE_H

#include "os/buffer.h"

typedef struct dpi_source {
    const uint8_t *bytes;
    size_t size;
    bool mapped;       /* the bytes are a mapped file */
    dpi_buffer buffer; /* if not mapped: the block of the bytes; none: they are the caller's */
} dpi_source;

/* The bytes of a buffer, which now belongs to the source. */
dpi_source dpi_source_of_buffer(dpi_buffer buffer);

/* Unmaps or frees what holds the bytes. */
void dpi_source_close(dpi_source *source);

/* Releases the memory of mapped bytes; the file is read again if they are used again. Does nothing
 * for bytes that are not mapped. */
void dpi_source_unload(const dpi_source *source, const uint8_t *bytes, size_t size);

/* The same for bytes that will never be read again, wherever they are. */
void dpi_source_discard(const dpi_source *source, const uint8_t *bytes, size_t size);

#endif /* DPI_SOURCE_H */
