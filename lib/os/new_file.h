/*
 * Writes a file under a temporary name and renames it, so that an existing file stays unchanged
 * until the new one is complete.
 */
#ifndef DPI_NEW_FILE_H
#define DPI_NEW_FILE_H

#include "base/message.h"
#include "os/sink.h"

#include <stddef.h>

typedef struct dpi_new_file {
    const dp_allocator *allocator;
    const char *path; /* as the caller named it */
    char *names;      /* the block that the next two lie in */
    size_t names_size;
    char *place;    /* the final name */
    char *beside;   /* the temporary name; equal to place if there is none */
    int descriptor; /* of os/descriptor.h */
} dpi_new_file;

/* Begins a file. It is written under a name of its own in the same folder, which nobody else has.
 * A device or pipe of that name is written to directly. On failure there is nothing to close.
 */
dp_status dpi_new_file_begin(const char *path, const dp_allocator *allocator, dpi_new_file *file,
                             dpi_message *message);

/* The sink that writes to the file. */
dpi_sink dpi_new_file_sink(dpi_new_file *file);

/* Ends the file: renames it if `written` is DP_OK; otherwise removes it and returns
 * `written`. */
dp_status dpi_new_file_end(dpi_new_file *file, dp_status written, dpi_message *message);

#endif /* DPI_NEW_FILE_H */
