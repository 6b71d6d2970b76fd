/*
 * Buffers that grow by doubling.
 */
#include "os/buffer.h"
#include "base/size.h"
#include "os/memory.h"

static size_t next_capacity(const dp_buffer *buffer, size_t first, size_t most) {
    if (buffer->capacity == 0) {
        return dp_size_min(first, most);
    }
    return buffer->capacity < most / 2 ? 2 * buffer->capacity : most;
}

bool dp_buffer_grow(dp_buffer *buffer, size_t first, size_t most) {
    if (buffer->size < buffer->capacity) {
        return true;
    }
    size_t capacity = next_capacity(buffer, first, most);
    if (capacity <= buffer->size) {
        return false;
    }
    uint8_t *block = dp_allocate(buffer->allocator, capacity);
    if (block == NULL) {
        return false;
    }
    if (buffer->bytes != NULL) {
        dp_move_block(buffer->allocator, block, buffer->bytes, buffer->size, buffer->capacity);
    }
    buffer->bytes = block;
    buffer->capacity = capacity;
    return true;
}

void dp_buffer_free(dp_buffer *buffer) {
    dp_release(buffer->allocator, buffer->bytes, buffer->capacity);
    *buffer = (dp_buffer){0};
}
