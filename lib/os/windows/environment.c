/*
 * The environment of the process: the C library of a program, which may be another one than ours,
 * has a copy of its own.
 */
#include "os/environment.h"
#include "dp_config.h"

#if !defined(DP_NO_ENVIRONMENT)

#include "os/windows/system.h"

bool dpi_environment_read(const char *name, char *value, size_t size) {
    DWORD length = GetEnvironmentVariableA(name, value, (DWORD)size);
    return length > 0 && length < size;
}

#endif
