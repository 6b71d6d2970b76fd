/*
 * Tensors of a GGUF file: their types, and their numbers as f32.
 */
#ifndef DPI_TENSOR_H
#define DPI_TENSOR_H

#include "base/message.h"
#include "base/text.h"
#include "base/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of Q8_0: an f16 scale and this many signed bytes. */
#define DPI_Q8_0_VALUES 32
#define DPI_Q8_0_BYTES 34

typedef enum dpi_tensor_type {
    DPI_TENSOR_F32 = 0,
    DPI_TENSOR_F16 = 1,
    DPI_TENSOR_Q8_0 = 8,
    DPI_TENSOR_I8 = 24, /* bytes, which are used as they stand: they have no value as f32 */
    DPI_TENSOR_BF16 = 30
} dpi_tensor_type;

typedef struct dpi_tensor {
    dpi_text name;
    dpi_tensor_type type;
    size_t dims;       /* 1 .. 4 */
    uint64_t shape[4]; /* as in NumPy: rows first, columns last */
    uint64_t offset;   /* of the first byte in the data section */
    const uint8_t *data;
    size_t bytes;
    bool has_crc;
    uint32_t crc;
} dpi_tensor;

/* "f32", "f16", "bf16", "q8_0", "i8" */
const char *dpi_tensor_type_name(dpi_tensor_type type);

/* Bytes that `count` numbers take, of Q8_0 a multiple of 32; 0 for an unknown type. */
uint64_t dpi_tensor_bytes(uint32_t type, uint64_t count);

/* The CRC-32 of a tensor's bytes; the watch advances by as many. */
dp_status dpi_tensor_crc(const dpi_tensor *tensor, uint32_t *crc, dpi_watch *watch,
                         dpi_message *message);

/* Checks one tensor against its CRC-32; one that has none is sound. */
dp_status dpi_tensor_check(const dpi_tensor *tensor, dpi_watch *watch, dpi_message *message);

/* Values [first, first + count) of a tensor of any type but I8 as f32. For Q8_0 both are multiples
 * of 32. Values that are not finite are an error that names the tensor. */
dp_status dpi_tensor_read(const dpi_tensor *tensor, size_t first, size_t count, float *values,
                          dpi_message *message);

#endif /* DPI_TENSOR_H */
