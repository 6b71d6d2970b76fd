/*
 * A file that is written as a whole: beside its place, so that a file that is there stays as it is
 * until the new one is complete.
 */
#ifndef DPI_NEW_FILE_H
#define DPI_NEW_FILE_H

#include "base/message.h"
#include "os/sink.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dpi_new_file {
    const dp_allocator *allocator;
    const char *path; /* as the caller named it */
    char *names;      /* the block that the next two lie in */
    size_t names_size;
    char *place;    /* the name that the file will have */
    char *beside;   /* the name that it has while it is written; place itself: no such name */
    int descriptor; /* POSIX */
    void *stream;   /* elsewhere: a FILE */
} dpi_new_file;

/* Begins a file. It is written under a name of its own in the same folder, which nobody else has.
 * A device or pipe of that name is written to directly. On failure there is nothing to close.
 */
dp_status dpi_new_file_begin(const char *path, const dp_allocator *allocator, dpi_new_file *file,
                             dpi_message *message);

/* What the bytes go to. */
dpi_sink dpi_new_file_sink(dpi_new_file *file);

/* Ends the file: gives it its name where `written` is DP_OK, and else removes it and returns
 * `written`. */
dp_status dpi_new_file_end(dpi_new_file *file, dp_status written, dpi_message *message);

#endif /* DPI_NEW_FILE_H */
