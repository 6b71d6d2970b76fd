/*
 * The table of contents of a GGUF file: its metadata entries and its tensors, in the order of the
 * file and sorted.
 */
#ifndef DP_CONTENTS_H
#define DP_CONTENTS_H

#include "dualpath.h"
#include "gguf/tensor.h"

typedef enum dp_value_type {
    DP_VALUE_U8 = 0,
    DP_VALUE_I8 = 1,
    DP_VALUE_U16 = 2,
    DP_VALUE_I16 = 3,
    DP_VALUE_U32 = 4,
    DP_VALUE_I32 = 5,
    DP_VALUE_F32 = 6,
    DP_VALUE_BOOL = 7,
    DP_VALUE_STRING = 8,
    DP_VALUE_ARRAY = 9,
    DP_VALUE_U64 = 10,
    DP_VALUE_I64 = 11,
    DP_VALUE_F64 = 12
} dp_value_type;

/* One metadata value. */
typedef struct dp_gguf_entry {
    dp_text key;
    uint32_t type;         /* dp_value_type */
    uint32_t element_type; /* of an array; its elements follow each other from `value` */
    size_t count;          /* elements of an array, else 1 */
    size_t value;          /* where it stands in the file */
} dp_gguf_entry;

typedef struct dp_gguf {
    const uint8_t *bytes; /* of the file */
    size_t size;
    dp_gguf_entry *entries; /* in the order of the file */
    uint32_t *by_key;       /* their indices sorted by key */
    size_t entry_count;
    dp_tensor *tensors; /* in the order of the file */
    uint32_t *by_name;  /* their indices sorted by name */
    size_t tensor_count;
    bool has_crcs;
    const dp_allocator *allocator;
    void *tables; /* the block that these tables lie in */
    size_t tables_size;
} dp_gguf;

/* Takes memory for the tables of entry_count entries and tensor_count tensors. */
dp_status dp_gguf_allocate(dp_gguf *gguf, dp_message *message);
void dp_gguf_free(dp_gguf *gguf);

/* Sort what was scanned. A key or a name that is there twice is an error. */
dp_status dp_gguf_index_keys(dp_gguf *gguf, dp_message *message);
dp_status dp_gguf_index_names(dp_gguf *gguf, dp_message *message);

/* NULL when the file has no such entry, or no such tensor. */
const dp_gguf_entry *dp_gguf_entry_of(const dp_gguf *gguf, const char *key);
const dp_tensor *dp_gguf_tensor(const dp_gguf *gguf, const char *name);

#endif /* DP_CONTENTS_H */
