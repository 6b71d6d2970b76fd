/*
 * Buffers that grow by a quarter.
 */
#include "os/buffer.h"
#include "base/size.h"
#include "os/memory.h"

#define LEAST_GROWTH ((size_t)65536)

static size_t next_capacity(const dpi_buffer *buffer, size_t first, size_t limit) {
    size_t most = limit < SIZE_MAX ? limit + 1 : SIZE_MAX;
    if (buffer->capacity == 0) {
        return dpi_size_min(first, most);
    }
    size_t more = dpi_size_max(buffer->capacity / 4, LEAST_GROWTH);
    return dpi_size_min(more, most - buffer->capacity) + buffer->capacity;
}

dp_status dpi_buffer_grow(dpi_buffer *buffer, size_t first, size_t limit, const char *what,
                          dpi_message *message) {
    if (buffer->size < buffer->capacity) {
        return DP_OK;
    }
    size_t capacity = next_capacity(buffer, first, limit);
    if (capacity <= buffer->size) {
        return dpi_fail(message, DP_ERR_MEMORY, "%s has more bytes than the limit of %zu", what,
                        limit);
    }
    uint8_t *block = dpi_allocate_for(buffer->allocator, capacity, what, message);
    if (block == NULL) {
        return DP_ERR_MEMORY;
    }
    if (buffer->bytes != NULL) {
        dpi_move_block(buffer->allocator, block, buffer->bytes, buffer->size, buffer->capacity);
    }
    buffer->bytes = block;
    buffer->capacity = capacity;
    return DP_OK;
}

void dpi_buffer_free(dpi_buffer *buffer) {
    dpi_release(buffer->allocator, buffer->bytes, buffer->capacity);
    *buffer = (dpi_buffer){0};
}
