/*
 * The table of contents of a GGUF file: its metadata entries and its tensors, in the order of the
 * file and sorted.
 */
#ifndef DPI_CONTENTS_H
#define DPI_CONTENTS_H

#include "dualpath.h"
#include "gguf/tensor.h"

typedef enum dpi_value_type {
    DPI_VALUE_U8 = 0,
    DPI_VALUE_I8 = 1,
    DPI_VALUE_U16 = 2,
    DPI_VALUE_I16 = 3,
    DPI_VALUE_U32 = 4,
    DPI_VALUE_I32 = 5,
    DPI_VALUE_F32 = 6,
    DPI_VALUE_BOOL = 7,
    DPI_VALUE_STRING = 8,
    DPI_VALUE_ARRAY = 9,
    DPI_VALUE_U64 = 10,
    DPI_VALUE_I64 = 11,
    DPI_VALUE_F64 = 12
} dpi_value_type;

/* One metadata value. */
typedef struct dpi_gguf_entry {
    dpi_text key;
    uint32_t type;         /* dpi_value_type */
    uint32_t element_type; /* of an array; its elements follow each other from `value` */
    size_t count;          /* elements of an array, else 1 */
    size_t value;          /* its byte in the file */
} dpi_gguf_entry;

typedef struct dpi_gguf {
    const uint8_t *bytes; /* of the file */
    size_t size;
    dpi_gguf_entry *entries; /* in the order of the file */
    uint32_t *by_key;        /* their indices sorted by key */
    size_t entry_count;
    dpi_tensor *tensors; /* in the order of the file */
    uint32_t *by_name;   /* their indices sorted by name */
    size_t tensor_count;
    bool has_crcs;
    const dp_allocator *allocator;
    void *tables; /* the block that these tables lie in */
    size_t tables_size;
} dpi_gguf;

/* Takes memory for the tables of entry_count entries and tensor_count tensors. */
dp_status dpi_gguf_allocate(dpi_gguf *gguf, dpi_message *message);
void dpi_gguf_free(dpi_gguf *gguf);

/* Sort what was scanned. A key or a name that is there twice is an error. */
dp_status dpi_gguf_index_keys(dpi_gguf *gguf, dpi_message *message);
dp_status dpi_gguf_index_names(dpi_gguf *gguf, dpi_message *message);

/* NULL when the file has no such entry, or no such tensor. */
const dpi_gguf_entry *dpi_gguf_entry_of(const dpi_gguf *gguf, const char *key);
const dpi_tensor *dpi_gguf_tensor(const dpi_gguf *gguf, const char *name);

#endif /* DPI_CONTENTS_H */
