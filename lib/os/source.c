/*
 * What holds the bytes of a model: a mapped file, a block of memory, or the caller.
 */
#include "os/source.h"
#include "os/file.h"
#include "os/memory.h"

dp_source dp_source_of_buffer(dp_buffer buffer) {
    return (dp_source){.bytes = buffer.bytes, .size = buffer.size, .buffer = buffer};
}

void dp_source_close(dp_source *source) {
    if (source->mapped) {
        dp_file_unmap(source->bytes, source->size);
    }
    dp_buffer_free(&source->buffer);
    *source = (dp_source){0};
}

void dp_source_unload(const dp_source *source, const uint8_t *bytes, size_t size) {
    if (source->mapped) {
        dp_file_unload(bytes, size);
    }
}

void dp_source_discard(const dp_source *source, const uint8_t *bytes, size_t size) {
    dp_source_unload(source, bytes, size);
    if (source->buffer.bytes != NULL) {
        dp_discard(source->buffer.allocator, bytes, size);
    }
}
