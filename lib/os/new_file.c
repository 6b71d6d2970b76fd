/*
 * Writes a file under a temporary name and renames it. On POSIX, symbolic links are kept and
 * their target is replaced, with its old permissions; elsewhere the C library does what it can.
 */
#if defined(__unix__) || defined(__APPLE__)
#define DPI_POSIX_FILES
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700 /* realpath() */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64 /* large files on 32-bit systems, too */
#endif
#endif

#include "os/new_file.h"
#include "base/size.h"
#include "base/text.h"
#include "dp_config.h"
#include "os/memory.h"

#if defined(DP_NO_FILES)

dp_status dpi_new_file_begin(const char *path, const dp_allocator *allocator, dpi_new_file *file,
                             dpi_message *message) {
    (void)allocator;
    (void)file;
    return dpi_fail(message, DP_ERR_UNSUPPORTED,
                    "cannot write '%.300s': this build has no files; compile models to memory",
                    path);
}

static dp_status write_nowhere(void *user, const void *bytes, size_t size, dpi_message *message) {
    (void)user;
    (void)bytes;
    (void)size;
    return dpi_fail(message, DP_ERR_UNSUPPORTED, "this build has no files");
}

dpi_sink dpi_new_file_sink(dpi_new_file *file) {
    return (dpi_sink){write_nowhere, file};
}

dp_status dpi_new_file_end(dpi_new_file *file, dp_status written, dpi_message *message) {
    (void)file;
    (void)message;
    return written;
}

#else

#include <errno.h>
#include <stdio.h>
#include <string.h>
#if defined(DPI_POSIX_FILES)
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#if !defined(PATH_MAX)
#define PATH_MAX 4096
#endif

static dp_status fail_to_write(const char *what, const char *path, int error,
                               dpi_message *message) {
    return dpi_fail(message, DP_ERR_IO, "cannot %s '%.300s': %s", what, path, strerror(error));
}

/* ---- names ---- */

/* ".part", ".part2", ... are appended to the final name, or to SHORT_NAME if that is too long for
 * a name of the system; this many are tried. */
#define MAX_NAMES 100
#define LONGEST_SUFFIX 16
#define LONGEST_NAME 200
#define SHORT_NAME ".dualpath"

static dp_status allocate_names(dpi_new_file *file, const char *place, dpi_message *message) {
    size_t length = strlen(place) + 1;
    file->names_size = 2 * length + sizeof SHORT_NAME + LONGEST_SUFFIX;
    file->names = dpi_allocate(file->allocator, file->names_size);
    if (file->names == NULL) {
        return dpi_fail(message, DP_ERR_MEMORY, "cannot allocate memory for the name of '%.300s'",
                        file->path);
    }
    file->place = file->names;
    file->beside = file->names + length;
    memcpy(file->place, place, length);
    return DP_OK;
}

static void free_names(dpi_new_file *file) {
    dpi_release(file->allocator, file->names, file->names_size);
    *file = (dpi_new_file){0};
}

static void name_beside(dpi_new_file *file, unsigned number) {
    const char *slash = strrchr(file->place, '/');
    size_t folder = slash != NULL ? (size_t)(slash + 1 - file->place) : 0;
    bool too_long = strlen(file->place + folder) > LONGEST_NAME;
    size_t space = file->names_size - (size_t)(file->beside - file->names) - folder;
    memcpy(file->beside, file->place, folder);
    (void)dpi_print(file->beside + folder, space, number == 1 ? "%s.part" : "%s.part%u",
                    too_long ? SHORT_NAME : file->place + folder, number);
}

/* ---- what a system has ---- */

#if defined(DPI_POSIX_FILES)

#define WRITTEN_AT_ONCE ((size_t)1 << 30)

/* What the path names before anything is written. */
typedef struct old_file {
    bool is_there;
    bool is_regular;
    mode_t mode;
    char place[PATH_MAX]; /* the path, or what it names through symbolic links */
} old_file;

/* A path that is there, but cannot be looked at, is not taken for a new one: a link that leads
 * nowhere would be replaced. */
static dp_status examine_old(const char *path, old_file *old, dpi_message *message) {
    struct stat about;
    size_t length = strlen(path);
    old->is_there = stat(path, &about) == 0;
    int error = old->is_there ? 0 : errno;
    old->is_regular = old->is_there && S_ISREG(about.st_mode);
    if (old->is_there && S_ISDIR(about.st_mode)) {
        return dpi_fail(message, DP_ERR_IO, "'%.300s' is a directory, not a file", path);
    }
    if (length >= sizeof old->place) {
        return fail_to_write("create", path, ENAMETOOLONG, message);
    }
    if (old->is_regular) {
        old->mode = about.st_mode & (mode_t)0777;
        return realpath(path, old->place) != NULL ? DP_OK
                                                  : fail_to_write("create", path, errno, message);
    }
    if (!old->is_there && (error != ENOENT || lstat(path, &about) == 0)) {
        return fail_to_write("create", path, error, message);
    }
    memcpy(old->place, path, length + 1);
    return DP_OK;
}

