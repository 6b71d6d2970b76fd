/*
 * A reader of GGUF version 3 for files that cannot be trusted: docs/weight-format.md, "Container".
 * It checks the whole structure once; what it hands out afterwards lies inside the bytes.
 */
#ifndef DP_GGUF_H
#define DP_GGUF_H

#include "base/message.h"
#include "os/source.h"

/* A block of Q8_0: an f16 scale and this many signed bytes. */
#define DP_Q8_0_VALUES 32
#define DP_Q8_0_BYTES 34

typedef enum dp_tensor_type {
    DP_TENSOR_F32 = 0,
    DP_TENSOR_F16 = 1,
    DP_TENSOR_Q8_0 = 8,
    DP_TENSOR_I8 = 24, /* of compiled files only */
    DP_TENSOR_BF16 = 30
} dp_tensor_type;

typedef struct dp_tensor {
    dp_text name;
    dp_tensor_type type;
    size_t dims;       /* 1 .. 4 */
    uint64_t shape[4]; /* as in NumPy: rows first, columns last */
    const uint8_t *data;
    size_t bytes;
    bool has_crc;
    uint32_t crc;
} dp_tensor;

/* One metadata value. (metadata.c) */
typedef struct dp_gguf_entry {
    dp_text key;
    uint32_t type;         /* dp_value_type */
    uint32_t element_type; /* of an array; its elements follow each other from `value` */
    size_t count;          /* elements of an array, else 1 */
    size_t value;          /* where it stands in the file */
} dp_gguf_entry;

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

typedef struct dp_gguf {
    const uint8_t *bytes;
    size_t size;
    dp_gguf_entry *entries; /* in the order of the file */
    uint32_t *by_key;       /* their indices sorted by key */
    size_t entry_count;
    dp_tensor *tensors; /* in the order of the file */
    uint32_t *by_name;  /* their indices sorted by name */
    size_t tensor_count;
    bool has_crcs;
    const dp_allocator *allocator;
} dp_gguf;

/* Parses and checks. The bytes must outlive the result. On failure nothing is held. */
dp_status dp_gguf_parse(const uint8_t *bytes, size_t size, const dp_allocator *allocator,
                        dp_gguf *gguf, dp_message *message);
void dp_gguf_free(dp_gguf *gguf);

bool dp_gguf_has(const dp_gguf *gguf, const char *key);

/* Metadata (metadata.c). An absent key leaves *value as it is (the default) and succeeds, unless
 * `required`; a present one must have exactly this type and lie within the bounds. */
dp_status dp_gguf_u32(const dp_gguf *gguf, const char *key, bool required, uint32_t minimum,
                      uint32_t maximum, uint32_t *value, dp_message *message);
dp_status dp_gguf_u64(const dp_gguf *gguf, const char *key, bool required, uint64_t maximum,
                      uint64_t *value, dp_message *message);
dp_status dp_gguf_f32(const dp_gguf *gguf, const char *key, bool required, float *value,
                      dp_message *message); /* must be finite */
dp_status dp_gguf_bool(const dp_gguf *gguf, const char *key, bool required, bool *value,
                       dp_message *message);
dp_status dp_gguf_text(const dp_gguf *gguf, const char *key, bool required, dp_text *value,
                       dp_message *message);
dp_status dp_gguf_f32_array(const dp_gguf *gguf, const char *key, bool required, size_t count,
                            float *values, dp_message *message); /* exactly `count`, all finite */
/* Array of strings: *present and *count, then each by dp_gguf_text_array_next(), which walks from
 * *cursor (0 at first). */
dp_status dp_gguf_text_array(const dp_gguf *gguf, const char *key, bool *present, size_t *count,
                             size_t *cursor, dp_message *message);
dp_text dp_gguf_text_array_next(const dp_gguf *gguf, size_t *cursor);

/* An array of u32 of exactly `count` elements: *elements is its first, little-endian, at any
 * address; NULL when the file has none. */
dp_status dp_gguf_u32_array(const dp_gguf *gguf, const char *key, size_t count,
                            const uint8_t **elements, dp_message *message);

/* NULL when the file has no such tensor. */
const dp_tensor *dp_gguf_tensor(const dp_gguf *gguf, const char *name);

/* Checks one tensor against its CRC-32 (nothing to check succeeds). (tensor.c) */
dp_status dp_tensor_check(const dp_tensor *tensor, dp_message *message);

/* Values [first, first + count) of a tensor of any type but I8 as f32. For Q8_0 both are multiples
 * of 32. Values that are not finite are an error that names the tensor. (tensor.c) */
dp_status dp_tensor_read(const dp_tensor *tensor, size_t first, size_t count, float *values,
                         dp_message *message);

const char *dp_tensor_type_name(dp_tensor_type type);

/* CRC-32 as zlib computes it; start with crc = 0. (crc32.c) */
uint32_t dp_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

/* gzip (inflate.c). Inflates a whole gzip file, all members, to at most `limit` bytes, in a block
 * of this allocator. Memory of the packed bytes is let go of as they are read. */
bool dp_is_gzip(const uint8_t *bytes, size_t size);
dp_status dp_inflate(const dp_source *packed, size_t limit, const dp_allocator *allocator,
                     dp_source *inflated, dp_message *message);

#endif /* DP_GGUF_H */
