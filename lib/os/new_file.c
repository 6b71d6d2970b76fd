/*
 * Writes a file under a temporary name and renames it. Symbolic links are kept and their target is
 * replaced, with its old permissions (on Windows those of its folder).
 */
#include "os/new_file.h"
#include "base/size.h"
#include "base/text.h"
#include "dp_config.h"
#include "os/descriptor.h"
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
#include <string.h>

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
    size_t folder = dpi_folder_length(file->place);
    bool too_long = strlen(file->place + folder) > LONGEST_NAME;
    size_t space = file->names_size - (size_t)(file->beside - file->names) - folder;
    memcpy(file->beside, file->place, folder);
    (void)dpi_print(file->beside + folder, space, number == 1 ? "%s.part" : "%s.part%u",
                    too_long ? SHORT_NAME : file->place + folder, number);
}

/* ---- a file from its beginning to its end ---- */

static dp_status find_old(const char *path, dpi_old_file *old, dpi_message *message) {
    if (path[0] == '\0') {
        return fail_to_write("create", path, ENOENT, message);
    }
    if (dpi_old_file_find(path, old)) {
        return DP_OK;
    }
    return errno == EISDIR
               ? dpi_fail(message, DP_ERR_IO, "'%.300s' is a directory, not a file", path)
               : fail_to_write("create", path, errno, message);
}

static dp_status create_beside(dpi_new_file *file, const dpi_old_file *old, dpi_message *message) {
    for (unsigned number = 1; number <= MAX_NAMES; number++) {
        name_beside(file, number);
        file->descriptor = dpi_descriptor_create(file->beside, old);
        if (file->descriptor >= 0) {
            return DP_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return fail_to_write("create", file->path, errno, message);
}

static dp_status open_directly(dpi_new_file *file, dpi_message *message) {
    file->beside = file->place;
    file->descriptor = dpi_descriptor_open_device(file->place);
    return file->descriptor >= 0 ? DP_OK : fail_to_write("write", file->path, errno, message);
}

dp_status dpi_new_file_begin(const char *path, const dp_allocator *allocator, dpi_new_file *file,
                             dpi_message *message) {
    dpi_old_file old = {.is_there = false};
    *file = (dpi_new_file){.allocator = allocator, .path = path};
    dp_status status = find_old(path, &old, message);
    if (status == DP_OK) {
        status = allocate_names(file, old.place, message);
    }
    if (status != DP_OK) {
        return status;
    }
    bool directly = old.is_there && !old.is_regular;
    status = directly ? open_directly(file, message) : create_beside(file, &old, message);
    if (status != DP_OK) {
        free_names(file);
    }
    return status;
}

static dp_status write_file(void *user, const void *bytes, size_t size, dpi_message *message) {
    const dpi_new_file *file = user;
    const uint8_t *next = bytes;
    while (size > 0) {
        ptrdiff_t count = dpi_descriptor_write(file->descriptor, next, size);
        if (count < 0 && errno != EINTR) {
            return fail_to_write("write", file->path, errno, message);
        }
        next += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return DP_OK;
}

dpi_sink dpi_new_file_sink(dpi_new_file *file) {
    return (dpi_sink){write_file, file};
}

dp_status dpi_new_file_end(dpi_new_file *file, dp_status written, dpi_message *message) {
    dp_status status = written;
    /* data must reach the disk before the rename */
    if (status == DP_OK && !dpi_descriptor_flush(file->descriptor)) {
        status = fail_to_write("write", file->path, errno, message);
    }
    if (!dpi_descriptor_close(file->descriptor) && status == DP_OK) {
        status = fail_to_write("write", file->path, errno, message);
    }
    if (file->beside != file->place) {
        if (status == DP_OK && !dpi_file_rename(file->beside, file->place)) {
            status = fail_to_write("replace", file->path, errno, message);
        }
        if (status != DP_OK) {
            dpi_file_remove(file->beside);
        }
    }
    free_names(file);
    return status;
}

#endif /* DP_NO_FILES */
