/*
 * child.h - a program that is started to read what it writes: without a shell, and waited for in
 * any case.
 *
 * What it says on its standard error is read meanwhile, so that it never waits for us; the last
 * line stays.
 */
#ifndef CHILD_H
#define CHILD_H

#include "process.h"

#include <stdint.h>

typedef struct child {
    process *process;      /* NULL: none runs */
    bool (*stopped)(void); /* NULL, or whether it is to be killed */
    char *text;            /* lines that were not asked for yet */
    size_t text_size, text_capacity;
    char last_error[256], next_error[256];
    size_t next_error_size;
} child;

/* As process_start(). It is ended in any case. */
int child_start(child *c, const char *const *arguments, bool has_bytes, const char *input,
                bool (*stopped)(void));
/* Reads up to `size` bytes; fewer where it wrote no more. */
size_t child_read(child *c, uint8_t *bytes, size_t size);
/* The next line, without its end and cut where it does not fit; false: there is none. */
bool child_line(child *c, char *line, size_t size);
/* Waits for it, or kills it before. Whether it ended with status 0. */
bool child_end(child *c, bool killed);

#endif /* CHILD_H */