/* The file never has more permissions than the one that it replaces. */
static bool create_exclusively(dpi_new_file *file, const old_file *old) {
    mode_t mode = old->is_regular ? old->mode & (mode_t)0666 : (mode_t)0666;
    do {
        file->descriptor = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    } while (file->descriptor < 0 && errno == EINTR);
    return file->descriptor >= 0;
}

/* Adds the permissions that the umask took. Some file systems have none to set. */
static void keep_permissions(const dpi_new_file *file, const old_file *old) {
    if (old->is_regular) {
        (void)fchmod(file->descriptor, old->mode);
    }
}

static dp_status open_directly(dpi_new_file *file, dpi_message *message) {
    file->beside = file->place;
    file->descriptor = open(file->place, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return file->descriptor >= 0 ? DP_OK : fail_to_write("write", file->path, errno, message);
}

static dp_status write_file(void *user, const void *bytes, size_t size, dpi_message *message) {
    const dpi_new_file *file = user;
    const uint8_t *next = bytes;
    while (size > 0) {
        ssize_t count = write(file->descriptor, next, dpi_size_min(size, WRITTEN_AT_ONCE));
        if (count < 0 && errno != EINTR) {
            return fail_to_write("write", file->path, errno, message);
        }
        next += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return DP_OK;
}

/* Data must reach the disk before the rename. Pipes and some file systems do not have fsync(). */
static bool flush_file(const dpi_new_file *file) {
    int result;
    do {
        result = fsync(file->descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == EROFS;
}

static bool close_file(const dpi_new_file *file) {
    return close(file->descriptor) == 0 || errno == EINTR;
}

static bool rename_file(dpi_new_file *file) {
    return rename(file->beside, file->place) == 0;
}

#else

typedef struct old_file {
    bool is_there, is_regular;
    const char *place;
} old_file;

static dp_status examine_old(const char *path, old_file *old, dpi_message *message) {
    (void)message;
    *old = (old_file){.place = path};
    return DP_OK;
}

static bool create_exclusively(dpi_new_file *file, const old_file *old) {
    (void)old;
    errno = 0;
    file->stream = fopen(file->beside, "wbx");
    return file->stream != NULL;
}

static void keep_permissions(const dpi_new_file *file, const old_file *old) {
    (void)file;
    (void)old;
}

static dp_status open_directly(dpi_new_file *file, dpi_message *message) {
    return fail_to_write("write", file->path, 0, message);
}

static dp_status write_file(void *user, const void *bytes, size_t size, dpi_message *message) {
    const dpi_new_file *file = user;
    errno = 0;
    return fwrite(bytes, 1, size, file->stream) == size
               ? DP_OK
               : fail_to_write("write", file->path, errno, message);
}

static bool flush_file(const dpi_new_file *file) {
    return fflush(file->stream) == 0;
}

static bool close_file(const dpi_new_file *file) {
    return fclose(file->stream) == 0;
}

/* Some systems' rename() does not replace files: remove the old one first. The new one is then the
 * only one, and stays whatever its name. */
static bool rename_file(dpi_new_file *file) {
    if (rename(file->beside, file->place) == 0) {
        return true;
    }
    file->is_only_one = remove(file->place) == 0;
    return rename(file->beside, file->place) == 0;
}

#endif /* DPI_POSIX_FILES */

/* ---- a file from its beginning to its end ---- */

static dp_status create_beside(dpi_new_file *file, const old_file *old, dpi_message *message) {
    for (unsigned number = 1; number <= MAX_NAMES; number++) {
        name_beside(file, number);
        if (create_exclusively(file, old)) {
            return DP_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return fail_to_write("create", file->path, errno, message);
}

dp_status dpi_new_file_begin(const char *path, const dp_allocator *allocator, dpi_new_file *file,
                             dpi_message *message) {
    old_file old = {.is_there = false};
    *file = (dpi_new_file){.allocator = allocator, .path = path};
    dp_status status = path[0] != '\0' ? examine_old(path, &old, message)
                                       : fail_to_write("create", path, ENOENT, message);
    if (status == DP_OK) {
        status = allocate_names(file, old.place, message);
    }
    if (status != DP_OK) {
        return status;
    }
    bool directly = old.is_there && !old.is_regular;
    status = directly ? open_directly(file, message) : create_beside(file, &old, message);
    if (status == DP_OK) {
        keep_permissions(file, &old);
    } else {
        free_names(file);
    }
    return status;
}

dpi_sink dpi_new_file_sink(dpi_new_file *file) {
    return (dpi_sink){write_file, file};
}

dp_status dpi_new_file_end(dpi_new_file *file, dp_status written, dpi_message *message) {
    dp_status status = written;
    if (status == DP_OK && !flush_file(file)) {
        status = fail_to_write("write", file->path, errno, message);
    }
    if (!close_file(file) && status == DP_OK) {
        status = fail_to_write("write", file->path, errno, message);
    }
    if (file->beside != file->place) {
        if (status == DP_OK && !rename_file(file)) {
            status = fail_to_write("replace", file->path, errno, message);
        }
        if (status != DP_OK && !file->is_only_one) {
            (void)remove(file->beside);
        }
    }
    free_names(file);
    return status;
}

#endif /* DP_NO_FILES */
