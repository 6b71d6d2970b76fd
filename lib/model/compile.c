/*
 * Where a compiled file goes: to a path, to memory, or through a callback.
 */
#include "model/compile.h"
#include "os/new_file.h"

#include <string.h>

/* ---- to a path ---- */

dp_status dpi_compile_to_path(const struct dp_model *model, const char *path, dpi_watch *watch,
                              dpi_message *message) {
    uint64_t size = 0;
    dpi_new_file file;
    dp_status status = dpi_compiled_size(model, &size, message); /* refuses before it creates */
    if (status == DP_OK) {
        status = dpi_new_file_begin(path, model->allocator, &file, message);
    }
    if (status != DP_OK) {
        return status;
    }
    dpi_sink sink = dpi_new_file_sink(&file);
    return dpi_new_file_end(&file, dpi_compiled_write(model, &sink, watch, message), message);
}

/* ---- to memory ---- */

/* Bytes that are still to be filled, and how many of them there are. */
typedef struct memory_left {
    uint8_t *bytes;
    size_t size;
} memory_left;

static dp_status write_to_memory(void *user, const void *bytes, size_t size, dpi_message *message) {
    memory_left *left = user;
    if (size > left->size) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the buffer is too small for the file");
    }
    memcpy(left->bytes, bytes, size);
    left->bytes += size;
    left->size -= size;
    return DP_OK;
}

dp_status dpi_compile_to_memory(const struct dp_model *model, void *buffer, size_t capacity,
                                size_t *size, dpi_message *message) {
    uint64_t needed = 0;
    dp_status status = dpi_compiled_size(model, &needed, message);
    *size = (size_t)needed; /* nearly all of it lies in memory already */
    if (status != DP_OK || buffer == NULL) {
        return status;
    }
    if (capacity < *size) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "the buffer has %zu bytes, and the compiled file takes %zu", capacity,
                        *size);
    }
    memory_left left = {buffer, capacity};
    dpi_watch unwatched = {.progress = NULL};
    dpi_sink sink = {write_to_memory, &left};
    return dpi_compiled_write(model, &sink, &unwatched, message);
}

/* ---- through a callback ---- */

static dp_status write_to_callback(void *user, const void *bytes, size_t size,
                                   dpi_message *message) {
    const dp_writer *writer = user;
    const uint8_t *next = bytes;
    while (size > 0) {
        int64_t count = writer->write(writer->user, next, size);
        if (count <= 0 || (uint64_t)count > size) {
            return dpi_fail(message, DP_ERR_IO, "the write callback answered %lld, given %zu bytes",
                            (long long)count, size);
        }
        next += count;
        size -= (size_t)count;
    }
    return DP_OK;
}

dp_status dpi_compile_to_writer(const struct dp_model *model, const dp_writer *writer,
                                dpi_message *message) {
    dpi_watch unwatched = {.progress = NULL};
    dp_writer copy = *writer;
    dpi_sink sink = {write_to_callback, &copy};
    return dpi_compiled_write(model, &sink, &unwatched, message);
}
