/*
 * output.h - files that the program writes: complete, or not at all.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* What an option names; NULL: it was not given. */
typedef struct output_name {
    const char *option, *path;
} output_name;

/* Refuses two options that name one file, also through links and folders, which the one that ends
 * last would replace. Returns an exit status. */
int outputs_check(const output_name *names, size_t count);

/* A file is written as dp_model_compile() does: under a name of its own, renamed when all is
 * written. On failure is said why, about `what`, and what was there stays. */
bool output_write(const char *what, const char *path, const void *bytes, size_t size);

/* The same part by part. A part that fails makes those behind it fail, and the end say why. */
typedef struct output output;
output *output_begin(const char *what, const char *path); /* NULL: it has been said why */
bool output_add(output *o, const void *bytes, size_t size);
bool output_end(output *o);
void output_drop(output *o); /* what was there stays */

/* What is written in the place of a character of ASCII. */
typedef struct escape {
    char character; /* '\0' ends an array of these */
    const char *text;
} escape;
/* Adds text from a model as one line of UTF-8: a control character becomes a space, and a byte that
 * is no UTF-8 becomes U+FFFD. */
bool output_add_line(output *o, const char *text, const escape *escapes);

#endif /* OUTPUT_H */
