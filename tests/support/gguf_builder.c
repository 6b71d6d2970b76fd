/*
 * The test-side writer of GGUF files. Shares no code with the library, so that one can be held
 * against the other.
 */
#include "gguf_builder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

void gguf_put(gguf_bytes *to, const void *bytes, size_t size) {
    if (to->size + size > to->capacity) {
        to->capacity = 2 * (to->size + size);
        to->bytes = realloc(to->bytes, to->capacity);
        if (to->bytes == NULL) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(to->bytes + to->size, bytes, size);
    }
    to->size += size;
}

static void put_number(gguf_bytes *to, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * i);
        gguf_put(to, &byte, 1);
    }
}

void gguf_put_u16(gguf_bytes *to, uint16_t value) {
    put_number(to, value, 2);
}

void gguf_put_u32(gguf_bytes *to, uint32_t value) {
    put_number(to, value, 4);
}

void gguf_put_u64(gguf_bytes *to, uint64_t value) {
    put_number(to, value, 8);
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void gguf_put_f32(gguf_bytes *to, float value) {
    put_number(to, bits_of(value), 4);
}

void gguf_put_text(gguf_bytes *to, const char *text) {
    gguf_put_u64(to, strlen(text));
    gguf_put(to, text, strlen(text));
}

void gguf_free(gguf_bytes *bytes) {
    free(bytes->bytes);
    *bytes = (gguf_bytes){0};
}

/* ---- metadata ---- */

void gguf_add_value(gguf_builder *builder, const char *key, uint32_t type, const void *bytes,
                    size_t size) {
    gguf_put_text(&builder->metadata, key);
    gguf_put_u32(&builder->metadata, type);
    gguf_put(&builder->metadata, bytes, size);
    builder->entries++;
}

static void add_and_free(gguf_builder *builder, const char *key, uint32_t type, gguf_bytes *value) {
    gguf_add_value(builder, key, type, value->bytes, value->size);
    gguf_free(value);
}

void gguf_add_u32(gguf_builder *builder, const char *key, uint32_t value) {
    gguf_bytes bytes = {0};
    gguf_put_u32(&bytes, value);
    add_and_free(builder, key, GGUF_U32, &bytes);
}

void gguf_add_f32(gguf_builder *builder, const char *key, float value) {
    gguf_bytes bytes = {0};
    gguf_put_f32(&bytes, value);
    add_and_free(builder, key, GGUF_F32, &bytes);
}

void gguf_add_bool(gguf_builder *builder, const char *key, bool value) {
    uint8_t byte = value;
    gguf_add_value(builder, key, GGUF_BOOL, &byte, 1);
}

void gguf_add_text(gguf_builder *builder, const char *key, const char *value) {
    gguf_bytes bytes = {0};
    gguf_put_text(&bytes, value);
    add_and_free(builder, key, GGUF_STRING, &bytes);
}

static gguf_bytes begin_array(uint32_t type, size_t count) {
    gguf_bytes bytes = {0};
    gguf_put_u32(&bytes, type);
    gguf_put_u64(&bytes, count);
    return bytes;
}

void gguf_add_f32_array(gguf_builder *builder, const char *key, const float *values, size_t count) {
    gguf_bytes bytes = begin_array(GGUF_F32, count);
    for (size_t i = 0; i < count; i++) {
        gguf_put_f32(&bytes, values[i]);
    }
    add_and_free(builder, key, GGUF_ARRAY, &bytes);
}

void gguf_add_u32_array(gguf_builder *builder, const char *key, const uint32_t *values,
                        size_t count) {
    gguf_bytes bytes = begin_array(GGUF_U32, count);
    for (size_t i = 0; i < count; i++) {
        gguf_put_u32(&bytes, values[i]);
    }
    add_and_free(builder, key, GGUF_ARRAY, &bytes);
}

void gguf_add_text_array(gguf_builder *builder, const char *key, const char *const *values,
                         size_t count) {
    gguf_bytes bytes = begin_array(GGUF_STRING, count);
    for (size_t i = 0; i < count; i++) {
        gguf_put_text(&bytes, values[i]);
    }
    add_and_free(builder, key, GGUF_ARRAY, &bytes);
}

void gguf_add_alignment(gguf_builder *builder, uint32_t alignment) {
    gguf_add_u32(builder, "general.alignment", alignment);
    builder->alignment = alignment;
}

/* ---- numbers of tensors ---- */

uint16_t gguf_f16(float value) {
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    float size = fabsf(value);
    if (isnan(value)) {
        return (uint16_t)(sign | 0x7e00);
    }
    if (size == 0) {
        return sign;
    }
    if (size >= 65520.0f) {
        return (uint16_t)(sign | 0x7c00);
    }
    int exponent;
    (void)frexpf(size, &exponent);
    int last = exponent - 11 > -24 ? exponent - 11 : -24; /* exponent of the last bit */
    unsigned steps = (unsigned)rintf(ldexpf(size, -last));
    /* 1024 steps are the first normal number; 2048 are carried into the exponent by the sum. */
    return (uint16_t)(sign | (((unsigned)(last + 24) << 10) + steps));
}

uint16_t gguf_bf16(float value) {
    uint32_t bits = bits_of(value);
    if (isnan(value)) {
        return (uint16_t)(bits >> 16 | 0x40);
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* A block of 32. As other writers do, the scale is rounded after the quants are made. */
static void put_q8_0(gguf_bytes *to, const float *values) {
    float largest = 0;
    for (size_t i = 0; i < 32; i++) {
        largest = fmaxf(largest, fabsf(values[i]));
    }
    float scale = largest / 127;
    gguf_put_u16(to, gguf_f16(scale));
    for (size_t i = 0; i < 32; i++) {
        float quant = scale > 0 ? rintf(values[i] / scale) : 0;
        int8_t byte = (int8_t)fmaxf(-127, fminf(127, quant));
        gguf_put(to, &byte, 1);
    }
}

static void put_values(gguf_bytes *to, uint32_t type, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (type == GGUF_TENSOR_F32) {
            gguf_put_f32(to, values[i]);
        } else if (type == GGUF_TENSOR_F16) {
            gguf_put_u16(to, gguf_f16(values[i]));
        } else if (type == GGUF_TENSOR_BF16) {
            gguf_put_u16(to, gguf_bf16(values[i]));
        } else if (type == GGUF_TENSOR_Q8_0 && i % 32 == 0) {
            put_q8_0(to, values + i);
        }
    }
}

/* ---- tensors ---- */

static void pad(gguf_bytes *bytes, uint32_t alignment) {
    static const uint8_t zero;
    while (bytes->size % (alignment != 0 ? alignment : 32) != 0) {
        gguf_put(bytes, &zero, 1);
    }
}

void gguf_describe(gguf_builder *builder, const char *name, uint32_t type, uint32_t dims,
                   const uint64_t *shape, uint64_t offset) {
    gguf_put_text(&builder->descriptions, name);
    gguf_put_u32(&builder->descriptions, dims);
    for (uint32_t i = dims; i > 0; i--) {
        gguf_put_u64(&builder->descriptions, shape[i - 1]);
    }
    gguf_put_u32(&builder->descriptions, type);
    gguf_put_u64(&builder->descriptions, offset);
    builder->tensors++;
}

static uint32_t crc_of_bits(uint32_t crc, int bits) {
    for (int bit = 0; bit < bits; bit++) {
        crc = crc >> 1 ^ (crc % 2 != 0 ? 0xedb88320 : 0);
    }
    return crc;
}

/* CRC-32 as gzip has it, byte by byte. */
static uint32_t crc_of(const uint8_t *bytes, size_t size) {
    static uint32_t table[256];
    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        table[i] = crc_of_bits(i, 8);
    }
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
    }
    return ~crc;
}

