/*
 * The bytes of a whole file. On POSIX systems a regular file is mapped, read-only and private;
 * pipes, and files that cannot be mapped, are read into memory. Elsewhere the C library reads.
 */
#if defined(__unix__) || defined(__APPLE__)
#define DPI_POSIX_FILES
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise(): posix_madvise() may do nothing */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64 /* large files on 32-bit systems, too */
#endif
#endif

#include "os/file.h"
#include "base/size.h"
#include "dp_config.h"

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
#include <stdio.h>
#include <string.h>
#if defined(DPI_POSIX_FILES)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

static dp_status fail_to_read(const char *what, const char *path, int error, dpi_message *message) {
    return dpi_fail(message, DP_ERR_IO, "cannot %s '%.300s': %s", what, path, strerror(error));
}

/* ---- reading ---- */

/* Initial buffer size for a file of unknown size. */
#define EXPECTED_SIZE 65536

#if defined(DPI_POSIX_FILES)

typedef int open_file;

/* The number of bytes, 0 at the end, or -1 with errno set. */
static ptrdiff_t read_chunk(open_file file, void *bytes, size_t size) {
    return read(file, bytes, dpi_size_min(size, DPI_WATCHED_BYTES));
}

#else

typedef FILE *open_file;

static ptrdiff_t read_chunk(open_file file, void *bytes, size_t size) {
    errno = 0;
    size_t count = fread(bytes, 1, dpi_size_min(size, DPI_WATCHED_BYTES), file);
    return count == 0 && ferror(file) ? -1 : (ptrdiff_t)count;
}

#endif /* DPI_POSIX_FILES */

/* How a file is read: the arguments of dpi_file_open(). */
typedef struct reading {
    const char *path;
    size_t limit;
    const dp_allocator *allocator;
    dpi_watch *watch;
} reading;

static dp_status read_to_end(open_file file, const reading *how, size_t expected,
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
            read_chunk(file, buffer->bytes + buffer->size, buffer->capacity - buffer->size);
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

static dp_status read_into_block(open_file file, const reading *how, size_t expected,
                                 dpi_source *source, dpi_message *message) {
    dpi_buffer buffer = {.allocator = how->allocator};
    dp_status status = read_to_end(file, how, expected, &buffer, message);
    if (status == DP_OK) {
        *source = dpi_source_of_buffer(buffer);
    } else {
        dpi_buffer_free(&buffer);
    }
    return status;
}

/* ---- opening ---- */

#if defined(DPI_POSIX_FILES)

static bool map_file(int descriptor, size_t size, dpi_source *source) {
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping == MAP_FAILED) {
        return false;
    }
    *source = (dpi_source){.bytes = mapping, .size = size, .mapped = true};
    return true;
}

/* Some files report a size of 0 but have content (/proc): read them. */
static dp_status map_or_read(int descriptor, const reading *how, dpi_source *source,
                             dpi_message *message) {
    const char *path = how->path;
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        return fail_to_read("examine", path, errno, message);
    }
    if (S_ISDIR(about.st_mode)) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is a directory, not a file", path);
    }
    if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is a device, neither a file nor a pipe",
                        path);
    }
    bool sized = S_ISREG(about.st_mode) && about.st_size > 0;
    if (sized && (uint64_t)about.st_size > SIZE_MAX / 2) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is too large for this system", path);
    }
    size_t size = sized ? (size_t)about.st_size : EXPECTED_SIZE;
    if (sized && map_file(descriptor, size, source)) {
        return DP_OK;
    }
    return read_into_block(descriptor, how, size, source, message);
}

static dp_status open_and_load(const reading *how, dpi_source *source, dpi_message *message) {
    int descriptor = open(how->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail_to_read("open", how->path, errno, message);
    }
    dp_status status = map_or_read(descriptor, how, source, message);
    (void)close(descriptor);
    return status;
}

void dpi_file_unmap(const uint8_t *bytes, size_t size) {
    (void)munmap((void *)(uintptr_t)bytes, size); /* NOLINT(performance-no-int-to-ptr) */
}

/* Nothing was written to the pages, so that dropping them loses nothing. */
void dpi_file_unload(const uint8_t *bytes, size_t size) {
#if defined(MADV_DONTNEED)
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)bytes + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)bytes + size) / page * page;
    if (first < end) {
        (void)madvise((void *)first, end - first, /* NOLINT(performance-no-int-to-ptr) */
                      MADV_DONTNEED);
    }
#else
    (void)bytes;
    (void)size;
#endif
}

#else

static dp_status open_and_load(const reading *how, dpi_source *source, dpi_message *message) {
    errno = 0;
    FILE *stream = fopen(how->path, "rb");
    if (stream == NULL) {
        return fail_to_read("open", how->path, errno, message);
    }
    dp_status status = read_into_block(stream, how, EXPECTED_SIZE, source, message);
    (void)fclose(stream);
    return status;
}

void dpi_file_unmap(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

void dpi_file_unload(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

#endif /* DPI_POSIX_FILES */

dp_status dpi_file_open(const char *path, size_t limit, const dp_allocator *allocator,
                        dpi_watch *watch, dpi_source *source, dpi_message *message) {
    const reading how = {path, limit, allocator, watch};
    *source = (dpi_source){0};
    return open_and_load(&how, source, message);
}

#endif /* DP_NO_FILES */
