/*
 * file_names.h - the files of a directory that are of one kind, in the order a person would put
 * them.
 */
#ifndef FILE_NAMES_H
#define FILE_NAMES_H

#include "frames.h"

typedef struct file_names {
    char **names;
    size_t count, capacity;
} file_names;

/* Lists files whose names end in one of `suffixes`, which a NULL ends; hidden ones are left out. Is
 * freed in any case. */
bool file_names_list(file_names *names, frame_list *list, const char *directory,
                     const char *const *suffixes);
void file_names_free(file_names *names);

#endif /* FILE_NAMES_H */
