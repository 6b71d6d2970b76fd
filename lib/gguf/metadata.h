/*
 * Metadata of a GGUF file by key and type. An absent key leaves *value as it is (the default) and
 * succeeds, unless it is `required`; a present one must have exactly this type and lie within the
 * bounds.
 */
#ifndef DP_METADATA_H
#define DP_METADATA_H

#include "gguf/contents.h"

bool dp_gguf_has(const dp_gguf *gguf, const char *key);

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

/* An array of strings: whether it is there and how many it has. dp_gguf_text_array_next() then
 * returns them one by one, at most *count times, from *cursor on. */
dp_status dp_gguf_text_array(const dp_gguf *gguf, const char *key, bool *present, size_t *count,
                             size_t *cursor, dp_message *message);
dp_text dp_gguf_text_array_next(const dp_gguf *gguf, size_t *cursor);

/* An array of u32 of exactly `count` elements: *elements is its first, little-endian, at any
 * address; NULL when the file has none. */
dp_status dp_gguf_u32_array(const dp_gguf *gguf, const char *key, size_t count,
                            const uint8_t **elements, dp_message *message);

#endif /* DP_METADATA_H */
