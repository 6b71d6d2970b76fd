/*
 * Files that are read as a whole.
 */
#ifndef DP_FILE_H
#define DP_FILE_H

#include "base/message.h"
#include "dualpath.h"

/* The bytes of a whole file: mapped where the system can, else read. */
typedef struct dp_file {
    const uint8_t *bytes;
    size_t size;
    void *handle;                  /* what dp_file_close() needs */
    const dp_allocator *allocator; /* of bytes that were read, else NULL */
} dp_file;

dp_status dp_file_open(const char *path, const dp_allocator *allocator, dp_file *file,
                       dp_message *message);
/* Whole pages of a mapped file among these bytes leave memory, until they are read again. */
void dp_file_unload(const dp_file *file, const uint8_t *bytes, size_t size);
void dp_file_close(dp_file *file);

#endif /* DP_FILE_H */
