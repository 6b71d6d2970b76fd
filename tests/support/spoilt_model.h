/*
 * A golden weight file in memory, and a tensor in it whose bytes may be written to.
 */
#ifndef SPOILT_MODEL_H
#define SPOILT_MODEL_H

#include "api_support.h"
#include "gguf/gguf.h"
#include "gguf_builder.h"

#include <check.h>

typedef struct spoilt_file {
    uint8_t *bytes, *tensor;
    size_t size, tensor_size;
} spoilt_file;

static inline spoilt_file find_tensor_of(const char *golden, const char *name) {
    spoilt_file file = {0};
    dpi_message message;
    dpi_gguf gguf;
    file.bytes = read_golden(golden, &file.size);
    ck_assert_int_eq(dpi_gguf_parse(file.bytes, file.size, NULL, &gguf, &message), DP_OK);
    const dpi_tensor *tensor = dpi_gguf_tensor(&gguf, name);
    ck_assert_ptr_nonnull(tensor);
    file.tensor = file.bytes + (tensor->data - file.bytes);
    file.tensor_size = tensor->bytes;
    dpi_gguf_free(&gguf);
    return file;
}

static inline spoilt_file find_golden_tensor(const char *name) {
    return find_tensor_of(SMALL_MODEL, name);
}

/* As a file has it, on any machine. */
static inline void put_float(uint8_t *bytes, float value) {
    gguf_bytes four = {0};
    gguf_put_f32(&four, value);
    memcpy(bytes, four.bytes, four.size);
    gguf_free(&four);
}

/* All values of a tensor become this. */
static inline spoilt_file fill_tensor_of(const char *golden, const char *name, float value) {
    spoilt_file file = find_tensor_of(golden, name);
    for (size_t i = 0; i < file.tensor_size; i += sizeof value) {
        put_float(file.tensor + i, value);
    }
    return file;
}

static inline spoilt_file fill_golden_tensor(const char *name, float value) {
    return fill_tensor_of(SMALL_MODEL, name, value);
}

#endif /* SPOILT_MODEL_H */
