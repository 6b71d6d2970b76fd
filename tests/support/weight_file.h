/*
 * A weight file taken apart into keys and tensors, as far as it can be, and put together again:
 * with tensors behind each other, their offsets and their checksums. It refuses much less than
 * the library does, since fuzzers want to keep what is wrong with a file.
 */
#ifndef WEIGHT_FILE_H
#define WEIGHT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIGHT_FILE_ENTRIES 128
#define WEIGHT_FILE_TENSORS 512
#define WEIGHT_FILE_NAME 80
#define WEIGHT_FILE_DIMS 5 /* one more than is allowed */

/* Bytes that belong to somebody else. */
typedef struct span {
    const uint8_t *bytes;
    size_t size;
} span;

typedef struct weight_entry {
    char key[WEIGHT_FILE_NAME];
    uint32_t type;
    span value; /* as it stands in the file */
} weight_entry;

typedef struct weight_tensor {
    char name[WEIGHT_FILE_NAME];
    uint32_t type, dims;
    uint64_t shape[WEIGHT_FILE_DIMS]; /* NumPy's: rows first */
    span data;
    uint64_t move; /* is added to the offset */
    uint32_t flip; /* bits of the checksum that are wrong */
} weight_tensor;

typedef struct weight_file {
    weight_entry entries[WEIGHT_FILE_ENTRIES]; /* but alignment and checksums */
    size_t entry_count;
    weight_tensor tensors[WEIGHT_FILE_TENSORS];
    size_t tensor_count;
    uint32_t alignment; /* 0: does not say */
    bool has_crcs;
} weight_file;

/* False for what is no weight file up to its tensors. The bytes must outlive the result. */
bool weight_file_parse(weight_file *file, const uint8_t *bytes, size_t size);

/* The file, in a block that the caller frees. */
uint8_t *weight_file_write(const weight_file *file, size_t *size);

/* Bytes that a tensor of this type and shape takes; SIZE_MAX: no such type, or too many. */
size_t weight_tensor_bytes(const weight_tensor *tensor);

/* Index of the entry; that of the end if there is none. */
size_t weight_file_find(const weight_file *file, const char *key);

/* Bytes of one number of this type; 0 for texts and arrays, and for what is no type. */
size_t weight_number_bytes(uint32_t type);

#endif /* WEIGHT_FILE_H */
