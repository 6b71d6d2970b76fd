/*
 * Metadata of a GGUF file by key and type. An absent key leaves *value as it is (the default) and
 * succeeds, unless it is `required`; a present one must have exactly this type and lie within the
 * bounds.
 */
#ifndef DPI_METADATA_H
#define DPI_METADATA_H

#include "gguf/contents.h"

bool dpi_gguf_has(const dpi_gguf *gguf, const char *key);

dp_status dpi_gguf_u32(const dpi_gguf *gguf, const char *key, bool required, uint32_t minimum,
                       uint32_t maximum, uint32_t *value, dpi_message *message);
dp_status dpi_gguf_u64(const dpi_gguf *gguf, const char *key, bool required, uint64_t maximum,
                       uint64_t *value, dpi_message *message);
dp_status dpi_gguf_f32(const dpi_gguf *gguf, const char *key, bool required, float *value,
                       dpi_message *message); /* must be finite */
dp_status dpi_gguf_bool(const dpi_gguf *gguf, const char *key, bool required, bool *value,
                        dpi_message *message);
dp_status dpi_gguf_text(const dpi_gguf *gguf, const char *key, bool required, dpi_text *value,
                        dpi_message *message);
dp_status dpi_gguf_f32_array(const dpi_gguf *gguf, const char *key, bool required, size_t count,
                             float *values, dpi_message *message); /* exactly `count`, all finite */

/* An array of strings: whether it is there and how many it has. dpi_gguf_text_array_next() then
 * returns them one by one, at most *count times, from *cursor on. */
dp_status dpi_gguf_text_array(const dpi_gguf *gguf, const char *key, bool *present, size_t *count,
                              size_t *cursor, dpi_message *message);
dpi_text dpi_gguf_text_array_next(const dpi_gguf *gguf, size_t *cursor);

/* An array of u32 of exactly `count` elements: *elements is its first, little-endian, at any
 * address; NULL when the file has none. */
dp_status dpi_gguf_u32_array(const dpi_gguf *gguf, const char *key, size_t count,
                             const uint8_t **elements, dpi_message *message);

#endif /* DPI_METADATA_H */
