/*
 * What the tests use of POSIX and C11 where the C library of Windows has other names for it. It is
 * included before anything else (-include posix.h).
 */
#ifndef WINDOWS_TESTS_POSIX_H
#define WINDOWS_TESTS_POSIX_H

#include "../../examples/windows/blocks.h"

#include <direct.h>
#include <errno.h>
#include <process.h>
#include <stdio.h>

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

#endif /* WINDOWS_TESTS_POSIX_H */
