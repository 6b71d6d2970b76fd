/*
 * Where the golden models are: in the folder that GOLDEN names, or from the root of the sources.
 */
#ifndef GOLDEN_PATH_H
#define GOLDEN_PATH_H

#include <stdio.h>
#include <stdlib.h>

typedef struct golden_path {
    char text[1024];
} golden_path;

static inline golden_path find_golden(const char *name) {
    const char *folder = getenv("GOLDEN");
    golden_path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%s", folder != NULL ? folder : "tests/golden",
                   name);
    return path;
}

#endif /* GOLDEN_PATH_H */
