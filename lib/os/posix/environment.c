/*
 * The environment, as the C library has it.
 */
#include "os/environment.h"
#include "dp_config.h"

#if !defined(DP_NO_ENVIRONMENT)

#include <stdlib.h>
#include <string.h>

bool dpi_environment_read(const char *name, char *value, size_t size) {
    const char *set = getenv(name);
    size_t length = set != NULL ? strlen(set) : size;
    if (length >= size) {
        return false;
    }
    memcpy(value, set, length + 1);
    return true;
}

#endif
