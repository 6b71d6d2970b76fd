/*
 * The bytes of a whole file. On POSIX systems a regular file is mapped, read-only and private;
 * pipes, and files that cannot be mapped, are read into memory. Elsewhere the C library reads.
 */
#if defined(__unix__) || defined(__APPLE__)
#define DP_POSIX_FILES
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
#include "base/arena.h"
#include "base/message.h"
#include "base/size.h"
#include "dp_config.h"
#include "os/memory.h"

#if defined(DP_NO_FILES)

dp_status dp_file_open(const char *path, const dp_allocator *allocator, dp_file *file,
                       dp_message *message) {
    (void)allocator;
    *file = (dp_file){0};
    return dp_fail(message, DP_ERR_UNSUPPORTED,
                   "cannot open '%.300s': this build has no files; open models from memory", path);
}

void dp_file_close(dp_file *file) {
    *file = (dp_file){0};
}

void dp_file_unload(const dp_file *file, const uint8_t *bytes, size_t size) {
    (void)file;
    (void)bytes;
    (void)size;
}

#else

#include <errno.h>
#include <stdio.h>
#include <string.h>
#if defined(DP_POSIX_FILES)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

static dp_status fail_errno(const char *what, const char *path, int error, dp_message *message) {
    return dp_fail(message, DP_ERR_IO, "cannot %s '%.300s': %s", what, path, strerror(error));
}

/* ---- reading ---- */

/* Bytes that were read have their allocated size in front of them, for dp_release(). */
#define FRONT DP_ALIGNMENT

typedef struct contents {
    const dp_allocator *allocator;
    uint8_t *block;
    size_t capacity; /* of the block, FRONT included */
    size_t used;     /* FRONT included */
} contents;

static bool resize(contents *held, size_t capacity) {
    uint8_t *block = dp_allocate(held->allocator, capacity);
    if (block == NULL) {
        return false;
    }
    if (held->block != NULL) {
        dp_move_block(held->allocator, block, held->block, held->used, held->capacity);
    }
    held->block = block;
    held->capacity = capacity;
    return true;
}

/* Makes room for at least one byte more. */
static bool make_room(contents *held) {
    size_t doubled;
    if (held->used < held->capacity) {
        return true;
    }
    return dp_size_mul(held->capacity, 2, &doubled) && resize(held, doubled);
}

static dp_status keep(const contents *held, const char *path, dp_file *file, dp_message *message) {
    if (held->used == FRONT) {
        dp_release(held->allocator, held->block, held->capacity);
        return dp_fail(message, DP_ERR_IO, "'%.300s' is empty", path);
    }
    memcpy(held->block, &held->capacity, sizeof held->capacity);
    file->bytes = held->block + FRONT;
    file->size = held->used - FRONT;
    file->handle = held->block;
    file->allocator = held->allocator;
    return DP_OK;
}

#if defined(DP_POSIX_FILES)

typedef int source;

/* The number of bytes, 0 at the end, or -1 with errno set. */
static ptrdiff_t read_some(source from, void *buffer, size_t size) {
    ptrdiff_t count;
    do {
        count = read(from, buffer, dp_size_min(size, (size_t)1 << 30));
    } while (count < 0 && errno == EINTR);
    return count;
}

#else

typedef FILE *source;

static ptrdiff_t read_some(source from, void *buffer, size_t size) {
    errno = 0;
    size_t count = fread(buffer, 1, dp_size_min(size, (size_t)1 << 30), from);
    return count == 0 && ferror(from) ? -1 : (ptrdiff_t)count;
}

#endif /* DP_POSIX_FILES */

/* Reads to the end. `expected` bytes are likely. */
static dp_status read_all(source from, const char *path, size_t expected,
                          const dp_allocator *allocator, dp_file *file, dp_message *message) {
    contents held = {.allocator = allocator, .used = FRONT};
    bool enough = expected < SIZE_MAX / 2 && resize(&held, FRONT + expected + 1);
    ptrdiff_t count = 1;
    while (enough && count > 0) {
        count = read_some(from, held.block + held.used, held.capacity - held.used);
        held.used += count > 0 ? (size_t)count : 0;
        enough = make_room(&held);
    }
    if (enough && count == 0) {
        return keep(&held, path, file, message);
    }
    int error = errno;
    dp_release(allocator, held.block, held.capacity);
    return enough ? fail_errno("read", path, error, message)
                  : dp_fail(message, DP_ERR_MEMORY, "cannot allocate memory to read '%.300s' into",
                            path);
}

/* ---- opening ---- */

#if defined(DP_POSIX_FILES)

static bool map(int descriptor, size_t size, dp_file *file) {
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping == MAP_FAILED) {
        return false;
    }
    *file = (dp_file){.bytes = mapping, .size = size, .handle = mapping};
    return true;
}

/* Some files say that they have 0 bytes and yield some (/proc): they are read, too. */
static dp_status load(int descriptor, const char *path, const dp_allocator *allocator,
                      dp_file *file, dp_message *message) {
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        return fail_errno("examine", path, errno, message);
    }
    if (S_ISDIR(about.st_mode)) {
        return dp_fail(message, DP_ERR_IO, "'%.300s' is a directory, not a file", path);
    }
    if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode)) {
        return dp_fail(message, DP_ERR_IO, "'%.300s' is a device, neither a file nor a pipe", path);
    }
    bool regular = S_ISREG(about.st_mode) && about.st_size > 0;
    if (regular && (uint64_t)about.st_size > SIZE_MAX / 2) {
        return dp_fail(message, DP_ERR_IO, "'%.300s' is too large for this system", path);
    }
    size_t size = regular ? (size_t)about.st_size : 65536;
    if (regular && map(descriptor, size, file)) {
        return DP_OK;
    }
    return read_all(descriptor, path, size, allocator, file, message);
}

static dp_status open_and_load(const char *path, const dp_allocator *allocator, dp_file *file,
                               dp_message *message) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail_errno("open", path, errno, message);
    }
    dp_status status = load(descriptor, path, allocator, file, message);
    (void)close(descriptor);
    return status;
}

static void unmap(dp_file *file) {
    (void)munmap(file->handle, file->size);
}

/* Nothing was written to the pages, so that dropping them loses nothing. */
static void unload(const uint8_t *bytes, size_t size) {
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

static dp_status open_and_load(const char *path, const dp_allocator *allocator, dp_file *file,
                               dp_message *message) {
    errno = 0;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return fail_errno("open", path, errno, message);
    }
    dp_status status = read_all(stream, path, 65536, allocator, file, message);
    (void)fclose(stream);
    return status;
}

static void unmap(dp_file *file) {
    (void)file;
}

static void unload(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

#endif /* DP_POSIX_FILES */

dp_status dp_file_open(const char *path, const dp_allocator *allocator, dp_file *file,
                       dp_message *message) {
    *file = (dp_file){0};
    return open_and_load(path, allocator != NULL ? allocator : &dp_default_allocator, file,
                         message);
}

void dp_file_close(dp_file *file) {
    if (file->allocator != NULL) {
        size_t allocated;
        memcpy(&allocated, file->handle, sizeof allocated);
        dp_release(file->allocator, file->handle, allocated);
    } else if (file->handle != NULL) {
        unmap(file);
    }
    *file = (dp_file){0};
}

void dp_file_unload(const dp_file *file, const uint8_t *bytes, size_t size) {
    if (file->allocator == NULL && file->handle != NULL) {
        unload(bytes, size);
    }
}

#endif /* DP_NO_FILES */
