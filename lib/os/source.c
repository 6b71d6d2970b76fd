/*
 * What holds the bytes of a model: a file, a block of memory, or the caller.
 */
#include "os/source.h"
#include "os/file.h"
#include "os/memory.h"

void dp_source_close(dp_source *source) {
    dp_file_close(&source->file);
    dp_release(source->allocator, source->block, source->allocated);
    *source = (dp_source){0};
}

void dp_source_unload(const dp_source *source, const uint8_t *bytes, size_t size) {
    dp_file_unload(&source->file, bytes, size);
}

void dp_source_discard(const dp_source *source, const uint8_t *bytes, size_t size) {
    dp_source_unload(source, bytes, size);
    if (source->block != NULL) {
        dp_discard(source->allocator, bytes, size);
    }
    if (source->file.allocator != NULL) {
        dp_discard(source->file.allocator, bytes, size);
    }
}
