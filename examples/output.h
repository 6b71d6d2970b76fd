/*
 * output.h - files that the program writes: complete, or not at all.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* A file is written as dp_model_compile() does: under a name of its own, renamed when all is
 * written. On failure is said why, about `what`, and what was there stays. */
bool output_write(const char *what, const char *path, const void *bytes, size_t size);

/* The same part by part. A part that fails makes those behind it fail, and the end say why. */
typedef struct output output;
output *output_begin(const char *what, const char *path); /* NULL: it has been said why */
bool output_add(output *o, const void *bytes, size_t size);
bool output_end(output *o);
void output_drop(output *o); /* what was there stays */

#endif /* OUTPUT_H */
