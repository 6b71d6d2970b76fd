/*
 * What the tests use of POSIX and C11 where the C library of Windows has other names for it. It is
 * included before anything else (-include posix.h).
 */
#ifndef WINDOWS_POSIX_H
#define WINDOWS_POSIX_H

#include <direct.h>
#include <errno.h>
#include <malloc.h>
#include <process.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- blocks: those that are aligned have a free() of their own, which serves all of them here
 * ---- */

static inline void *windows_calloc(size_t count, size_t size) {
    void *block = count <= SIZE_MAX / 16 / (size + 1) ? _aligned_malloc(count * size, 16) : NULL;
    return block != NULL ? memset(block, 0, count * size) : NULL;
}

#define malloc(size) _aligned_malloc((size), 16)
#define calloc(count, size) windows_calloc((count), (size))
#define realloc(block, size) _aligned_realloc((block), (size), 16)
#define free(block) _aligned_free(block)
#define aligned_alloc(alignment, size) _aligned_malloc((size), (alignment))

static inline int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = aligned_alloc(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}

/* ---- the environment, of the process and of the C library ---- */

__declspec(dllimport) int __stdcall SetEnvironmentVariableA(const char *name, const char *value);

static inline int setenv(const char *name, const char *value, int overwrite) {
    (void)overwrite;
    return SetEnvironmentVariableA(name, value) != 0 && _putenv_s(name, value) == 0 ? 0 : -1;
}

static inline int unsetenv(const char *name) {
    (void)SetEnvironmentVariableA(name, NULL);
    return _putenv_s(name, "");
}

/* ---- files ---- */

#undef P_tmpdir
#define P_tmpdir "/tmp"

static inline char *mkdtemp(char *folder) {
    return _mktemp(folder) != NULL && _mkdir(folder) == 0 ? folder : NULL;
}

#endif /* WINDOWS_POSIX_H */
