/*
 * Splits a model file into a backbone file and a task file, as docs/weight-format.md describes
 * them, without any help of the library in what it means: the hash is computed here once more.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include <stddef.h>
#include <stdint.h>

typedef struct split_files {
    uint8_t *backbone, *task; /* blocks of exactly their size */
    size_t backbone_size, task_size;
    char hash[17];
} split_files;

/* Of a sound model with checksums; aborts with any other. */
split_files split_model(const uint8_t *bytes, size_t size);
/* The same of a path; also where no test is running. */
split_files split_path(const char *path);
void split_free(split_files *files);

#endif /* SPLIT_H */
