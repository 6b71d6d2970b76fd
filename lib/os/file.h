/*
 * Files that are read as a whole.
 */
#ifndef DPI_FILE_H
#define DPI_FILE_H

#include "base/message.h"
#include "base/watch.h"
#include "os/source.h"

/* The bytes of a file: mapped where the system can, else read into a block of this allocator, which
 * has at most `limit` bytes. On failure the source holds nothing. */
dp_status dpi_file_open(const char *path, size_t limit, const dp_allocator *allocator,
                        dpi_watch *watch, dpi_source *source, dpi_message *message);

/* For source.c. All bytes of a mapped file. */
void dpi_file_unmap(const uint8_t *bytes, size_t size);
/* Drops whole pages of this range of a mapped file from memory; reading them reloads them. */
void dpi_file_unload(const uint8_t *bytes, size_t size);

#endif /* DPI_FILE_H */
