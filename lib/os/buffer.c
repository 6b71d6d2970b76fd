/*
 * Buffers that grow by doubling.
 */
#include "os/buffer.h"
#include "base/size.h"
#include "os/memory.h"

static size_t next_capacity(const dpi_buffer *buffer, size_t first, size_t most) {
    if (buffer->capacity == 0) {
        return dpi_size_min(first, most);
    }
    return buffer->capacity < most / 2 ? 2 * buffer->capacity : most;
}

bool dpi_buffer_grow(dpi_buffer *buffer, size_t first, size_t most) {
    if (buffer->size < buffer->capacity) {
        return true;
    }
    size_t capacity = next_capacity(buffer, first, most);
    if (capacity <= buffer->size) {
        return false;
    }
    uint8_t *block = dpi_allocate(buffer->allocator, capacity);
    if (block == NULL) {
        return false;
    }
    if (buffer->bytes != NULL) {
        dpi_move_block(buffer->allocator, block, buffer->bytes, buffer->size, buffer->capacity);
    }
    buffer->bytes = block;
    buffer->capacity = capacity;
    return true;
}

void dpi_buffer_free(dpi_buffer *buffer) {
    dpi_release(buffer->allocator, buffer->bytes, buffer->capacity);
    *buffer = (dpi_buffer){0};
}
