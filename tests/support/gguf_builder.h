/*
 * Writes GGUF files in memory, for tests: sound ones with a line for each key and tensor, and, by
 * the same means, ones that no honest program would write. Aborts when memory runs out.
 */
#ifndef GGUF_BUILDER_H
#define GGUF_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing bytes; {0} is empty. Numbers are written little-endian. */
typedef struct gguf_bytes {
    uint8_t *bytes;
    size_t size, capacity;
} gguf_bytes;

void gguf_put(gguf_bytes *to, const void *bytes, size_t size);
void gguf_put_u16(gguf_bytes *to, uint16_t value);
void gguf_put_u32(gguf_bytes *to, uint32_t value);
void gguf_put_u64(gguf_bytes *to, uint64_t value);
void gguf_put_f32(gguf_bytes *to, float value);
void gguf_put_text(gguf_bytes *to, const char *text); /* its length, then its bytes */
void gguf_free(gguf_bytes *bytes);

/* A file in the making; {0} is one without anything in it. */
typedef struct gguf_builder {
    gguf_bytes metadata, descriptions, data, crcs;
    uint64_t entries, tensors;
    uint32_t alignment; /* 0 stands for 32 */
} gguf_builder;

/* Value types, and types of tensors. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};
enum { GGUF_TENSOR_F32 = 0, GGUF_TENSOR_F16 = 1, GGUF_TENSOR_Q8_0 = 8, GGUF_TENSOR_BF16 = 30 };

/* Metadata. The first takes a value of any type as bytes, as they stand in the file. */
void gguf_add_value(gguf_builder *builder, const char *key, uint32_t type, const void *bytes,
                    size_t size);
void gguf_add_u32(gguf_builder *builder, const char *key, uint32_t value);
void gguf_add_f32(gguf_builder *builder, const char *key, float value);
void gguf_add_bool(gguf_builder *builder, const char *key, bool value);
void gguf_add_text(gguf_builder *builder, const char *key, const char *value);
void gguf_add_f32_array(gguf_builder *builder, const char *key, const float *values, size_t count);
void gguf_add_u32_array(gguf_builder *builder, const char *key, const uint32_t *values,
                        size_t count);
void gguf_add_text_array(gguf_builder *builder, const char *key, const char *const *values,
                         size_t count);
/* general.alignment, for the tensors that follow. */
void gguf_add_alignment(gguf_builder *builder, uint32_t alignment);

/* Tensors. Shapes are NumPy's: rows first, columns last. */
void gguf_add_tensor(gguf_builder *builder, const char *name, uint32_t type, uint32_t dims,
                     const uint64_t *shape, const float *values);
void gguf_add_vector(gguf_builder *builder, const char *name, size_t length, const float *values);
void gguf_add_matrix(gguf_builder *builder, const char *name, uint32_t type, size_t rows,
                     size_t columns, const float *values);
/* Only the description, with any numbers. */
void gguf_describe(gguf_builder *builder, const char *name, uint32_t type, uint32_t dims,
                   const uint64_t *shape, uint64_t offset);
/* Data without a description, aligned; answers its offset. */
uint64_t gguf_add_data(gguf_builder *builder, const void *bytes, size_t size);

/* dualpath.tensor_crc32 of the tensors so far: call it after the last. */
void gguf_add_crcs(gguf_builder *builder);

/* The file, in a block of exactly its size, which the caller frees. Empties the builder. */
uint8_t *gguf_finish(gguf_builder *builder, size_t *size);

/* Rounds to nearest, ties to even. */
uint16_t gguf_f16(float value);
uint16_t gguf_bf16(float value);

#endif /* GGUF_BUILDER_H */
