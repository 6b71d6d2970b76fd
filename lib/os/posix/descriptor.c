/*
 * Files of POSIX.
 */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700 /* realpath() */
#endif
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise(): posix_madvise() may do nothing */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64 /* large files on 32-bit systems, too */
#endif

#include "os/descriptor.h"
#include "base/size.h"
#include "dp_config.h"
#include "os/file.h"

#if !defined(DP_NO_FILES)

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(PATH_MAX)
_Static_assert(PATH_MAX <= DPI_LONGEST_PATH, "realpath() writes this many bytes");
#endif

/* ---- reading ---- */

int dpi_descriptor_open(const char *path) {
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool dpi_descriptor_examine(int descriptor, dpi_file_facts *facts) {
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        return false;
    }
    facts->size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    facts->kind = S_ISREG(about.st_mode)                               ? DPI_FILE_REGULAR
                  : S_ISDIR(about.st_mode)                             ? DPI_FILE_DIRECTORY
                  : S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) ? DPI_FILE_PIPE
                                                                       : DPI_FILE_DEVICE;
    return true;
}

ptrdiff_t dpi_descriptor_read(int descriptor, void *bytes, size_t size) {
    return read(descriptor, bytes, size);
}

void *dpi_descriptor_map(int descriptor, size_t size) {
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    return mapping != MAP_FAILED ? mapping : NULL;
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

bool dpi_descriptor_close(int descriptor) {
    return close(descriptor) == 0 || errno == EINTR;
}

/* ---- writing ---- */

#define WRITTEN_AT_ONCE ((size_t)1 << 30)

bool dpi_old_file_find(const char *path, dpi_old_file *old) {
    struct stat about;
    size_t length = strlen(path);
    old->is_there = stat(path, &about) == 0;
    int error = old->is_there ? 0 : errno;
    old->is_regular = old->is_there && S_ISREG(about.st_mode);
    if (old->is_there && S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (length >= sizeof old->place) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (old->is_regular) {
        old->permissions = about.st_mode & 0777u;
        return realpath(path, old->place) != NULL;
    }
    if (!old->is_there && (error != ENOENT || lstat(path, &about) == 0)) {
        errno = error;
        return false;
    }
    memcpy(old->place, path, length + 1);
    return true;
}

/* The file never has more permissions than the one that it replaces. Those that the umask took are
 * added; some file systems have none to set. */
int dpi_descriptor_create(const char *path, const dpi_old_file *old) {
    mode_t mode = old->is_regular ? (mode_t)old->permissions & (mode_t)0666 : (mode_t)0666;
    int descriptor;
    do {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor >= 0 && old->is_regular) {
        (void)fchmod(descriptor, (mode_t)old->permissions);
    }
    return descriptor;
}

int dpi_descriptor_open_device(const char *path) {
    return open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

ptrdiff_t dpi_descriptor_write(int descriptor, const void *bytes, size_t size) {
    return write(descriptor, bytes, dpi_size_min(size, WRITTEN_AT_ONCE));
}

/* Pipes and some file systems do not have fsync(). */
bool dpi_descriptor_flush(int descriptor) {
    int result;
    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == EROFS;
}

bool dpi_file_rename(const char *from, const char *to) {
    return rename(from, to) == 0;
}

void dpi_file_remove(const char *path) {
    (void)remove(path);
}

size_t dpi_folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash + 1 - path) : 0;
}

#endif /* DP_NO_FILES */
