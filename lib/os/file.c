/*
 * The bytes of a whole file. A regular file is mapped, read-only and private; pipes, and files that
 * cannot be mapped, are read into memory.
 */
#include "os/file.h"
#include "base/size.h"
#include "dp_config.h"
#include "os/descriptor.h"

#if defined(DP_NO_FILES)

dp_status dpi_file_open(const char *path, size_t limit, const dp_allocator *allocator,
                        dpi_watch *watch, dpi_source *source, dpi_message *message) {
    (void)limit, (void)allocator, (void)watch;
    *source = (dpi_source){0};
    return dpi_fail(message, DP_ERR_UNSUPPORTED,
                    "cannot open '%.300s': this build has no files; open models from memory", path);
}

void dpi_file_unmap(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

void dpi_file_unload(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

#else

#include <errno.h>
#include <string.h>

static dp_status fail_to_read(const char *what, const char *path, int error, dpi_message *message) {
    return dpi_fail(message, DP_ERR_IO, "cannot %s '%.300s': %s", what, path, strerror(error));
}

static dp_status fail_on_directory(const char *path, dpi_message *message) {
    return dpi_fail(message, DP_ERR_IO, "'%.300s' is a directory, not a file", path);
}

/* ---- reading ---- */

/* Initial buffer size for a file of unknown size. */
#define EXPECTED_SIZE 65536

/* How a file is read: the arguments of dpi_file_open(). */
typedef struct reading {
    const char *path;
    size_t limit;
    const dp_allocator *allocator;
    dpi_watch *watch;
} reading;

static dp_status read_to_end(int descriptor, const reading *how, size_t expected,
                             dpi_buffer *buffer, dpi_message *message) {
    char name[320];
    (void)dpi_print(name, sizeof name, "'%.300s'", how->path);
    for (;;) {
        /* the extra byte detects the end of the file without growing */
        dp_status status = dpi_buffer_grow(buffer, expected + 1, how->limit, name, message);
        if (status != DP_OK) {
            return status;
        }
        ptrdiff_t count =
            dpi_descriptor_read(descriptor, buffer->bytes + buffer->size,
                                dpi_size_min(buffer->capacity - buffer->size, DPI_WATCHED_BYTES));
        if (count < 0 && errno != EINTR) {
            return fail_to_read("read", how->path, errno, message);
        }
        if (count == 0) {
            return buffer->size > 0 ? DP_OK
                                    : dpi_fail(message, DP_ERR_IO, "'%.300s' is empty", how->path);
        }
        size_t more = count > 0 ? (size_t)count : 0; /* a signal came: whoever watches may know */
        buffer->size += more;
        status = dpi_watch_advance(how->watch, more, message);
        if (status != DP_OK) {
            return status;
        }
    }
}

static dp_status read_into_block(int descriptor, const reading *how, size_t expected,
                                 dpi_source *source, dpi_message *message) {
    dpi_buffer buffer = {.allocator = how->allocator};
    dp_status status = read_to_end(descriptor, how, expected, &buffer, message);
    if (status == DP_OK) {
        *source = dpi_source_of_buffer(buffer);
    } else {
        dpi_buffer_free(&buffer);
    }
    return status;
}

/* ---- opening ---- */

static bool map_file(int descriptor, size_t size, dpi_source *source) {
    void *mapping = dpi_descriptor_map(descriptor, size);
    if (mapping == NULL) {
        return false;
    }
    *source = (dpi_source){.bytes = mapping, .size = size, .mapped = true};
    return true;
}

static dp_status map_or_read(int descriptor, const reading *how, dpi_source *source,
                             dpi_message *message) {
    const char *path = how->path;
    dpi_file_facts about;
    if (!dpi_descriptor_examine(descriptor, &about)) {
        return fail_to_read("examine", path, errno, message);
    }
    if (about.kind == DPI_FILE_DIRECTORY) {
        return fail_on_directory(path, message);
    }
    if (about.kind == DPI_FILE_DEVICE) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is a device, neither a file nor a pipe",
                        path);
    }
    bool sized = about.kind == DPI_FILE_REGULAR && about.size > 0;
    if (sized && about.size > SIZE_MAX / 2) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is too large for this system", path);
    }
    size_t size = sized ? (size_t)about.size : EXPECTED_SIZE;
    if (sized && map_file(descriptor, size, source)) {
        return DP_OK;
    }
    return read_into_block(descriptor, how, size, source, message);
}

static dp_status open_and_load(const reading *how, dpi_source *source, dpi_message *message) {
    int descriptor = dpi_descriptor_open(how->path);
    if (descriptor < 0 && errno == EISDIR) {
        return fail_on_directory(how->path, message);
    }
    if (descriptor < 0) {
        return fail_to_read("open", how->path, errno, message);
    }
    dp_status status = map_or_read(descriptor, how, source, message);
    (void)dpi_descriptor_close(descriptor);
    return status;
}

dp_status dpi_file_open(const char *path, size_t limit, const dp_allocator *allocator,
                        dpi_watch *watch, dpi_source *source, dpi_message *message) {
    const reading how = {path, limit, allocator, watch};
    *source = (dpi_source){0};
    return open_and_load(&how, source, message);
}

#endif /* DP_NO_FILES */
