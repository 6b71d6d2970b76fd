/*
 * A reader of GGUF version 3 for files that cannot be trusted: docs/weight-format.md, "Container".
 * It checks the whole structure once; what it hands out afterwards lies inside the bytes. It knows
 * nothing of what the tensors are for.
 */
#ifndef DPI_GGUF_H
#define DPI_GGUF_H

#include "gguf/contents.h"
#include "gguf/metadata.h"
#include "gguf/tensor.h"

/* Aligns the data section and the tensors in it. */
#define DPI_GGUF_ALIGNMENT_KEY "general.alignment"

/* The key of the tensors' checksums, an array of u32 in the order of the tensors. GGUF has none of
 * its own: this array is an addition of ours to the container, the same for whatever lies in it, so
 * the container's reader knows it, and nobody has to tell it the key. */
#define DPI_GGUF_CRC_KEY "dualpath.tensor_crc32"

/* Parses and checks. The bytes must outlive the result. On failure nothing is held. */
dp_status dpi_gguf_parse(const uint8_t *bytes, size_t size, const dp_allocator *allocator,
                         dpi_gguf *gguf, dpi_message *message);

#endif /* DPI_GGUF_H */
