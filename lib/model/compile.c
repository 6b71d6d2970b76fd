/*
 * Where a compiled file goes: to a path, to memory, or through a callback.
 */
#include "model/compile.h"
#include "os/new_file.h"

#include <string.h>

/* ---- to a path ---- */

dp_status dp_compile_to_path(const struct dp_model *model, const char *path, dp_message *message) {
    uint64_t size = 0;
    dp_new_file file;
    dp_status status = dp_compiled_size(model, &size, message); /* refuses before it creates */
    if (status == DP_OK) {
        status = dp_new_file_begin(path, model->allocator, &file, message);
    }
    if (status != DP_OK) {
        return status;
    }
    dp_sink sink = dp_new_file_sink(&file);
    return dp_new_file_end(&file, dp_compiled_write(model, &sink, message), message);
}

/* ---- to memory ---- */

/* Bytes that are still to be filled, and how many of them there are. */
typedef struct memory_left {
    uint8_t *bytes;
    size_t size;
} memory_left;

static dp_status write_to_memory(void *user, const void *bytes, size_t size, dp_message *message) {
    memory_left *left = user;
    if (size > left->size) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the buffer is too small for the file");
    }
    memcpy(left->bytes, bytes, size);
    left->bytes += size;
    left->size -= size;
    return DP_OK;
}

dp_status dp_compile_to_memory(const struct dp_model *model, void *buffer, size_t capacity,
                               size_t *size, dp_message *message) {
    uint64_t needed = 0;
    dp_status status = dp_compiled_size(model, &needed, message);
    if (status == DP_OK && needed > SIZE_MAX) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "the compiled file is larger than this machine can address");
    }
    *size = (size_t)needed;
    if (status != DP_OK || buffer == NULL) {
        return status;
    }
    if (capacity < *size) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "the buffer has %zu bytes, and the compiled file takes %zu", capacity,
                       *size);
    }
    memory_left left = {buffer, capacity};
    dp_sink sink = {write_to_memory, &left};
    return dp_compiled_write(model, &sink, message);
}

/* ---- through a callback ---- */

static dp_status write_to_callback(void *user, const void *bytes, size_t size,
                                   dp_message *message) {
    const dp_writer *writer = user;
    const uint8_t *next = bytes;
    while (size > 0) {
        int64_t count = writer->write(writer->user, next, size);
        if (count <= 0 || (uint64_t)count > size) {
            return dp_fail(message, DP_ERR_IO, "the write callback answered %lld, given %zu bytes",
                           (long long)count, size);
        }
        next += count;
        size -= (size_t)count;
    }
    return DP_OK;
}

dp_status dp_compile_to_writer(const struct dp_model *model, const dp_writer *writer,
                               dp_message *message) {
    dp_writer copy = *writer;
    dp_sink sink = {write_to_callback, &copy};
    return dp_compiled_write(model, &sink, message);
}
