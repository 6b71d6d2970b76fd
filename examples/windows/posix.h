/*
 * What the program uses of POSIX, for Windows: included before anything else (-include). Paths and
 * arguments are UTF-8, standard streams have bytes.
 */
#ifndef WINDOWS_POSIX_H
#define WINDOWS_POSIX_H

#include "blocks.h"

#include <dirent.h>
#include <io.h> /* before isatty() has another name */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- the program: windows_main() in posix.c calls it ---- */

#define main dualpath_main
int dualpath_main(int argc, char **argv);

/* ---- files ---- */

FILE *windows_fopen(const char *path, const char *mode);
/* Only what kind of file it is. */
int windows_stat(const char *path, struct stat *about);
/* The whole name of what is there, which the caller frees; `resolved` is NULL. */
char *realpath(const char *path, char *resolved);

#define fopen(path, mode) windows_fopen((path), (mode))
#define stat(path, about) windows_stat((path), (about))

typedef struct windows_dirent {
    char d_name[3 * FILENAME_MAX];
} windows_dirent;

_WDIR *windows_opendir(const char *path);
/* Valid until the next call. */
windows_dirent *windows_readdir(_WDIR *directory);

#define DIR _WDIR
#define dirent windows_dirent
#define opendir(path) windows_opendir(path)
#define readdir(directory) windows_readdir(directory)
#define closedir(directory) _wclosedir(directory)

/* Standard streams are those that the C library has opened. */
#define F_GETFD 1
#define fcntl(descriptor, command) ((void)(descriptor), (void)(command), 0)

/* A console: other devices are no terminals. */
int windows_isatty(int descriptor);

#define isatty(descriptor) windows_isatty(descriptor)

/* ---- signals that there are not ---- */

#define SIGPIPE 13
#define SIGXFSZ 25

#endif /* WINDOWS_POSIX_H */
