/*
 * Files as the system has them, by a number: those of POSIX, which the C library of Windows has as
 * well. What fails sets errno, to what strerror() has words for. Paths are UTF-8 on Windows, and
 * what the system takes elsewhere. Private to lib/os.
 */
#ifndef DPI_DESCRIPTOR_H
#define DPI_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading ---- */

typedef enum dpi_file_kind {
    DPI_FILE_REGULAR,
    DPI_FILE_PIPE,
    DPI_FILE_DIRECTORY,
    DPI_FILE_DEVICE
} dpi_file_kind;

typedef struct dpi_file_facts {
    dpi_file_kind kind;
    uint64_t size; /* of a regular file; some report 0 but have content (/proc) */
} dpi_file_facts;

/* Opens a file to read it; -1: it cannot be. EISDIR: it is a directory, which some systems open. */
int dpi_descriptor_open(const char *path);
bool dpi_descriptor_examine(int descriptor, dpi_file_facts *facts);
/* At most `size` bytes; 0 at the end, -1 on failure: EINTR if a signal came. */
ptrdiff_t dpi_descriptor_read(int descriptor, void *bytes, size_t size);
/* The bytes of a regular file, read-only; NULL: it cannot be mapped. dpi_file_unmap() ends that. */
void *dpi_descriptor_map(int descriptor, size_t size);
bool dpi_descriptor_close(int descriptor);

/* ---- writing ---- */

#define DPI_LONGEST_PATH 4096

/* What a path names before anything is written. */
typedef struct dpi_old_file {
    bool is_there;
    bool is_regular;
    unsigned permissions;         /* of a regular file, as the system has them */
    char place[DPI_LONGEST_PATH]; /* the path, or what it names through symbolic links */
} dpi_old_file;

/* A path that is there, but cannot be looked at, is not taken for a new one: a link that leads
 * nowhere would be replaced. EISDIR: it is a directory. */
bool dpi_old_file_find(const char *path, dpi_old_file *old);

/* A new file to write to, with the permissions of the one that it will replace (on Windows those of
 * its folder); -1: it cannot be made. EEXIST: the name is taken. */
int dpi_descriptor_create(const char *path, const dpi_old_file *old);
/* A device or pipe to write to. */
int dpi_descriptor_open_device(const char *path);
/* Writes some of the bytes; -1 on failure: EINTR if a signal came. */
ptrdiff_t dpi_descriptor_write(int descriptor, const void *bytes, size_t size);
/* Returns when the data is on the disk, where there is one. */
bool dpi_descriptor_flush(int descriptor);

/* Gives a file the name of another one, which is replaced at once, or stays. */
bool dpi_file_rename(const char *from, const char *to);
void dpi_file_remove(const char *path);
/* The bytes of a path up to the name of the file. */
size_t dpi_folder_length(const char *path);

#endif /* DPI_DESCRIPTOR_H */