uint64_t gguf_add_data(gguf_builder *builder, const void *bytes, size_t size) {
    pad(&builder->data, builder->alignment);
    uint64_t offset = builder->data.size;
    gguf_put(&builder->data, bytes, size);
    gguf_put_u32(&builder->crcs, crc_of(bytes, size));
    return offset;
}

void gguf_add_tensor(gguf_builder *builder, const char *name, uint32_t type, uint32_t dims,
                     const uint64_t *shape, const float *values) {
    gguf_bytes bytes = {0};
    size_t count = 1;
    for (uint32_t i = 0; i < dims; i++) {
        count *= (size_t)shape[i];
    }
    put_values(&bytes, type, values, count);
    gguf_describe(builder, name, type, dims, shape,
                  gguf_add_data(builder, bytes.bytes, bytes.size));
    gguf_free(&bytes);
}

void gguf_add_vector(gguf_builder *builder, const char *name, size_t length, const float *values) {
    uint64_t shape[1] = {length};
    gguf_add_tensor(builder, name, GGUF_TENSOR_F32, 1, shape, values);
}

void gguf_add_matrix(gguf_builder *builder, const char *name, uint32_t type, size_t rows,
                     size_t columns, const float *values) {
    uint64_t shape[2] = {rows, columns};
    gguf_add_tensor(builder, name, type, 2, shape, values);
}

void gguf_add_crcs(gguf_builder *builder) {
    gguf_bytes bytes = begin_array(GGUF_U32, builder->crcs.size / 4);
    gguf_put(&bytes, builder->crcs.bytes, builder->crcs.size);
    add_and_free(builder, "dualpath.tensor_crc32", GGUF_ARRAY, &bytes);
}

/* ---- the file ---- */

uint8_t *gguf_finish(gguf_builder *builder, size_t *size) {
    gguf_bytes file = {0};
    gguf_put(&file, "GGUF", 4);
    gguf_put_u32(&file, 3);
    gguf_put_u64(&file, builder->tensors);
    gguf_put_u64(&file, builder->entries);
    gguf_put(&file, builder->metadata.bytes, builder->metadata.size);
    gguf_put(&file, builder->descriptions.bytes, builder->descriptions.size);
    if (builder->tensors > 0) {
        pad(&file, builder->alignment);
    }
    gguf_put(&file, builder->data.bytes, builder->data.size);
    gguf_free(&builder->metadata);
    gguf_free(&builder->descriptions);
    gguf_free(&builder->data);
    gguf_free(&builder->crcs);
    *builder = (gguf_builder){0};
    *size = file.size;
    return realloc(file.bytes, file.size);
}
