/*
 * child.c - the program starts no others on Windows: what ffmpeg decodes comes by a pipe.
 */
#include "../child.h"

#include <errno.h>

int child_start(child *c, const char *const *arguments, bool has_bytes, const char *input,
                bool (*stopped)(void)) {
    (void)arguments, (void)has_bytes, (void)input;
    *c = (child){.bytes = -1, .lines = -1, .error = -1, .stopped = stopped};
    return ENOSYS;
}

size_t child_read(child *c, uint8_t *bytes, size_t size) {
    (void)c, (void)bytes, (void)size;
    return 0;
}

bool child_line(child *c, char *line, size_t size) {
    (void)c, (void)line, (void)size;
    return false;
}

bool child_end(child *c, bool killed) {
    (void)c, (void)killed;
    return false;
}
