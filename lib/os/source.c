/*
 * What holds the bytes of a model: a mapped file, a block of memory, or the caller.
 */
#include "os/source.h"
#include "os/file.h"
#include "os/memory.h"

dpi_source dpi_source_of_buffer(dpi_buffer buffer) {
    return (dpi_source){.bytes = buffer.bytes, .size = buffer.size, .buffer = buffer};
}

void dpi_source_close(dpi_source *source) {
    if (source->mapped) {
        dpi_file_unmap(source->bytes, source->size);
    }
    dpi_buffer_free(&source->buffer);
    *source = (dpi_source){0};
}

void dpi_source_unload(const dpi_source *source, const uint8_t *bytes, size_t size) {
    if (source->mapped) {
        dpi_file_unload(bytes, size);
    }
}

void dpi_source_discard(const dpi_source *source, const uint8_t *bytes, size_t size) {
    dpi_source_unload(source, bytes, size);
    if (source->buffer.bytes != NULL) {
        dpi_discard(source->buffer.allocator, bytes, size);
    }
}
