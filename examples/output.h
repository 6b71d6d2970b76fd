/*
 * output.h - files that the program writes: complete, or not at all.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes a file as dp_model_compile() does: under a name of its own, renamed when all is written.
 * On failure says why, about `what`, and leaves what was there. */
bool output_write(const char *what, const char *path, const void *bytes, size_t size);

#endif /* OUTPUT_H */
